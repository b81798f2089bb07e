//! What follows from an answer: a state machine without input or output.
//!
//! In goes an answer or a failure, out comes what to ask next and what to commit. The rule behind all of it:
//! one well-formed answer is enough to store a point; "try again later" needs no evidence; "nothing is here",
//! "do not ask again" and "stop asking" need two answers that agree, differently asked, and nothing that
//! contradicts them.
//!
//! - [`task`]: one planned request, until all of it is stored, concluded or failed
//! - `part`: a piece of a task that is still to be asked for
//! - `fit`: a part as the known limits let it be asked for
//! - `answered`: what an answer brings; `spacing`: whether it holds 5-minute points
//! - `holding`: an answer and its holes, until these are confirmed; `confirm`: the smaller requests for that
//! - `refused`: what a failure leads to; `retention`: where the API's memory ends (status 21)
//! - [`evidence`]: what each conclusion needs
//! - [`conclusion`]: what was concluded, for people
//! - [`knowledge`]: what the run knows of the service; `limits`: how much it takes at once

mod answered;
pub mod conclusion;
mod confirm;
pub mod evidence;
mod fit;
mod holding;
pub mod knowledge;
mod limits;
mod part;
mod refused;
mod retention;
mod spacing;
pub mod task;

#[cfg(test)]
mod tests;

pub use conclusion::{Conclusion, ConclusionKind, Conclusions};
pub use knowledge::{Knowledge, Sampling};
pub use task::{Ask, Kind, Output, Rules, Task};
