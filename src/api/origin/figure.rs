//! A number in an answer, in whatever way it is written.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::number::{self, NumberError};
use super::row_error::RowError;
use crate::api::envelope::raw;
use crate::model::text;

/// How much of a value that is no usable number is shown.
const SHOWN_CHARS: usize = 40;

/// Reads the whole number called `name`, from 0 to `i64::MAX`, in quotes or not.
pub(super) fn whole(name: &str, piece: &RawValue) -> Result<i64, RowError> {
    read(name, piece, number::integer)
}

/// As [`whole`], with a fraction rounded.
pub(super) fn rounded(name: &str, piece: &RawValue) -> Result<i64, RowError> {
    read(name, piece, number::rounded)
}

fn read(name: &str, piece: &RawValue, number: fn(&str) -> Result<i64, NumberError>) -> Result<i64, RowError> {
    let text = if piece.get().starts_with('"') {
        raw::string(piece).map_err(|_| NumberError::NotANumber)
    } else {
        Ok(Cow::Borrowed(piece.get()))
    };
    text.and_then(|text| number(&text)).map_err(|error| {
        let found = text::shorten(piece.get(), SHOWN_CHARS);
        RowError::point(format!("the {name} is `{found}`, which {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str) -> &RawValue {
        raw::parse(text).unwrap()
    }

    #[test]
    fn quotes_and_notation_do_not_matter() {
        for (text, expected) in [
            ("123", 123),
            (" \"123\" ", 123),
            ("1.0", 1),
            ("1.5e1", 15),
            ("\"\\u0031\"", 1),
        ] {
            assert_eq!(whole("time", piece(text)).unwrap(), expected, "{text}");
        }
        assert_eq!(rounded("time", piece("\"1.5\"")).unwrap(), 2);
    }

    #[test]
    fn what_is_no_number_is_shown() {
        for (text, shown) in [
            ("-1", "`-1`, which is negative"),
            ("1.5", "`1.5`, which has a fraction"),
            ("1e400", "`1e400`, which is too large"),
            ("null", "`null`, which is not a number"),
            ("[1]", "`[1]`, which is not a number"),
            ("\"\"", "`\"\"`, which is not a number"),
            ("\"\u{202e}1\"", "`\"\\u{202e}1\"`, which is not a number"),
        ] {
            let RowError::Point(what) = whole("time", piece(text)).unwrap_err() else {
                panic!("{text} spoils the answer")
            };
            assert_eq!(what, format!("the time is {shown}"));
        }
    }
}
