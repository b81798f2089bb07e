//! What follows from an answer: a state machine without input or output.
//!
//! In goes an answer or a failure, out comes what to ask next and what to commit. The rule behind all of it:
//! one well-formed answer is enough to store a point; "try again later" needs no evidence; "nothing is here",
//! "do not ask again" and "stop asking" need two answers that agree, differently asked, and nothing that
//! contradicts them.
//!
//! - [`window_task`]: one planned request, until all of it is stored, concluded or failed
//! - `request`: a piece of a task that is still to be asked for
//! - `fit`: a request as the known limits let it be asked for
//! - `answered`: what an answer brings; `spacing`: whether it holds 5-minute points
//! - `pending`: an answer and its holes, until these are confirmed; `confirm`: the smaller requests for that
//! - `refused`: what a failure leads to; `retention`: where the API's memory ends (status 21)
//! - [`evidence`]: what each conclusion needs
//! - [`conclusion`]: what was concluded, for people
//! - [`knowledge`]: what the run knows of the service; `limits`: how much it takes at once

mod answered;
mod api_limits;
pub mod conclusion;
mod confirm;
pub mod evidence;
mod fit;
pub mod knowledge;
mod pending_answer;
mod refused;
mod retention;
mod spacing;
mod sub_request;
pub mod window_task;

#[cfg(test)]
mod tests;

pub use conclusion::{Conclusion, ConclusionKind, Conclusions};
pub use knowledge::{Knowledge, Sampling};
pub use window_task::{NextRequest, Output, Purpose, Rules, WindowTask};
