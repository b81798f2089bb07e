//! The runtime of the network side.

use tokio::runtime::{Builder, Runtime};

use super::descriptors;
use super::error::CliError;
use super::exit::ExitStatus;

/// Returns a runtime on the calling thread, for a command that fetches. At most `blocking` more threads read answers
/// and look up names.
///
/// Drop it with `shutdown_background`: requests that were given up, and a writer in the middle of a transaction, end
/// with the process. A transaction that was not committed leaves nothing.
pub fn runtime(blocking: usize) -> Result<Runtime, CliError> {
    descriptors::ensure()?;
    Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(blocking)
        .build()
        .map_err(|error| CliError::new(ExitStatus::FAILED, &error))
}
