//! The state of the database for the metrics.

use super::setup::pull;
use crate::cli::CliError;
use crate::config::Config;
use crate::model::{Domain, UnixSeconds};
use crate::store::{OpenError, Reader, StoreError};

/// The state of the database at one moment.
#[derive(Debug)]
pub(super) struct DatabaseStatus {
    /// Each configured domain, with the time of its newest point.
    pub(super) newest: Vec<(Domain, Option<UnixSeconds>)>,
    /// Slots that are due, summed over the domains.
    pub(super) due_slots: u64,
    /// Rejected points that wait for somebody to look.
    pub(super) rejects: u64,
}

impl DatabaseStatus {
    /// Reads the state, without keeping anybody from writing. A database that does not exist holds nothing.
    pub(super) fn read(config: &Config, now: UnixSeconds) -> Result<Self, CliError> {
        let reader = match Reader::open(&config.database) {
            Ok(reader) => Some(reader),
            Err(OpenError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let plan = pull(config, now)?.plan(reader.as_ref(), config, now)?;
        let newest = config.selected_domains.iter().map(|domain| {
            let newest = reader.as_ref().map(|reader| reader.newest_point(domain.as_str()));
            Ok((domain.clone(), newest.transpose()?.flatten()))
        });
        Ok(Self {
            newest: newest.collect::<Result<_, StoreError>>()?,
            due_slots: plan.size().slots,
            rejects: reader.map_or(Ok(0), |reader| reader.reject_count())?,
        })
    }
}
