//! How much is kept of what only explains the figures.

/// How much is kept of rejected points and of runs. Both only explain the figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeepLimits {
    /// The most rejected points whose text is kept; may be zero.
    pub rejects: u64,
    /// For how many seconds a run is listed. Runs that brought a reject stay.
    pub runs: i64,
}
