//! The back-to-origin endpoint: what is asked, and the rows that answer it.
//!
//! - [`request`]: one request, and its parameters
//! - [`answer`]: the body, straight into columns. `plain` reads the usual one, [`reader`] any other, by way of `row`,
//!   `codes`, `figure` and [`number`]
//! - [`point`]: a point by itself, from the text that a reject keeps
//! - [`entry`]: the points of one domain; `zones` decides which of them are kept, `names` finds their domain
//! - [`guard`]: takes only what was asked for and cannot be misread; `sieve` sorts out the points of one domain;
//!   `checked` is the result

pub mod answer;
mod checked;
mod codes;
pub mod entry;
mod figure;
pub mod guard;
mod names;
pub mod number;
mod plain;
pub mod point;
pub mod reader;
pub mod request;
mod row;
mod row_error;
mod sieve;
mod zones;

pub use checked::{CheckedAnswer, DomainAnswer, EntryState, adds_up};
pub use point::{is_same_point, read_point};
pub use request::OriginRequest;

use reader::Selection;

use super::envelope::encoding;
use super::envelope::failure::FailureKind;
use crate::model::UnixSeconds;

/// Decodes and checks the body of a reply to `request`.
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0, [`FailureKind::Format`] where the body is not the
/// documented shape, [`FailureKind::TooLarge`] where the next request must ask for less, [`FailureKind::NotTheAnswer`]
/// where it answers something else.
pub fn read_answer(request: &OriginRequest, body: &[u8]) -> Result<CheckedAnswer, FailureKind> {
    let text = encoding::decode_bounded(body)?;
    answer::parse(&Selection::of(request), &text).and_then(|decoded| guard::check(request, decoded))
}

/// Returns the times of all points in the body of a reply, of any domain and range.
///
/// `None` where the body cannot be read.
#[must_use]
pub fn reported_times(body: &[u8]) -> Option<Vec<UnixSeconds>> {
    let text = encoding::decode_bounded(body).ok()?;
    let decoded = answer::parse(&Selection::everything(), &text).ok()?;
    let entries = decoded.entries.into_iter().flatten();
    Some(entries.flat_map(|entry| entry.points.ts).collect())
}
