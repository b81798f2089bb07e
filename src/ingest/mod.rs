//! Carries out a plan: many requests at a time to the API, one writer to the database.
//!
//! ```text
//! job ──> run ──> worker ──> task (decides what to ask and what follows; no input or output)
//!                    └─> fetcher (attempts: pause, rate, sign, send, retry) ──> api
//!                    └─> bounded queue ──> writer thread (owns the store, one transaction a batch)
//! ```
//!
//! - [`listing`]: asks for the account's domains; [`trial`]: sends one request outside of a run
//! - [`job`]: the work of a run, prepared from what the database knows
//! - [`refused_ranges`]: the ranges that earlier runs were refused, and which of them are due again
//! - [`mod@run`]: carries out a job; `worker` carries out its tasks
//! - [`decide`]: what follows from an answer, as pure functions and a state machine
//! - [`fetcher`]: sends one request, with retries; [`question`]: what is asked, through what it is sent, and what comes of it
//! - [`permit`]: the right to have a request in flight
//! - [`rate_limiter`]: the rate limit and the pause that all workers share
//! - `turns`: searches for the same edge of retention take turns
//! - `clocks`: this machine's clock against the API's
//! - [`denial`]: answers that refuse the caller, and when they end a run
//! - [`control`]: how a run is stopped, and why
//! - `commit_queue`: the commits that wait for the writer, bounded by the memory that they take
//! - `writer`: the thread that owns the store; `passed`: the days and months that it computes while it waits
//! - `finalizer`: rollups, the end of the run, and the summary, on the thread of `closer`
//! - [`finished`]: how a run ended, for the caller
//! - [`summary`]: the summary of a run; [`named_list`] bounds its lists
//! - [`progress`]: live counters for display
//! - [`mod@replay`]: reads rejects again, without a request; `reject_index` knows the neighbours of each reject

mod clocks;
mod closer;
mod commit_queue;
pub mod control;
pub mod decide;
pub mod denial;
pub mod fetcher;
mod finalizer;
pub mod finished;
pub mod job;
pub mod listing;
pub mod named_list;
mod passed;
pub mod permit;
pub mod progress;
pub mod question;
pub mod rate_limiter;
pub mod refused_ranges;
mod reject_index;
pub mod replay;
pub mod run;
pub mod summary;
pub mod trial;
mod turns;
mod worker;
mod writer;

pub use clocks::ClockDifference;
pub use control::{Control, Stop};
pub use denial::Denial;
pub use finished::{Finished, RunError};
pub use job::{Job, JobSettings, Pace};
pub use listing::{Listed, ListingError, list_domains};
pub use progress::Progress;
pub use question::{Question, Transport};
pub use replay::{Chosen, Kept, Replayed, replay};
pub use run::run;
pub use summary::{FailedRange, Summary};
pub use trial::{TrialFailure, try_once};

pub use crate::interrupt::Signal;
