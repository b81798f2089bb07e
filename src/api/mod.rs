//! The API: sign a request, send it, decode the answer, and say what a failure means.
//!
//! - [`signature`]: the day's signature
//! - [`request`]: one question, and its JSON form
//! - [`client`]: one attempt over HTTP; `header` and `transport` read what comes beside a body
//! - [`answer`]: the body, straight into columns, by way of `row`, `codes`, `figure`, [`number`] and `json`
//! - [`status`], [`failure`]: what went wrong, and the one place that decides what follows from it
//! - [`retry`]: how long to wait, and when to give up on the whole run
//!
//! Nothing here retries, splits or waits by itself: [`FailureKind::reaction`] says what to do, the caller
//! does it.

pub mod answer;
pub mod client;
mod codes;
pub mod failure;
mod figure;
mod header;
mod json;
mod json_string;
pub mod number;
pub mod request;
pub mod retry;
mod row;
pub mod signature;
pub mod status;
mod transport;

pub use client::{Client, ClientSettings, Failure, Reply};
pub use failure::{FailureKind, Reaction, RetryCost};
pub use request::OriginRequest;
pub use retry::{RetryBudget, RetryPolicy};
pub use signature::{Signature, SigningDate};
pub use status::{ApiStatus, StatusClass};
