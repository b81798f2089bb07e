//! The API: sign a request, send it, and say what a failure means.
//!
//! - [`signature`]: the day's signature
//! - [`request`]: one question, and its JSON form
//! - [`client`]: one attempt over HTTP; `header` and `transport` read what comes beside a body
//! - [`status`], [`failure`]: what went wrong, and the one place that decides what follows from it
//! - [`retry`]: how long to wait, and when to give up on the whole run
//!
//! Nothing here retries, splits or waits by itself: [`FailureKind::reaction`] says what to do, the caller
//! does it.

pub mod client;
pub mod failure;
mod header;
pub mod request;
pub mod retry;
pub mod signature;
pub mod status;
mod transport;

pub use client::{Client, ClientSettings, Failure, Reply};
pub use failure::{FailureKind, Reaction, RetryCost};
pub use request::OriginRequest;
pub use retry::{RetryBudget, RetryPolicy};
pub use signature::{Signature, SigningDate};
pub use status::{ApiStatus, StatusClass};
