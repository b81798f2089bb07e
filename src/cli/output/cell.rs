//! A value of a row.

use std::borrow::Cow;

use crate::model::convert::{hex, to_i64};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'v> {
    /// Not known.
    Null,
    /// A whole number.
    Integer(i64),
    /// A fraction, never NaN.
    Real(f64),
    /// A text, as it is stored: the formats make it safe.
    Text(Cow<'v, str>),
    /// Bytes, shown as hexadecimal digits.
    Blob(&'v [u8]),
}

impl Cell<'_> {
    /// Returns the value as a text; NULL is empty.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Real(number) => Cow::Owned(real(*number)),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Blob(bytes) => Cow::Owned(hex(bytes)),
        }
    }

    /// Returns whether it is a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Real(_))
    }
}

impl<'v> From<&'v str> for Cell<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(to_i64(number))
    }
}

impl<'v, T: Into<Cell<'v>>> From<Option<T>> for Cell<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Returns the shortest text that reads as the same number. SQLite can hold infinities: they become a number that is
/// out of range, in JSON too.
pub(super) fn real(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "9e999" } else { "-9e999" }.to_owned();
    }
    format!("{number:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_has_a_text() {
        for (cell, text) in [
            (Cell::Null, ""),
            (Cell::Integer(i64::MIN), "-9223372036854775808"),
            (Cell::Real(0.1), "0.1"),
            (Cell::Real(100.0), "100.0"),
            (Cell::Real(1e300), "1e300"),
            (Cell::Real(f64::NEG_INFINITY), "-9e999"),
            (Cell::from("a"), "a"),
            (Cell::Blob(&[0, 0xff]), "00ff"),
        ] {
            assert_eq!(cell.to_text(), text);
        }
    }
}
