//! Finds domains of the account that are not configured, at most once a day.

use super::error::CliError;
use super::listing;
use crate::api::Client;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ingest::{Listed, ListingError};
use crate::model::discovery::{self, DiscoveryNews};
use crate::model::{Discover, Domain, FactName, text};
use crate::store::{Store, StoreError};

/// How many domains are named in one line.
const NAMED: usize = 20;

/// Lists the account's domains if `discover` asks for it and it is time, notes the result in the database, and tells what
/// is new. Returns whether it has asked the API. A listing that fails or is inconsistent changes nothing but the time of
/// the next attempt.
///
/// # Errors
/// Where the database cannot be written, or the client cannot be set up. A refusal of the API is only told.
pub(super) fn discover(
    store: &mut Store,
    config: &Config,
    client: &Client,
    clock: &SharedClock,
) -> Result<bool, CliError> {
    let now = clock.now();
    let last = store.fact(&FactName::ListingTried)?.map(|fact| fact.learned_at);
    if config.discover == Discover::Off || !discovery::is_due(last, now) {
        return Ok(false);
    }
    let why = match listing::ask_with(client.clone(), config, clock)? {
        // The run itself ends at the first answer, and says why.
        Ok(listed) if is_of_another_source(store, &listed)? => return Ok(true),
        Ok(listed) => match listed.listing.flaw {
            None => {
                let before = store.account_domains()?;
                let after = discovery::learn(
                    before.clone(),
                    &listed.listing.domains,
                    &config.configured_domains,
                    config.discover,
                    listed.asked_at,
                );
                store.keep_listing(Some(&after), listed.listing.domains.len(), now)?;
                let news = discovery::news(&before, &after, &config.configured_domains, config.discover);
                tell(&news, config.discover);
                tell_unreadable(&listed.listing.unreadable);
                return Ok(true);
            }
            Some(flaw) => flaw.to_string(),
        },
        Err(error @ ListingError::Failed { .. }) => error.to_string(),
        Err(ListingError::Stopped) => return Ok(true),
    };
    store.keep_listing(None, 0, now)?;
    tracing::warn!(
        "new domains of the account cannot be seen today: {why}. The known domains are fetched as before; the next \
         attempt is tomorrow"
    );
    Ok(true)
}

/// Whether the simulator has listed the domains for a file with figures of the API, or the other way round.
fn is_of_another_source(store: &Store, listed: &Listed) -> Result<bool, StoreError> {
    let stored = store.stored_data()?.source();
    Ok(stored.is_some() && stored != listed.source)
}

fn tell(news: &DiscoveryNews, discover: Discover) {
    if !news.followed.is_empty() {
        tracing::warn!(
            "new in the account, and followed from now on: {}. `jdcdn-stats domains forget NAME` ends it",
            named(&news.followed)
        );
    }
    if !news.unknown.is_empty() {
        tracing::warn!(
            "in the account, and not followed because the status is unknown: {}. Add what you need to `domains`; \
             `jdcdn-stats domains forget NAME` ends this line",
            named(&news.unknown)
        );
    }
    if discover == Discover::Follow {
        if !news.seen_once.is_empty() {
            tracing::info!(
                "new in the account: {}. The next listing decides whether to follow",
                named(&news.seen_once)
            );
        }
    } else if !news.not_fetched.is_empty() {
        tracing::warn!(
            "in the account, and not configured: {}. Add what you need to `domains`; `jdcdn-stats domains forget NAME` \
             ends this line",
            named(&news.not_fetched)
        );
    }
    if !news.missing.is_empty() {
        tracing::warn!(
            "followed, and no longer listed in the account: {}. They are fetched all the same; `jdcdn-stats domains \
             forget NAME` ends it",
            named(&news.missing)
        );
    }
}

fn tell_unreadable(entries: &[String]) {
    if let Some(first) = entries.first() {
        tracing::warn!(
            entries = entries.len(),
            "the account's list has entries that cannot be read, such as: {}",
            text::printable(first)
        );
    }
}

/// Names the first domains and counts the others.
fn named(domains: &[Domain]) -> String {
    let first: Vec<&str> = domains.iter().take(NAMED).map(Domain::as_str).collect();
    let listed = first.join(", ");
    match domains.len() - first.len() {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
