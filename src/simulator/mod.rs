//! The API on a real socket, for tests and for trying the program without an account.
//!
//! Written from the vendor's documentation and not from the client, so that a misreading in the client fails
//! a test: it has its own signature, its own reading of times, and its own idea of a right answer. What the
//! documentation leaves open is marked as inferred or assumed where it is decided.
//!
//! - [`truth`]: what is true about any point at any moment; [`presence`]: which points exist;
//!   [`traffic`]: what makes it look real; `noise`: reproducible chance
//! - [`settings`]: the account, the limits and the mood of the API; [`reading`]: what a range selects
//! - `http`, `question`, `signature`: a request as read from the socket, and as checked
//! - `envelope`, `answer`, `row`: the text of an answer, from the outside in
//! - [`fault`], [`data_fault`], [`mutation`]: what goes wrong with an answer, its data, a point; `bend`: the doing
//! - [`rule`], `schedule`, `mix`, `lies`: when something goes wrong, by script and by chance
//! - `reply`, `delivery`, `http_text`: what is sent back, and how it travels
//! - [`log`]: what was asked
//! - [`service`]: all of it within the caller's thread; [`server`]: on a socket, on a thread of its own

mod answer;
mod bend;
pub mod data_fault;
mod delivery;
mod envelope;
pub mod fault;
mod http;
mod http_text;
mod lies;
pub mod log;
mod mix;
pub mod mutation;
mod noise;
pub mod presence;
mod question;
pub mod reading;
mod reply;
mod row;
pub mod rule;
mod schedule;
pub mod server;
pub mod service;
pub mod settings;
mod signature;
pub mod traffic;
pub mod truth;

#[cfg(test)]
mod tests;

pub use data_fault::{DataFault, EntryForm, Spelling};
pub use fault::{Fault, HOSTILE_TEXT, RetryAfter};
pub use log::{LoggedRequest, Outcome};
pub use mutation::Mutation;
pub use presence::{Idle, Late, Rhythm};
pub use reading::{Bound, Reading, Selects};
pub use rule::{FaultScript, Rule};
pub use server::Simulator;
pub use service::{Answered, Arrival, Service};
pub use settings::{Absence, RowShape, SeriesCut, Settings, SpanLimit};
pub use truth::{DomainTruth, Truth, TruthPoint};
