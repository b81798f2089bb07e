//! How a run ended, for the caller.

use super::summary::Summary;
use crate::store::{Store, StoreError};

/// The result of a run that ended in good order.
#[derive(Debug)]
pub struct Finished {
    /// The summary, with the counters that the database holds.
    pub summary: Summary,
    /// The database, for another run.
    pub store: Store,
}

/// Why a run could not end in good order.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The database could not be written.
    #[error("{source}")]
    Store {
        /// The error of the database.
        source: StoreError,
        /// What was committed before, if the database could still tell.
        summary: Option<Box<Summary>>,
    },
    /// The writer thread could not be started.
    #[error("no thread could be started to write: {0}")]
    NoThread(std::io::Error),
    /// A thread panicked. The panic message is not shown, because it may contain a piece of an answer.
    #[error("{0} was lost to a defect of jdcdn-stats and the run ended; what was committed before is safe")]
    Defect(&'static str),
}

impl From<StoreError> for RunError {
    fn from(source: StoreError) -> Self {
        Self::Store {
            source,
            summary: None,
        }
    }
}
