//! What follows from an answer: a state machine without input or output.
//!
//! It takes an answer or a failure, and returns what to ask next and what to commit. One rule is behind all of it:
//! one well-formed answer is enough to store a point, and "try again later" needs no evidence. But "nothing is here",
//! "do not ask again" and "stop asking" need two answers that agree, from different requests, and nothing that
//! contradicts them.
//!
//! - [`window_task`]: one planned request, until all of it is stored, concluded or failed
//! - [`exchange`]: the types that it takes and returns
//! - `sub_request`: a piece of a task that is still to be asked for; `fit` cuts it to the known limits
//! - `answered`: what follows from an answer
//! - `spacing`, `doubt`: whether it holds 5-minute points
//! - `pending_answer`, `confirm`: an answer whose holes are still to be confirmed, and the smaller requests for that
//! - `refused`: what follows from a failure
//! - `retention`, `edge_search`: where the API's retention ends (status 21)
//! - [`evidence`]: what each conclusion needs
//! - [`conclusion`]: the conclusions that are reported
//! - [`knowledge`]: what the run knows about the service; `api_limits`: how much the service takes at once

mod answered;
mod api_limits;
pub mod conclusion;
mod confirm;
mod doubt;
mod edge_search;
pub mod evidence;
pub mod exchange;
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
pub use exchange::{NextRequest, Output, Purpose, Rules};
pub use knowledge::{Knowledge, Sampling};
pub use window_task::WindowTask;
