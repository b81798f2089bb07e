//! The types that a window task takes and returns.

use super::conclusion::Conclusion;
use crate::ingest::summary::FailedRange;
use crate::model::{Domain, Refresh, Span};
use crate::store::Commit;

/// The settings that decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// When slots are asked for, and when they are settled.
    pub refresh: Refresh,
    /// Status 21 is believed only for slots older than this, in seconds.
    pub retention: i64,
    /// The range of the run. A refused domain is refused for all of it.
    pub range: Span,
}

/// Why a task exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is part of the plan.
    Planned,
    /// It asks again for the newest window of a range that an earlier run was refused.
    Scout,
    /// It asks for the newest slot that is marked as beyond retention.
    Probe,
    /// It asks again for a day with holes.
    Holes,
}

/// One request to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRequest {
    /// The domains to ask for.
    pub domains: Vec<Domain>,
    /// The range that is wanted.
    pub window: Span,
    /// The range to send. It contains the window.
    pub sent: Span,
}

/// What a task wants done.
#[derive(Debug)]
pub enum Output {
    /// Write this.
    Commit(Box<Commit>),
    /// Report that this could not be stored.
    Failed(FailedRange),
    /// Report this conclusion.
    Concluded(Conclusion),
    /// Take a retry from the run's budget, and wait as after a failure.
    Charge,
    /// Count so many slots of domains that the API refuses.
    LeftOut(Vec<(Domain, u64)>),
    /// The newest slot that is marked as beyond retention was served: the marks are wrong.
    Reopen,
}
