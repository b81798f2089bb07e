//! Pieces of a JSON text that stay text: they are read only where needed, or kept for a reject.
//!
//! A piece is a slice of the body, so a reject can keep it word for word, a number loses no digit, and nothing is
//! copied. An answer may be hostile: a copy of its longest string would take as much memory as the answer.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

/// How deep arrays and objects may be nested.
const MAX_DEPTH: u32 = 128;
/// The longest string with escapes that is decoded. No name, code or number is as long.
const MAX_DECODED_BYTES: usize = 4_096;

/// Returns `text` as one piece, or what is wrong with it.
pub fn parse(text: &str) -> Result<&RawValue, String> {
    // The library remembers every open bracket.
    if is_too_deep(text) {
        return Err(format!("its values are nested deeper than {MAX_DEPTH} levels"));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    text.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

/// Returns whether `piece` is a list.
#[must_use]
pub fn is_list(piece: &RawValue) -> bool {
    piece.get().starts_with('[')
}

/// Returns whether `piece` is an object.
#[must_use]
pub fn is_object(piece: &RawValue) -> bool {
    piece.get().starts_with('{')
}

/// Returns a string as it stands between its quotes, escapes and all; `None` for anything else.
#[must_use]
pub fn quoted(piece: &RawValue) -> Option<&str> {
    piece.get().strip_prefix('"')?.strip_suffix('"')
}

/// Returns what a string says, or why that cannot be read.
pub fn string(piece: &RawValue) -> Result<Cow<'_, str>, &'static str> {
    unescaped(quoted(piece).ok_or("no string")?)
}

/// Returns what a string says that stands between its quotes as `written`, or why that cannot be read.
pub fn unescaped(written: &str) -> Result<Cow<'_, str>, &'static str> {
    if !written.contains('\\') {
        return Ok(Cow::Borrowed(written));
    }
    if written.len() > MAX_DECODED_BYTES {
        return Err("a string with escapes that is too long");
    }
    // The grammar was checked, and takes half a pair for an escape as good as any.
    serde_json::from_str(&format!("\"{written}\""))
        .map(Cow::Owned)
        .map_err(|_| "half a surrogate pair in a string")
}

/// Calls `each` with the elements of a list until it fails. Anything else than a list has none.
pub fn elements<'a, E>(
    list: &'a RawValue,
    mut each: impl FnMut(&'a RawValue) -> Result<(), E>,
) -> Result<(), E> {
    walk(
        list,
        |key, element| if key.is_none() { each(element) } else { Ok(()) },
    )
}

/// Calls `each` with the keys and values of an object until it fails. Anything else than an object has none.
pub fn members<'a, E>(
    object: &'a RawValue,
    mut each: impl FnMut(&'a RawValue, &'a RawValue) -> Result<(), E>,
) -> Result<(), E> {
    walk(object, |key, value| key.map_or(Ok(()), |key| each(key, value)))
}

fn walk<'a, E>(
    piece: &'a RawValue,
    mut each: impl FnMut(Option<&'a RawValue>, &'a RawValue) -> Result<(), E>,
) -> Result<(), E> {
    let mut outcome = Ok(());
    if is_list(piece) || is_object(piece) {
        let visitor = EachPiece(|key, value| {
            outcome = each(key, value);
            outcome.is_ok()
        });
        // The piece is JSON, so only `each` ends the walk early.
        let _ = Deserializer::from_str(piece.get()).deserialize_any(visitor);
    }
    outcome
}

/// Passes the pieces of a list or an object on for as long as the function returns true.
struct EachPiece<F>(F);

impl<'a, F: FnMut(Option<&'a RawValue>, &'a RawValue) -> bool> Visitor<'a> for EachPiece<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            if !(self.0)(None, element) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut object: A) -> Result<(), A::Error> {
        while let Some((key, value)) = object.next_entry()? {
            if !(self.0)(Some(key), value) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_ends_at_a_limit_and_brackets_in_strings_do_not_count() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(128)).is_ok());
        assert!(parse(&nested(129)).unwrap_err().contains("128"));
        assert!(parse(&"{\"a\":".repeat(100_000)).is_err());
        assert!(parse(&format!(r#"["{}\"[", []]"#, "[".repeat(200))).is_ok());
    }

    #[test]
    fn a_piece_is_the_text_as_it_stood() {
        let mut pieces = Vec::new();
        let text = " \n[ { \"a\" : [ 1 , 2 ] } , 1.50,\"\\u0031\" ] ";
        let list = parse(text).unwrap();
        elements(list, |piece| {
            pieces.push(piece.get());
            Ok::<_, ()>(())
        })
        .unwrap();
        assert_eq!(pieces, ["{ \"a\" : [ 1 , 2 ] }", "1.50", "\"\\u0031\""]);
        assert!(parse("[1, 2 3]").unwrap_err().contains("column 7"));
    }

    #[test]
    fn a_walk_ends_at_the_first_failure_and_finds_nothing_in_what_is_no_list() {
        let mut seen = 0;
        let stopped = elements(parse("[1,2,3]").unwrap(), |_| {
            seen += 1;
            if seen == 2 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((stopped, seen), (Err("enough"), 2));
        for other in ["7", "null", "\"[1]\"", "{\"a\":1}"] {
            members(parse(other).unwrap(), |key, _| {
                if key.get() == "\"a\"" { Ok(()) } else { Err(other) }
            })
            .unwrap();
            elements(parse(other).unwrap(), |_| Err(other)).unwrap();
        }
    }

    #[test]
    fn strings_say_what_their_escapes_mean() {
        let said = |text: &str| string(parse(text).unwrap()).map(Cow::into_owned);
        assert_eq!(said(r#""a\u0062\n\/\\\"""#).as_deref(), Ok("ab\n/\\\""));
        assert_eq!(said(r#""\ud83d\ude00é""#).as_deref(), Ok("😀é"));
        for half in [r#""\ud83d""#, r#""\ude00\ud83d""#, r#""\ud83d\n""#] {
            assert!(said(half).unwrap_err().contains("surrogate"), "{half}");
        }
        let long = format!("\"{}\"", "\\u0031".repeat(1_000));
        assert!(said(&long).unwrap_err().contains("too long"));
        assert_eq!(said("7"), Err("no string"));
    }
}
