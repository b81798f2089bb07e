//! Asks for the account's domains, for every command that needs them.

use std::time::Duration;

use super::client::client;
use super::error::CliError;
use super::exit::ExitStatus;
use super::runtime::runtime;
use crate::api::{Client, FailureKind, Reaction};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ingest::{Control, Listed, ListingError, Pace, list_domains};
use crate::model::{Credentials, RetryPolicy};

/// The most attempts of a request. A listing must not delay the figures for long.
const MOST_ATTEMPTS: u32 = 3;

/// The longest time for a whole listing. It is shorter than the patience of a service manager.
const LONGEST: Duration = Duration::from_mins(5);

/// Returns all domains of the account, as the API lists them now. A signal ends the process meanwhile.
///
/// Show `listing.flaw` if there is one: the list may be incomplete.
///
/// # Errors
/// Where the API refuses the call or does not answer. The exit code and the advice are those of a run.
pub fn account_domains(
    config: &Config,
    credentials: Credentials,
    clock: &SharedClock,
) -> Result<Listed, CliError> {
    ask(config, credentials, clock)?.map_err(|error| refused(&error))
}

/// As [`account_domains`]. The outer error is one of this machine, the inner one of the API or the way to it.
///
/// # Errors
/// Where the client cannot be set up.
pub fn ask(
    config: &Config,
    credentials: Credentials,
    clock: &SharedClock,
) -> Result<Result<Listed, ListingError>, CliError> {
    ask_with(client(config, credentials, clock)?, config, clock)
}

/// As [`ask`], with this client.
///
/// # Errors
/// Where the runtime cannot be set up.
pub(super) fn ask_with(
    client: Client,
    config: &Config,
    clock: &SharedClock,
) -> Result<Result<Listed, ListingError>, CliError> {
    let runtime = runtime(1)?;
    let pace = Pace {
        concurrency: 1,
        requests_per_second: config.fetch.requests_per_second,
        retry: RetryPolicy {
            attempts: config.retry.attempts.min(MOST_ATTEMPTS),
            ..config.retry
        },
        seed: fastrand::u64(..),
        answered_before: false,
        first_pause: Duration::ZERO,
    };
    let control = Control::new();
    let listed = runtime.block_on(async {
        let listing = list_domains(client, &pace, clock, &control);
        let in_time = tokio::time::timeout(LONGEST, listing).await;
        in_time.unwrap_or_else(|_| Err(too_slow()))
    });
    runtime.shutdown_background();
    Ok(listed)
}

fn too_slow() -> ListingError {
    let what = format!(
        "the whole list took longer than {} minutes",
        LONGEST.as_secs() / 60
    );
    ListingError::Failed {
        kind: FailureKind::Timeout { what },
        clock_ahead: None,
    }
}

/// Returns the error of a command whose listing failed.
fn refused(error: &ListingError) -> CliError {
    let ListingError::Failed { kind, clock_ahead } = error else {
        return CliError::failed(error.to_string());
    };
    let status = match kind.reaction() {
        Reaction::StopCredentials => ExitStatus::REFUSED,
        Reaction::StopConfiguration => ExitStatus::USAGE,
        _ => ExitStatus::FAILED,
    };
    let help = match clock_ahead {
        Some(ahead) => Some(format!(
            "this machine's clock is {} s {} the API's: set it by NTP, because the signature contains the date",
            ahead.unsigned_abs(),
            if *ahead > 0 { "ahead of" } else { "behind" },
        )),
        None => help(kind).map(str::to_owned),
    };
    CliError::new(status, error)
        .with_context("cannot list the account's domains")
        .with_help(help)
}

fn help(kind: &FailureKind) -> Option<&'static str> {
    kind.help().or(match kind {
        FailureKind::Connect { .. } | FailureKind::Timeout { .. } | FailureKind::Interrupted { .. } => {
            Some("check `endpoint`, the network, and the proxy if there is one")
        }
        FailureKind::Api { .. } => {
            Some("the API may not offer this call to your account: list the domains in `domains` instead")
        }
        _ => Some("check `endpoint`; a proxy or a login page may be answering instead"),
    })
}
