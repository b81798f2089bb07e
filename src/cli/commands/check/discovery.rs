//! What the API lists of the account, where the configuration wants that.

use super::report::CheckReport;
use crate::api::Client;
use crate::cli::CliError;
use crate::cli::listing::ask_with;
use crate::cli::view::text::{counted, domain_list};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ingest::ListingError;
use crate::model::convert::to_u64;
use crate::model::discovery::is_among;
use crate::model::{AccountDomain, Discover, Domain, DomainState, KnownDomain};
use crate::store::{Inspection, health, lock};

const NAME: &str = "account";

/// Returns what the database knows of the account's domains, without a trace. A file that cannot be read knows nothing:
/// another check says why.
pub(super) fn known(config: &Config) -> Vec<KnownDomain> {
    let path = config.database.as_path();
    let read = || match health::inspect(path, &lock::peek(path).ok()?).ok()? {
        Inspection::Database(reader) => reader.account_domains().ok(),
        Inspection::Missing | Inspection::LogOnly => None,
    };
    read().unwrap_or_default()
}

/// Lists the account's domains, and compares them with the domains that are fetched. Asks nothing if `discover` is off.
pub(super) fn check(
    report: &mut CheckReport,
    config: &Config,
    known: &[KnownDomain],
    client: &Client,
    clock: &SharedClock,
) -> Result<(), CliError> {
    if config.discover == Discover::Off {
        return Ok(());
    }
    let goes_on = "runs go on with the domains that they know";
    let listing = match ask_with(client.clone(), config, clock)? {
        Ok(listed) => listed.listing,
        Err(ListingError::Stopped) => return Ok(()),
        Err(error) => {
            report.warn(NAME, format!("its domains cannot be listed: {error}"), goes_on);
            return Ok(());
        }
    };
    if let Some(flaw) = listing.flaw {
        report.warn(
            NAME,
            format!("its list of domains is inconsistent: {flaw}"),
            goes_on,
        );
        return Ok(());
    }
    let (mut detail, mut is_complete) = compared(&listing.domains, config, known);
    if !listing.unreadable.is_empty() {
        let entries = counted(to_u64(listing.unreadable.len()), "unreadable line");
        detail = format!("{detail}; {entries}");
        is_complete = false;
    }
    if is_complete {
        report.ok(NAME, detail);
    } else {
        report.warn(
            NAME,
            detail,
            "`jdcdn-stats domains list` shows them; add what you need to `domains`, or set `discover = \"follow\"`",
        );
    }
    Ok(())
}

/// Returns what is listed and what is fetched, and whether nothing is left to do.
fn compared(listed: &[AccountDomain], config: &Config, known: &[KnownDomain]) -> (String, bool) {
    let fetched = config.kept_domains();
    let given_up = |name: &Domain| {
        let mut forgotten = known.iter().filter(|known| known.state == DomainState::Forgotten);
        forgotten.any(|known| known.listed.name.is_same(name))
    };
    let accepted = listed.iter().filter(|domain| domain.status.is_accepted());
    let new: Vec<Domain> = accepted
        .map(|domain| domain.name.clone())
        .filter(|name| !is_among(&fetched, name) && !given_up(name))
        .collect();
    let listed: Vec<Domain> = listed.iter().map(|domain| domain.name.clone()).collect();
    let absent: Vec<Domain> = fetched
        .iter()
        .filter(|name| !is_among(&listed, name))
        .cloned()
        .collect();
    let mut parts = vec![format!(
        "the API lists {}",
        counted(to_u64(listed.len()), "domain")
    )];
    if !config.followed_domains.is_empty() {
        let followed = to_u64(config.followed_domains.len());
        parts.push(format!("{} followed", counted(followed, "domain")));
    }
    if !new.is_empty() {
        parts.push(format!("not fetched: {}", domain_list(&new)));
    }
    if !absent.is_empty() {
        let names = domain_list(&absent);
        parts.push(format!(
            "fetched but not listed: {names} (the API never lists live streaming domains)"
        ));
    }
    (
        parts.join("; "),
        new.is_empty() || config.discover == Discover::Follow,
    )
}
