//! What the database tells of the configured domains at one moment.

use rusqlite::OptionalExtension as _;

use super::setup::pull;
use crate::cli::{CliError, ExitStatus};
use crate::config::Config;
use crate::model::convert::to_u64;
use crate::model::{Domain, UnixSeconds};
use crate::store::{OpenError, Reader};

/// What the database tells at one moment.
#[derive(Debug)]
pub(super) struct Standing {
    /// Each configured domain, and the time of its newest point, if it has any.
    pub(super) newest: Vec<(Domain, Option<UnixSeconds>)>,
    /// Slots that are due, summed over the domains.
    pub(super) due_slots: u64,
    /// Pieces of answers that could not be taken and wait for somebody to look.
    pub(super) rejects: u64,
}

impl Standing {
    /// Looks at the database without keeping anybody from writing. One that is not there holds nothing.
    pub(super) fn read(config: &Config, now: UnixSeconds) -> Result<Self, CliError> {
        let reader = match Reader::open(&config.database) {
            Ok(reader) => Some(reader),
            Err(OpenError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let plan = pull(config, now)?.plan(reader.as_ref(), config, now)?;
        let (newest, rejects) = match &reader {
            Some(reader) => points(reader, &config.selected_domains)
                .map_err(|error| CliError::new(ExitStatus::DATABASE, &error))?,
            None => (
                config
                    .selected_domains
                    .iter()
                    .cloned()
                    .map(|domain| (domain, None))
                    .collect(),
                0,
            ),
        };
        Ok(Self {
            newest,
            due_slots: plan.size().slots,
            rejects,
        })
    }
}

type Newest = Vec<(Domain, Option<UnixSeconds>)>;

/// Through the public relations: one step into the key for each domain, however many points it has.
fn points(reader: &Reader, domains: &[Domain]) -> rusqlite::Result<(Newest, u64)> {
    let connection = reader.connection();
    let mut select =
        connection.prepare("SELECT ts FROM origin_stats WHERE domain = ?1 ORDER BY ts DESC LIMIT 1")?;
    let newest = domains
        .iter()
        .map(|domain| {
            let ts = select.query_row([domain.as_str()], |row| row.get(0)).optional()?;
            Ok((domain.clone(), ts))
        })
        .collect::<rusqlite::Result<_>>()?;
    let rejects: i64 = connection.query_row("SELECT count(*) FROM origin_rejects", [], |row| row.get(0))?;
    Ok((newest, to_u64(rejects)))
}
