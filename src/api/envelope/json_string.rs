//! A JSON string and what it says.

use std::borrow::Cow;
use std::str::Chars;

use super::json::JsonError;

/// The longest text that is decoded. No name, code or number is as long; the copy of a longer one could take as much
/// memory as the whole answer.
const MAX_DECODED_BYTES: usize = 4_096;

/// A string as it stands in the text, without its quotes; its escapes are well-formed.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct RawString<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> RawString<'a> {
    /// The string between the quotes at byte `at`; its escapes were checked.
    pub(in crate::api) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The text between the quotes, escapes and all.
    pub(in crate::api) fn text(self) -> &'a str {
        self.text
    }

    /// What the string says.
    pub(in crate::api) fn decode(self) -> Result<Cow<'a, str>, JsonError> {
        if !self.text.contains('\\') {
            return Ok(Cow::Borrowed(self.text));
        }
        if self.text.len() > MAX_DECODED_BYTES {
            return Err(JsonError {
                problem: "a string with escapes that is too long",
                at: self.at,
            });
        }
        unescape(self.text).map(Cow::Owned).ok_or(JsonError {
            problem: "half a surrogate pair in a string",
            at: self.at,
        })
    }
}

/// What a string with well-formed escapes says; `None` for half a surrogate pair.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut after = escaped.chars();
        out.push(match after.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => code_point(&mut after)?,
            itself => itself,
        });
        rest = after.as_str();
    }
    out.push_str(rest);
    Some(out)
}

/// The character of `hhhh`, or of `hhhh\uhhhh` for a surrogate pair.
fn code_point(after: &mut Chars<'_>) -> Option<char> {
    let unit = hex(after)?;
    if let Some(char) = char::from_u32(unit.into()) {
        return Some(char);
    }
    if after.next()? != '\\' || after.next()? != 'u' {
        return None;
    }
    char::decode_utf16([unit, hex(after)?]).next()?.ok()
}

fn hex(after: &mut Chars<'_>) -> Option<u16> {
    after.by_ref().take(4).try_fold(0, |unit: u16, digit| {
        Some(unit << 4 | u16::try_from(digit.to_digit(16)?).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::json::Cursor;

    fn decoded(text: &str) -> Option<String> {
        let mut cursor = Cursor::new(text, 0);
        Some(cursor.string().ok()?.decode().ok()?.into_owned())
    }

    #[test]
    fn strings_say_what_their_escapes_mean() {
        assert_eq!(decoded(r#""a\u0062\n\/\\\"""#).as_deref(), Some("ab\n/\\\""));
        assert_eq!(decoded(r#""\ud83d\ude00é""#).as_deref(), Some("😀é"));
        for half in [
            r#""\ud83d""#,
            r#""\ude00\ud83d""#,
            r#""\ud83d\n""#,
            r#""\ud83d\u0041""#,
        ] {
            assert_eq!(decoded(half), None, "{half}");
            assert!(
                Cursor::new(half, 0).skip_value().is_ok(),
                "the grammar allows {half}"
            );
        }
    }

    proptest! {
        #[test]
        fn strings_are_decoded_as_serde_json_does(
            text in "\"([ -!#-\\[\\]-~é😀]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}|\\\\ud83d\\\\ude00|\\\\ud[89][0-9]{2}){0,6}\"",
        ) {
            prop_assert_eq!(decoded(&text), serde_json::from_str::<String>(&text).ok());
        }
    }
}
