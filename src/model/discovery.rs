//! What follows from a list of the account's domains: which are fetched in addition to the configured ones.
//!
//! Nothing follows from one answer. A domain is followed after two listings in a row, at least an hour apart, have shown
//! it. One that is missing stays, because the API does not list every domain.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::slot::{HOUR_SECONDS, UnixSeconds, cst_day_floor};
use super::{AccountDomain, Domain, DomainStatus, text};

/// How many listings in a row must have shown a domain before it is followed.
const ENOUGH_LISTINGS: i64 = 2;
/// Listings closer together than this, in seconds, count as one.
const LISTINGS_APART: i64 = HOUR_SECONDS;
/// The shortest time between two attempts to list, in seconds. It is a little less than a day, so that a timer that is a
/// little early does not skip a day.
const ATTEMPTS_APART: i64 = 20 * HOUR_SECONDS;

/// What is done about domains of the account that are not configured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Discover {
    /// Nothing. The API is not asked.
    #[default]
    Off,
    /// They are named once a day.
    Warn,
    /// They are fetched, too.
    Follow,
}

/// A text that names no [`Discover`]; the text is part of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a way to discover domains: write `off`, `warn` or `follow`")]
pub struct DiscoverError {
    given: String,
}

impl Discover {
    /// As the configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Follow => "follow",
        }
    }
}

impl fmt::Display for Discover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Discover {
    type Err = DiscoverError;

    fn from_str(given: &str) -> Result<Self, DiscoverError> {
        let all = [Self::Off, Self::Warn, Self::Follow];
        let found = all.into_iter().find(|discover| discover.as_str() == given);
        found.ok_or_else(|| DiscoverError {
            given: text::printable(given),
        })
    }
}

/// What is done about one domain of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// Nothing yet.
    Listed,
    /// It is fetched, whether or not it is configured.
    Followed,
    /// It was given up. It is fetched only if it is configured.
    Forgotten,
}

impl DomainState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Listed, Self::Followed, Self::Forgotten];

    /// As the database writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Followed => "followed",
            Self::Forgotten => "forgotten",
        }
    }
}

/// What the database knows of a domain of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDomain {
    /// As the last listing had it that showed it.
    pub listed: AccountDomain,
    /// What is done about it.
    pub state: DomainState,
    /// How many listings in a row have shown it; 0: the last one did not.
    pub listings: i64,
    /// When it was listed for the first time.
    pub first_listed_at: UnixSeconds,
    /// When it was listed for the last time.
    pub last_listed_at: UnixSeconds,
    /// The first listing since then that did not show it.
    pub missing_since: Option<UnixSeconds>,
    /// When it was followed for the first time.
    pub followed_at: Option<UnixSeconds>,
}

impl KnownDomain {
    fn new(listed: AccountDomain, at: UnixSeconds) -> Self {
        Self {
            listed,
            state: DomainState::Listed,
            listings: 1,
            first_listed_at: at,
            last_listed_at: at,
            missing_since: None,
            followed_at: None,
        }
    }

    /// Notes a listing that shows it.
    fn show(&mut self, listed: AccountDomain, at: UnixSeconds) {
        // The clock may have gone back since.
        if self.listings == 0 || at.abs_diff(self.last_listed_at) >= LISTINGS_APART.unsigned_abs() {
            self.listings = self.listings.saturating_add(1);
            self.last_listed_at = at;
        }
        self.listed = listed;
        self.missing_since = None;
    }

    /// Notes a listing that does not show it.
    fn miss(&mut self, at: UnixSeconds) {
        self.listings = 0;
        self.missing_since.get_or_insert(at);
    }

    fn may_be_followed(&self) -> bool {
        self.state == DomainState::Listed
            && self.listings >= ENOUGH_LISTINGS
            && self.listed.status.may_have_figures()
    }
}

/// Whether it is time to list the domains. `last` is the last attempt, with or without success.
///
/// That is once on every day of UTC+8, at least 20 hours after the last attempt. A last attempt in the future was noted
/// by a wrong clock.
#[must_use]
pub fn is_due(last: Option<UnixSeconds>, now: UnixSeconds) -> bool {
    last.is_none_or(|last| {
        last > now.saturating_add(HOUR_SECONDS)
            || (cst_day_floor(last) < cst_day_floor(now) && now.saturating_sub(last) >= ATTEMPTS_APART)
    })
}

/// Returns what is known after a consistent listing at the moment `at`, in the order of the names.
///
/// With [`Discover::Follow`], domains that are not `configured` are followed if they are served or stopped, and this
/// listing and the one before have shown them. Nothing else becomes followed, and nothing ceases to be. Of the two forms
/// of a wildcard only one is followed, and none if the other is forgotten: they mean the same traffic.
#[must_use]
pub fn learn(
    known: Vec<KnownDomain>,
    listing: &[AccountDomain],
    configured: &[Domain],
    discover: Discover,
    at: UnixSeconds,
) -> Vec<KnownDomain> {
    let mut shown: BTreeMap<&Domain, &AccountDomain> =
        listing.iter().map(|domain| (&domain.name, domain)).collect();
    let mut known = known;
    for row in &mut known {
        match shown.remove(&row.listed.name) {
            Some(listed) => row.show(listed.clone(), at),
            None => row.miss(at),
        }
    }
    let new = shown.into_values();
    known.extend(new.map(|listed| KnownDomain::new(listed.clone(), at)));
    if discover == Discover::Follow {
        let mut taken = decided(&known);
        for row in &mut known {
            let name = &row.listed.name;
            if row.may_be_followed() && !is_among(configured, name) && !is_among(&taken, name) {
                taken.push(name.clone());
                row.state = DomainState::Followed;
                row.followed_at.get_or_insert(at);
            }
        }
    }
    known.sort_by(|one, other| one.listed.name.cmp(&other.listed.name));
    known
}

/// Returns the domains that are fetched in addition to the configured ones.
#[must_use]
pub fn followed(known: &[KnownDomain]) -> Vec<Domain> {
    let followed = known.iter().filter(|row| row.state == DomainState::Followed);
    followed.map(|row| row.listed.name.clone()).collect()
}

/// Returns the domains that are followed or forgotten.
fn decided(known: &[KnownDomain]) -> Vec<Domain> {
    let decided = known.iter().filter(|row| row.state != DomainState::Listed);
    decided.map(|row| row.listed.name.clone()).collect()
}

/// Returns the domains that the next listing makes followed if it shows them again. They have figures already, so nothing
/// of the account is complete without them.
#[must_use]
pub fn awaited(known: &[KnownDomain], configured: &[Domain]) -> Vec<Domain> {
    let mut taken = decided(known);
    let mut awaited = Vec::new();
    for row in known {
        let name = &row.listed.name;
        let is_shown = row.state == DomainState::Listed && row.listings > 0;
        if is_shown
            && row.listed.status.may_have_figures()
            && !is_among(configured, name)
            && !is_among(&taken, name)
        {
            taken.push(name.clone());
            awaited.push(name.clone());
        }
    }
    awaited
}

/// Returns the followed domains that their owner has stopped, by the last listing that had them.
#[must_use]
pub fn stopped(known: &[KnownDomain]) -> Vec<Domain> {
    let stopped = known
        .iter()
        .filter(|row| row.state == DomainState::Followed && row.listed.status == DomainStatus::Stopped);
    stopped.map(|row| row.listed.name.clone()).collect()
}

/// Whether `domains` has a name that means `name`.
#[must_use]
pub fn is_among(domains: &[Domain], name: &Domain) -> bool {
    domains.iter().any(|domain| domain.is_same(name))
}

/// What a person should know after a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscoveryNews {
    /// Domains that are followed from now on.
    pub followed: Vec<Domain>,
    /// Domains that the account has, and that are neither configured nor followed nor given up.
    pub not_fetched: Vec<Domain>,
    /// Of these, the ones that are followed if the next listing shows them again.
    pub seen_once: Vec<Domain>,
    /// Of these, the ones whose status is not known, so that they are not followed.
    pub unknown: Vec<Domain>,
    /// Domains that are followed, and that the account does not list any more.
    pub missing: Vec<Domain>,
}

/// Returns what is new in `after`, which [`learn`] has made of `before`.
///
/// A domain that the vendor has not accepted has no figures, so it is not news.
#[must_use]
pub fn news(
    before: &[KnownDomain],
    after: &[KnownDomain],
    configured: &[Domain],
    discover: Discover,
) -> DiscoveryNews {
    let was_followed: Vec<Domain> = followed(before);
    let decided = decided(after);
    let mut news = DiscoveryNews::default();
    for row in after {
        let name = &row.listed.name;
        match row.state {
            DomainState::Followed => {
                if !was_followed.contains(name) {
                    news.followed.push(name.clone());
                }
                if row.missing_since.is_some() {
                    news.missing.push(name.clone());
                }
            }
            DomainState::Listed
                if row.missing_since.is_none()
                    && row.listed.status.is_accepted()
                    && !is_among(configured, name)
                    && !is_among(&decided, name) =>
            {
                news.not_fetched.push(name.clone());
                let is_unknown = matches!(row.listed.status, DomainStatus::Unknown | DomainStatus::Other(_));
                if discover == Discover::Follow && is_unknown {
                    news.unknown.push(name.clone());
                }
            }
            DomainState::Listed | DomainState::Forgotten => {}
        }
    }
    if discover == Discover::Follow {
        news.seen_once = awaited(after, configured);
    }
    news
}

#[cfg(test)]
mod tests;
