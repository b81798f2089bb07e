//! What was asked, and what came of it.

/// One request that reached the simulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Counts the requests of this simulator from 1, also across [`clear_log`](super::Simulator::clear_log).
    pub sequence: u64,
    /// The domains asked for, in lower case; empty when they could not be read.
    pub domains: Vec<String>,
    /// The first second asked for, in Unix seconds; None when it could not be read.
    pub start: Option<i64>,
    /// The first second no longer asked for: the end of the minute in `end_time`, or of the current minute
    /// when there is none.
    pub end: Option<i64>,
    /// The simulator's clock when the request arrived, in Unix seconds.
    pub asked_at: i64,
    /// What came of it.
    pub outcome: Outcome,
}

impl LoggedRequest {
    /// Whether the request was answered with data, or refused, according to the truth.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self.outcome, Outcome::Answered(_))
    }
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered with this envelope status; 0 with data.
    Answered(i64),
    /// No request of this API: answered with this HTTP status.
    Http(u16),
    /// Met the fault of this [name](super::Fault::name).
    Faulted(&'static str),
}
