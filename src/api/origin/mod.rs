//! The back-to-origin endpoint: what is asked, and the rows that answer it.
//!
//! - [`request`]: one question, and its parameters
//! - [`answer`]: the body, straight into columns, by way of `row`, `codes`, `figure` and [`number`]
//! - [`point`]: a point by itself, from the text that a reject keeps
//! - [`entry`]: what the answer says about one domain; `frame` tells which points are kept, `names` whose they are
//! - [`guard`]: takes only what was asked for and cannot be misread; `sieve` sorts out the points of one domain

pub mod answer;
mod codes;
pub mod entry;
mod figure;
mod frame;
pub mod guard;
mod names;
pub mod number;
pub mod point;
pub mod request;
mod row;
mod sieve;

pub use guard::{Answer, DomainAnswer, EntryState};
pub use point::{is_same_point, read_point};
pub use request::OriginRequest;

use super::envelope::encoding;
use super::envelope::failure::FailureKind;
use crate::model::UnixSeconds;

/// Decodes and guards the body of a reply to `request`.
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0, [`FailureKind::Format`] where the body is not the
/// documented shape, [`FailureKind::TooLarge`] where less must be asked at once, [`FailureKind::NotTheAnswer`]
/// where it answers something else.
pub fn read_answer(request: &OriginRequest, body: &[u8]) -> Result<Answer, FailureKind> {
    let text = encoding::decode_bounded(body)?;
    answer::parse(answer::Wanted::by(request), &text).and_then(|envelope| guard::check(request, envelope))
}

/// Returns the times of all points in the body of a reply, whatever domain and range they are of.
///
/// `None` where the body cannot be read.
#[must_use]
pub fn reported_times(body: &[u8]) -> Option<Vec<UnixSeconds>> {
    let text = encoding::decode_bounded(body).ok()?;
    let envelope = answer::parse(answer::Wanted::anything(), &text).ok()?;
    let entries = envelope.found.into_iter().flatten();
    Some(entries.flat_map(|entry| entry.points.ts).collect())
}
