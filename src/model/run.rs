//! The outcome and the counters of a run.

use std::ops::AddAssign;

use serde::Serialize;

/// How a run ended. `origin_runs.outcome` holds the text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything that was asked for is stored.
    Complete,
    /// The plan was carried out, but some windows failed or some points were rejected.
    Partial,
    /// It could not go on.
    Failed,
    /// The API refused the credentials.
    Refused,
    /// A signal stopped it. Everything that had arrived was committed.
    Stopped,
}

impl Outcome {
    /// Returns the text that is stored and printed.
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

/// A counter of a run. SQL, JSON and sums read the list of counters.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    /// The name of its column in `origin_runs`.
    pub name: &'static str,
    /// Returns its value.
    pub get: fn(&RunTotals) -> u64,
    /// Returns its value, to be changed.
    pub get_mut: fn(&mut RunTotals) -> &mut u64,
}

/// Defines the counters once: the fields and the list of them.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of a run. A window is one planned request: a range and a group of domains;
        /// `windows_planned` equals the sum of the other three once the run has ended.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct RunTotals {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// All counters.
        pub const COUNTERS: &[Counter] = &[$(Counter {
            name: stringify!($name),
            get: |totals| totals.$name,
            get_mut: |totals| &mut totals.$name,
        },)*];
    };
}

counters! {
    /// Windows in the plan.
    windows_planned,
    /// Windows of which everything is stored.
    windows_fetched,
    /// Windows of which something is missing after all retries.
    windows_failed,
    /// Windows that were not asked for: the run was stopped, or they lie beyond retention.
    windows_skipped,
    /// Points in the answers.
    points_received,
    /// Points that were not stored before.
    points_inserted,
    /// Points that were stored with other figures before.
    points_updated,
    /// Points that were stored with the same figures before, and identical duplicates within an answer.
    points_unchanged,
    /// Points that could not be taken; see `origin_rejects`.
    points_rejected,
    /// Points whose status codes do not add up to their requests; stored as reported.
    points_odd_codes,
    /// Stored points that the new answers lacked; they were kept.
    points_left_out,
    /// HTTP requests sent, retries included.
    requests,
    /// Requests that were sent because an earlier one failed.
    retries,
    /// Bytes of the answers' bodies, decompressed.
    bytes,
    /// Slots in the windows of this run, summed over the domains.
    slots_asked,
    /// Those of them without a point in the answers.
    slots_empty,
    /// Those of them whose point could not be taken.
    slots_rejected,
    /// Those of them for which no usable answer came.
    slots_failed,
    /// Points outside of the range that was asked for; neither stored nor a failure.
    points_surplus,
    /// Slots that a second, different request found empty as well.
    holes_confirmed,
    /// Requests that are not in the plan: for holes, for one slot that shows the spacing of points, and for the
    /// newest slot that is marked as beyond retention.
    confirmations,
}

impl AddAssign for RunTotals {
    fn add_assign(&mut self, other: Self) {
        for counter in COUNTERS {
            *(counter.get_mut)(self) += (counter.get)(&other);
        }
    }
}
