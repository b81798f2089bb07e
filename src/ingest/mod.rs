//! Carries out a plan: many requests at a time towards the API, one writer towards the database.
//!
//! ```text
//! job ──> run ──> worker ──> task (decides what to ask and what follows; no input or output)
//!                    └─> courier (attempts: pause, rate, sign, send, retry) ──> api
//!                    └─> bounded channel ──> writer thread (owns the store, one transaction a batch)
//! ```
//!
//! - [`again`]: what was refused before, and is asked for again
//! - [`job`]: what a run carries out, from what the database knows
//! - [`mod@run`]: hands it out; `worker`: asks what a task wants to ask
//! - [`decide`]: what follows from an answer, as pure functions and a state machine
//! - `ending`: rollups, the end of the run, and the summary
//! - [`courier`]: one request, through its attempts
//! - `clocks`: this machine's clock against the API's
//! - [`gate`]: the rate limit and the pause that all workers share
//! - [`denial`]: answers that refuse the one who asks, and when they end a run
//! - [`control`]: how a run is stopped, and why
//! - [`writer`]: the thread that owns the store
//! - [`mod@replay`]: reads rejects again, without a request; `survey` knows what lies beside each
//! - [`progress`]: live counters for whoever watches
//! - [`summary`]: what is told at the end

pub mod again;
mod clocks;
pub mod control;
pub mod courier;
pub mod decide;
pub mod denial;
mod ending;
pub mod gate;
pub mod job;
pub mod progress;
pub mod replay;
pub mod run;
pub mod summary;
mod survey;
mod worker;
pub mod writer;

pub use control::{Control, Stop};
pub use courier::Transport;
pub use denial::Denial;
pub use job::{Job, JobSettings, Pace};
pub use progress::Progress;
pub use replay::{Chosen, Kept, Replayed, replay};
pub use run::{Finished, RunError, run};
pub use summary::{FailedRange, Summary};

pub use crate::interrupt::Signal;
