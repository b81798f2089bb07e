//! Carries out a plan: many requests at a time towards the API, one writer towards the database.
//!
//! ```text
//! plan ──> run ──> unit (one planned request: splits, halves, probes)
//!                    └─> courier (attempts: pause, rate, sign, send, retry) ──> api
//!                    └─> bounded channel ──> writer thread (owns the store, one transaction a batch)
//! ```
//!
//! - [`mod@run`]: hands out the plan
//! - `ending`: rollups, the end of the run, and the summary
//! - [`mod@unit`]: one planned request, until all of it is stored, refused or given up
//! - [`courier`]: one request, through its attempts
//! - `clocks`: this machine's clock against the API's
//! - [`gate`]: the rate limit and the pause that all workers share
//! - [`learned`]: what the API's answers taught about its limits during the run
//! - [`control`]: how a run is stopped, and why
//! - [`writer`]: the thread that owns the store
//! - [`mod@replay`]: reads rejects again, without a request; `survey` knows what lies beside each
//! - [`progress`]: live counters for whoever watches
//! - [`summary`]: what is told at the end

mod clocks;
pub mod control;
pub mod courier;
mod ending;
pub mod gate;
pub mod learned;
pub mod progress;
pub mod replay;
pub mod run;
pub mod summary;
mod survey;
pub mod unit;
pub mod writer;

pub use control::{Control, Signal, Stop};
pub use courier::Transport;
pub use progress::Progress;
pub use replay::{Chosen, Kept, Replayed, replay};
pub use run::{Finished, Job, Pace, RunError, run};
pub use summary::{FailedRange, Summary};
