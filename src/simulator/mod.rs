//! The API on a real socket, for tests and for trying the program without an account.
//!
//! It is written from the vendor's documentation, independently of the client, so that a misreading in the client
//! fails a test: it has its own signature, its own interpretation of times, and its own correct answers. Comments
//! mark what is inferred or assumed because the documentation does not say it.
//!
//! - [`truth`]: the true point of any slot at any moment; [`presence`]: which points exist; [`traffic`]: what makes them
//!   look real; `noise`: reproducible chance; [`time`]: the grid
//! - [`account`]: the domains of the account
//! - [`settings`]: the account, the limits and the behavior of the API; [`range_rule`]: which points a range selects
//! - `request`, `signature`: a request, parsed and checked
//! - `listing`: the call that lists the domains of the account
//! - `envelope`, `answer`, `point_entry`: the text of an answer, from the outside to the inside
//! - [`fault`], [`data_fault`], [`listing_fault`], [`mutation`]: the faults of an answer, its data, a listing, a point; `distort` and `point_text` apply
//!   the latter two
//! - [`rule`], `fault_schedule`, `transient`, `lies`: which request meets which fault, by script and by chance
//! - `responder`: the response to a request; [`response`]: how it travels
//! - [`log`]: the requests so far
//! - [`service`]: all of it in the thread of the caller; [`server`]: on a socket, in a thread of its own

pub mod account;
mod answer;
pub mod data_fault;
mod distort;
mod envelope;
pub mod fault;
mod fault_schedule;
mod lies;
mod listing;
pub mod listing_fault;
pub mod log;
pub mod mutation;
mod noise;
mod point_entry;
mod point_text;
pub mod presence;
pub mod range_rule;
mod request;
mod responder;
pub mod response;
pub mod rule;
pub mod server;
pub mod service;
pub mod settings;
mod signature;
pub mod time;
pub mod traffic;
mod transient;
pub mod truth;

#[cfg(test)]
mod tests;

pub use account::{Account, OwnDomain, OwnKind, OwnStatus, Wording};
pub use data_fault::{DataFault, EntryForm, Spelling};
pub use fault::{Fault, HOSTILE_TEXT, RetryAfter};
pub use listing_fault::ListingFault;
pub use log::{LoggedRequest, RequestOutcome};
pub use mutation::Mutation;
pub use presence::{Idle, Late, Rhythm};
pub use range_rule::{Bound, RangeRule, Selects};
pub use response::{Delivery, SimulatedResponse};
pub use rule::{FaultScript, Rule};
pub use server::Simulator;
pub use service::SimulatedService;
pub use settings::{Absence, RowShape, SeriesCut, Settings, SpanLimit};
pub use truth::{DomainTruth, Truth, TruthPoint};
