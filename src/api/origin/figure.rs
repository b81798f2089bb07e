//! A number in an answer, in whatever way it is written.

use std::borrow::Cow;

use super::number::{self, NumberError};
use crate::api::envelope::json::Cursor;
use crate::api::envelope::json_string::RawString;
use crate::model::text;

/// How much of a value that is no usable number is shown.
const SHOWN_CHARS: usize = 40;

/// What stands where a number should, and why it is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}`, which {error}")]
pub(super) struct Unusable {
    found: String,
    error: NumberError,
}

/// Passes a whole number from 0 to `i64::MAX`, in quotes or not.
#[inline]
pub(super) fn whole(cursor: &mut Cursor<'_>) -> Result<i64, Unusable> {
    match cursor.plain_number() {
        Some(value) => Ok(value),
        None => read(cursor, number::integer),
    }
}

/// As [`whole`], with a fraction rounded.
pub(super) fn rounded(cursor: &mut Cursor<'_>) -> Result<i64, Unusable> {
    match cursor.plain_number() {
        Some(value) => Ok(value),
        None => read(cursor, number::rounded),
    }
}

#[cold]
fn read(cursor: &mut Cursor<'_>, number: fn(&str) -> Result<i64, NumberError>) -> Result<i64, Unusable> {
    let mut start = cursor.clone();
    let text = match cursor.peek() {
        Some(b'"') => cursor.string().and_then(RawString::decode),
        Some(b'-' | b'0'..=b'9') => cursor.number().map(Cow::Borrowed),
        _ => Ok(Cow::Borrowed("")),
    };
    let value = text
        .map_err(|_| NumberError::NotANumber)
        .and_then(|text| number(&text));
    value.map_err(|error| Unusable {
        found: text::shorten(start.skip_value().unwrap_or_default(), SHOWN_CHARS),
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_notation_do_not_matter_and_what_follows_is_left() {
        for (text, expected) in [
            ("123,", 123),
            (" \"123\" ,", 123),
            ("1.0,", 1),
            ("1.5e1,", 15),
            ("\"\\u0031\",", 1),
        ] {
            let mut cursor = Cursor::new(text, 0);
            assert_eq!(whole(&mut cursor), Ok(expected), "{text}");
            assert!(cursor.eat(b','), "{text}");
        }
        assert_eq!(rounded(&mut Cursor::new("\"1.5\",", 0)), Ok(2));
    }

    #[test]
    fn what_is_no_number_is_shown() {
        for (text, shown) in [
            ("-1,", "`-1`, which is negative"),
            ("1.5,", "`1.5`, which has a fraction"),
            ("1e400,", "`1e400`, which is too large"),
            ("null,", "`null`, which is not a number"),
            ("[1],", "`[1]`, which is not a number"),
            ("\"\",", "`\"\"`, which is not a number"),
            ("\"\u{202e}1\",", "`\"\\u{202e}1\"`, which is not a number"),
        ] {
            assert_eq!(whole(&mut Cursor::new(text, 0)).unwrap_err().to_string(), shown);
        }
    }
}
