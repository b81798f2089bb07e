//! The envelope that all endpoints of this API family share: sign, send, receive, and say what a failure means.
//!
//! - [`signature`]: the day's signature
//! - [`client`]: one attempt over HTTP; `header` reads the headers, `transport` the errors, `deadline` bounds its time
//! - [`body`]: the bodies in flight. They share one limit
//! - [`encoding`]: bytes to text, where they may be in another encoding
//! - [`members`]: `status`, `msg` and `data` of an answer; [`raw`]: pieces of a JSON text
//! - [`status`]: the table of the API's statuses; [`failure`]: the kinds of failures; [`reaction`]: what follows from them
//! - `reading`: how many answers are read at a time
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
pub mod members;
pub mod raw;
pub mod reaction;
pub(crate) mod reading;
pub mod retry;
pub mod signature;
pub mod status;
mod transport;
