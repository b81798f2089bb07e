//! Carries out a plan: many requests at a time towards the API, one writer towards the database.
//!
//! ```text
//! job ──> run ──> worker ──> task (decides what to ask and what follows; no input or output)
//!                    └─> fetcher (attempts: pause, rate, sign, send, retry) ──> api
//!                    └─> bounded channel ──> writer thread (owns the store, one transaction a batch)
//! ```
//!
//! - [`refused_ranges`]: what was refused before, and is asked for again
//! - [`job`]: what a run carries out, from what the database knows
//! - [`mod@run`]: hands it out; `worker`: asks what a task wants to ask
//! - [`decide`]: what follows from an answer, as pure functions and a state machine
//! - `finalizer`: rollups, the end of the run, and the summary
//! - [`fetcher`]: one request, through its attempts
//! - `clocks`: this machine's clock against the API's
//! - [`rate_limiter`]: the rate limit and the pause that all workers share
//! - [`denial`]: answers that refuse the one who asks, and when they end a run
//! - [`control`]: how a run is stopped, and why
//! - [`writer`]: the thread that owns the store
//! - [`mod@replay`]: reads rejects again, without a request; `index` knows what lies beside each
//! - [`progress`]: live counters for whoever watches
//! - [`summary`]: what is told at the end

mod clocks;
pub mod control;
pub mod decide;
pub mod denial;
pub mod fetcher;
mod finalizer;
pub mod finished;
pub mod job;
pub mod named_list;
pub mod progress;
pub mod rate_limiter;
pub mod refused_ranges;
mod reject_index;
pub mod replay;
pub mod run;
pub mod summary;
mod worker;
pub mod writer;

pub use control::{Control, Stop};
pub use denial::Denial;
pub use fetcher::Transport;
pub use finished::{Finished, RunError};
pub use job::{Job, JobSettings, Pace};
pub use progress::Progress;
pub use replay::{Chosen, Kept, Replayed, replay};
pub use run::run;
pub use summary::{FailedRange, Summary};

pub use crate::interrupt::Signal;
