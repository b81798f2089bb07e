//! The API: sign a request, send it, decode the answer, guard it, and say what a failure means.
//!
//! - [`signature`]: the day's signature
//! - [`request`]: one question, and its JSON form
//! - [`client`]: one attempt over HTTP; `header` and `transport` read what comes beside a body, `deadline`
//!   bounds its time
//! - [`body`]: the bodies in flight, which share one limit
//! - [`encoding`]: bytes to text, where they may be in another encoding
//! - [`answer`]: the body, straight into columns, by way of `row`, `codes`, `figure`, [`number`] and `json`
//! - [`point`]: a point by itself, from the text that a reject keeps
//! - [`entry`]: what the answer says about one domain; `frame` tells which points are kept, `names` whose they are
//! - [`guard`]: takes only what was asked for and cannot be misread; `sieve` sorts out the points of one domain
//! - [`status`], [`failure`]: what went wrong, and the one place that decides what follows from it
//! - [`retry`]: how long to wait, and when to give up on the whole run
//!
//! Nothing here retries, splits or waits by itself: [`FailureKind::reaction`] says what to do, the caller
//! does it.

pub mod answer;
pub mod body;
pub mod client;
mod codes;
mod deadline;
pub mod encoding;
pub mod entry;
pub mod failure;
mod figure;
mod frame;
pub mod guard;
mod header;
mod json;
mod json_string;
mod names;
pub mod number;
pub mod point;
pub mod request;
pub mod retry;
mod row;
mod sieve;
pub mod signature;
pub mod status;
mod transport;

pub use answer::Wanted;
pub use body::Body;
pub use client::{Client, ClientSettings, Failure, Reply};
pub use failure::{FailureKind, Reaction, RetryCost};
pub use guard::{Answer, DomainAnswer, EntryState};
pub use point::read_point;
pub use request::OriginRequest;
pub use retry::{RetryBudget, RetryPolicy};
pub use signature::{Signature, SigningDate};
pub use status::{ApiStatus, StatusClass};

/// Decodes and guards the body of a reply to `request`.
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0, [`FailureKind::Format`] where the body is not the
/// documented shape, [`FailureKind::TooLarge`] where less must be asked at once, [`FailureKind::NotTheAnswer`]
/// where it answers something else.
pub fn read_answer(request: &OriginRequest, body: &[u8]) -> Result<Answer, FailureKind> {
    let text = encoding::decode_bounded(body)?;
    answer::parse(Wanted::by(request), &text).and_then(|envelope| guard::check(request, envelope))
}
