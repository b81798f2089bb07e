//! The body of an answer, straight into columns.
//!
//! Documented: `{"status": 0, "msg": …, "data": [{"domain": …, "data": [point, …]}, …]}`. Another shape of the
//! envelope is an error and never "no data": a broken answer that is read as an empty one would be stored as a gap,
//! and nobody asks for a gap again. An entry of another shape spoils itself alone, and so does a point.

use super::plain;
use super::reader::{AnswerReader, DecodedAnswer, Selection};
use crate::api::envelope::failure::FailureKind;
use crate::api::envelope::members::{not_documented, successful_data};
use crate::api::envelope::raw;

/// The most entries in an answer; one for each domain is documented.
const MAX_ENTRIES: usize = 10_000;

/// Reads a body, [decoded](crate::api::envelope::encoding::decode).
///
/// # Errors
/// Those of [`successful_data`].
/// [`FailureKind::TooLarge`] where the answer has too many points, or too many would have to be kept.
/// [`FailureKind::Format`] where `data` is no list, or has more entries or status codes than an answer can have.
pub fn parse<'a>(selection: &Selection<'_>, text: &'a str) -> Result<DecodedAnswer<'a>, FailureKind> {
    if let Some(answer) = plain::parse(selection, text) {
        return Ok(answer);
    }
    parse_any(selection, text)
}

/// Reads a body of any shape, piece by piece.
pub(super) fn parse_any<'a>(
    selection: &Selection<'_>,
    text: &'a str,
) -> Result<DecodedAnswer<'a>, FailureKind> {
    let data = successful_data(text)?;
    if !raw::is_list(data) {
        return Err(not_documented("its `data` is not a list", text));
    }
    let mut reader = AnswerReader::new(selection, text);
    let mut entries = 0;
    raw::elements(data, |entry| {
        entries += 1;
        if entries > MAX_ENTRIES {
            return Err(not_documented("its `data` has more than 10000 entries", text));
        }
        reader.entry(entry)
    })?;
    Ok(reader.finish())
}

#[cfg(test)]
mod tests;
