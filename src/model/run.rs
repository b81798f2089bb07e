//! What a run did, as numbers.

use serde::Serialize;

/// How a run ended. The text form is what `origin_runs.outcome` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything that was asked is stored.
    Complete,
    /// It went to its end, but some windows failed or some points were rejected.
    Partial,
    /// It could not go on.
    Failed,
    /// The API refused the credentials.
    Refused,
    /// A signal stopped it, after what had arrived was committed.
    Stopped,
}

impl Outcome {
    /// The text that is stored and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// The counters of a run. A window is one planned request: a range and a group of domains;
/// `windows_planned` equals the sum of the other three once the run has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunTotals {
    /// Windows in the plan.
    pub windows_planned: u64,
    /// Windows of which everything is stored.
    pub windows_fetched: u64,
    /// Windows of which something is missing after all retries.
    pub windows_failed: u64,
    /// Windows that were not asked for: the run was stopped, or they lie beyond retention.
    pub windows_skipped: u64,
    /// Points in the answers.
    pub points_received: u64,
    /// Points that were not stored before.
    pub points_inserted: u64,
    /// Points that were stored with other figures before.
    pub points_updated: u64,
    /// Points that were stored with the same figures before, and identical duplicates within an answer.
    pub points_unchanged: u64,
    /// Points that could not be taken; see `origin_rejects`.
    pub points_rejected: u64,
    /// Points whose status codes do not add up to their requests; stored as reported.
    pub points_odd_codes: u64,
    /// Stored points of which an answer for their window said nothing; they stay as they are.
    pub points_left_out: u64,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Requests that were sent because an earlier one failed.
    pub retries: u64,
    /// Bytes of the answers' bodies, decompressed.
    pub bytes: u64,
}
