//! Where figures come from: the API, or the simulator.

/// The header with which the simulator marks its answers. An API behind a proxy on this machine has the same kind of
/// address as the simulator, so the address tells nothing.
pub const SIMULATOR_HEADER: &str = "x-jdcdn-stats-simulator";

/// Where figures come from. `origin_runs.source` holds the text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataSource {
    /// The API.
    Api,
    /// The simulator. Its figures are invented.
    Simulator,
}

impl DataSource {
    /// Returns the text that is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Simulator => "simulator",
        }
    }
}
