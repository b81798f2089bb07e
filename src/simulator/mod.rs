//! The API on a real socket, for tests and for trying the program without an account.
//!
//! Written from the vendor's documentation and not from the client, so that a misreading in the client fails
//! a test: it has its own signature, its own reading of times, and its own idea of a right answer. What the
//! documentation leaves open is marked as inferred or assumed where it is decided.
//!
//! - [`truth`]: what is true about any point at any moment; [`traffic`]: what makes it look real;
//!   `noise`: reproducible chance
//! - [`settings`]: the account, the limits and the mood of the API
//! - `http`, `question`: a request as read from the socket, and as checked
//! - `envelope`, `answer`, `row`, [`mutation`]: the text of an answer, from the outside in
//! - [`fault`], [`schedule`]: what goes wrong, and when
//! - `reply`, `delivery`: what is sent back, and how it travels
//! - [`log`]: what was asked
//! - [`server`]: all of it on a thread

mod answer;
mod delivery;
mod envelope;
pub mod fault;
mod http;
pub mod log;
pub mod mutation;
mod noise;
mod question;
mod reply;
mod row;
pub mod schedule;
pub mod server;
pub mod settings;
pub mod traffic;
pub mod truth;

#[cfg(test)]
mod tests;

pub use fault::{DataFault, Fault, HOSTILE_TEXT, RetryAfter};
pub use log::{LoggedRequest, Outcome};
pub use mutation::Mutation;
pub use schedule::{FaultScript, Rule};
pub use server::Simulator;
pub use settings::{RowShape, Settings, SpanLimit};
pub use truth::{DomainTruth, Truth, TruthPoint};
