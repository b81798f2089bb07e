//! The envelope that all endpoints of this API family share: sign, send, receive, and say what a failure means.
//!
//! - [`signature`]: the day's signature
//! - [`client`]: one attempt over HTTP; `header` and `transport` read what comes beside a body, `deadline`
//!   bounds its time
//! - [`body`]: the bodies in flight, which share one limit
//! - [`encoding`]: bytes to text, where they may be in another encoding
//! - [`status`], [`failure`]: what went wrong, and the one place that decides what follows from it
//! - [`retry`]: when to give up on the whole run
//!
//! Nothing here knows the rows of an endpoint, and nothing retries, splits or waits by itself:
//! [`FailureKind::reaction`](failure::FailureKind::reaction) says what to do, the caller does it.

pub mod body;
pub mod client;
mod deadline;
pub mod encoding;
pub mod failure;
mod header;
pub(super) mod json;
pub(super) mod json_string;
pub mod reaction;
pub mod retry;
pub mod signature;
pub mod status;
mod transport;
