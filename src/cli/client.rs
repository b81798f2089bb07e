//! The API client.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Client, ClientSettings};
use crate::cli::{CliError, ExitStatus};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::model::Credentials;

/// The longest time to connect, and the longest silence within an answer. The time limit of the whole request also
/// applies.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the client for the configured endpoint.
pub(super) fn client(
    config: &Config,
    credentials: Credentials,
    clock: &SharedClock,
) -> Result<Client, CliError> {
    let settings = ClientSettings {
        endpoint: config.endpoint.clone(),
        proxy: config.route()?.proxy().cloned(),
        credentials,
        timeout: config.fetch.timeout,
        connect_timeout: CONNECT_TIMEOUT,
        read_timeout: READ_TIMEOUT,
        max_body: config.fetch.max_body,
        concurrency: config.fetch.concurrency,
        user_agent: concat!("jdcdn-stats/", env!("CARGO_PKG_VERSION")).to_owned(),
        clock: Arc::clone(clock),
    };
    Client::new(settings).map_err(|error| CliError::new(ExitStatus::FAILED, &error))
}
