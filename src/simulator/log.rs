//! The requests that reached the simulator, and what came of them.

use std::sync::Arc;

use super::fault::Fault;

/// One request that reached the simulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Counts the requests of this simulator from 1. [`clear_log`](super::SimulatedService::clear_log) does not reset
    /// it.
    pub sequence: u64,
    /// Whether it asks for the domains of the account, and not for statistics.
    pub lists_domains: bool,
    /// The requested domains, in lower case; empty when they could not be read.
    pub domains: Vec<String>,
    /// The first second of the requested range, in Unix seconds; `None` when it could not be read.
    pub start: Option<i64>,
    /// The first second after the requested range: the end of the minute in `end_time`, or of the current minute when
    /// there is no `end_time`.
    pub end: Option<i64>,
    /// The simulator's clock when the request arrived, in Unix seconds.
    pub arrived_at: i64,
    /// What came of it.
    pub outcome: RequestOutcome,
}

impl LoggedRequest {
    /// Returns the request as one that lists domains. It has no range.
    pub(super) fn listing(self) -> Self {
        Self {
            lists_domains: true,
            domains: Vec::new(),
            start: None,
            end: None,
            ..self
        }
    }

    /// Returns whether the simulator answered or refused the request according to the truth.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self.outcome, RequestOutcome::Answered(_))
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Answered with this envelope status; 0 comes with data.
    Answered(i64),
    /// Not a request of this API: answered with this HTTP status.
    Http(u16),
    /// Met this fault.
    Faulted(Arc<Fault>),
}
