//! What a caller does about a failure.

use std::time::Duration;

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Try again after a wait, as often as the policy and the budget allow.
    Retry(RetryCost),
    /// Try again once; then the window has failed.
    RetryOnce,
    /// Try again once; then ask for less, until what cannot be read stands alone.
    Unreadable,
    /// All workers wait, then try again.
    Pause {
        /// How long the server asks to wait; `None`: as long as for an ordinary retry.
        retry_after: Option<Duration>,
    },
    /// Ask for shorter ranges.
    SplitWindow {
        /// The longest range in seconds, for the rest of the run; `None`: halve this one.
        max_span: Option<i64>,
    },
    /// Ask for less at once, for this part of the plan.
    Smaller {
        /// The size of the answer in bytes, where the server announced it.
        announced: Option<u64>,
    },
    /// Ask for fewer domains in a request, for the rest of the run.
    ShrinkBatch,
    /// The API refuses one of the domains: halve the batch until that domain stands alone, and leave it out.
    IsolateDomain,
    /// The API no longer serves the range, nor any older one.
    BeyondRetention,
    /// Stop the run: the account, its key or the clock is wrong.
    StopCredentials,
    /// Stop the run: the configuration or the way to the API is wrong, and every request would fail alike.
    StopConfiguration,
    /// The window has failed; others may not.
    Fail,
}

/// What a retry takes from the run's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryCost {
    /// The failure came quickly.
    Normal,
    /// The failure kept a worker busy for a whole timeout.
    Timeout,
}
