//! What the API lists, the configuration names and the database follows, joined by name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cli::view::text::rfc3339;
use crate::model::{AccountDomain, Domain, DomainState, KnownDomain, UnixSeconds};

/// A domain, and what is known of it. The names are those of JSON and CSV.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DomainRow {
    pub(super) domain: String,
    /// Whether the API lists it now.
    pub(super) listed: bool,
    /// Its status in the listing; `None` if it is not listed.
    pub(super) status: Option<String>,
    /// Whether it is listed, and the vendor has accepted it.
    #[serde(skip)]
    pub(super) is_accepted: bool,
    pub(super) kind: Option<String>,
    pub(super) region: Option<String>,
    pub(super) cname: Option<String>,
    /// Why runs fetch it: `configured`, `followed`, or `no`.
    pub(super) fetched: &'static str,
    /// Whether it was given up with `domains forget`.
    pub(super) forgotten: bool,
    /// The first of the daily listings that did not have it.
    #[serde(serialize_with = "rfc3339")]
    pub(super) missing_since: Option<UnixSeconds>,
}

impl DomainRow {
    fn new(name: &Domain) -> Self {
        Self {
            domain: name.to_string(),
            listed: false,
            status: None,
            is_accepted: false,
            kind: None,
            region: None,
            cname: None,
            fetched: "no",
            forgotten: false,
            missing_since: None,
        }
    }
}

/// Returns a row for each domain that is listed, configured, followed or forgotten, in the order of their names. One form
/// of a wildcard is the same domain as the other; the listing decides on its form.
pub(super) fn rows(listed: &[AccountDomain], configured: &[Domain], known: &[KnownDomain]) -> Vec<DomainRow> {
    let mut rows: BTreeMap<&Domain, DomainRow> = BTreeMap::new();
    for domain in listed {
        let row = DomainRow {
            listed: true,
            status: Some(domain.status.to_string()),
            is_accepted: domain.status.is_accepted(),
            kind: domain.kind.clone(),
            region: domain.region.clone(),
            cname: domain.cname.clone(),
            ..DomainRow::new(&domain.name)
        };
        rows.insert(&domain.name, row);
    }
    // One that left the account and was never fetched is no domain of the account any more.
    for known in known.iter().filter(|known| known.state != DomainState::Listed) {
        update(&mut rows, &known.listed.name, |row| {
            row.missing_since = known.missing_since;
            match known.state {
                DomainState::Followed => row.fetched = "followed",
                DomainState::Forgotten => row.forgotten = true,
                DomainState::Listed => {}
            }
        });
    }
    for name in configured {
        update(&mut rows, name, |row| row.fetched = "configured");
    }
    rows.into_values().collect()
}

/// Changes every row of this domain, in either form of a wildcard. Without one it gets a row.
fn update<'n>(rows: &mut BTreeMap<&'n Domain, DomainRow>, name: &'n Domain, change: impl Fn(&mut DomainRow)) {
    let mut is_there = false;
    for (_, row) in rows.iter_mut().filter(|(known, _)| known.is_same(name)) {
        change(row);
        is_there = true;
    }
    if !is_there {
        change(rows.entry(name).or_insert_with(|| DomainRow::new(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DomainStatus;

    #[test]
    fn each_domain_has_one_row_that_says_why_it_is_fetched() {
        let name = |text: &str| text.parse::<Domain>().unwrap();
        let listed = |text: &str| AccountDomain {
            name: name(text),
            status: DomainStatus::Running,
            cname: None,
            kind: None,
            region: None,
        };
        let known = |text: &str, state| KnownDomain {
            listed: listed(text),
            state,
            listings: 0,
            first_listed_at: 0,
            last_listed_at: 0,
            missing_since: Some(7),
            followed_at: None,
        };
        let found = rows(
            &[
                listed("*.w.com"),
                listed(".w.com"),
                listed("new.com"),
                listed("own.com"),
            ],
            &[name("own.com"), name(".w.com"), name("live.com")],
            &[
                known("gone.com", DomainState::Followed),
                known("given-up.com", DomainState::Forgotten),
                known("once.com", DomainState::Listed),
            ],
        );
        let found: Vec<_> = found
            .iter()
            .map(|row| {
                (
                    row.domain.as_str(),
                    row.listed,
                    row.fetched,
                    row.forgotten,
                    row.missing_since,
                )
            })
            .collect();
        let expected = [
            ("*.w.com", true, "configured", false, None),
            (".w.com", true, "configured", false, None),
            ("given-up.com", false, "no", true, Some(7)),
            ("gone.com", false, "followed", false, Some(7)),
            ("live.com", false, "configured", false, None),
            ("new.com", true, "no", false, None),
            ("own.com", true, "configured", false, None),
        ];
        assert_eq!(found, expected);
    }
}
