//! Bytes to text, where they may be in another encoding.
//!
//! JSON is UTF-8, but the message of a Chinese service may arrive in GBK. Nobody needs that message, so its
//! bytes must not cost the figures of the same answer. What cannot be decoded becomes U+FFFD. Names, codes and
//! figures with U+FFFD are refused where they are read.

use std::borrow::Cow;

use super::failure::FailureKind;
use crate::model::convert::to_u64;

/// Replaces what could not be decoded.
pub(in crate::api) const UNDECODED: char = char::REPLACEMENT_CHARACTER;

/// The most bytes of a body that is not all UTF-8. Its text is a copy of up to twice the size. A body in UTF-8 is not
/// copied.
const MAX_FOREIGN_BYTES: usize = 16 << 20;

/// As [`decode`], with a limit on what it copies.
///
/// # Errors
/// [`FailureKind::TooLarge`] for a body that is not all UTF-8 and larger than 16 MiB.
pub fn decode_bounded(body: &[u8]) -> Result<Cow<'_, str>, FailureKind> {
    if body.len() > MAX_FOREIGN_BYTES && std::str::from_utf8(body).is_err() {
        return Err(FailureKind::TooLarge {
            limit: to_u64(MAX_FOREIGN_BYTES),
            unit: "bytes that are not all UTF-8",
            announced: None,
        });
    }
    Ok(decode(body))
}

/// Returns `body` as text, without a byte order mark; borrowed where all of it is UTF-8.
///
/// Bytes above 0x7F that follow each other are decoded together or not at all: a part of them could look like letters
/// in UTF-8.
///
/// GBK writes a character in two bytes: the first is above 0x7F, the second may be the byte of a backslash.
/// JSON would take it for the beginning of an escape, and miss the closing quote. So where the last of the undecoded
/// bytes has no partner, a backslash after it counts as its partner.
#[must_use]
pub fn decode(body: &[u8]) -> Cow<'_, str> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let (plain, after) = split_where(rest, |byte| !byte.is_ascii());
        let (run, after) = split_where(after, u8::is_ascii);
        text.push_str(std::str::from_utf8(plain).unwrap_or_default());
        rest = after;
        if let Ok(decoded) = std::str::from_utf8(run) {
            text.push_str(decoded);
        } else {
            text.push(UNDECODED);
            let lacks_partner = run.len() % 2 == 1;
            rest = after
                .strip_prefix(b"\\")
                .filter(|_| lacks_partner)
                .unwrap_or(after);
        }
    }
    Cow::Owned(text)
}

/// Returns `bytes` before the first that `matches`, and from there on.
fn split_where(bytes: &[u8], matches: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(matches).unwrap_or(bytes.len());
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_in_utf8_is_borrowed_as_it_is() {
        for text in ["", "{}", "成功 \\ \u{fffd} é"] {
            assert!(matches!(decode(text.as_bytes()), Cow::Borrowed(same) if same == text));
            let marked = format!("\u{feff}{text}");
            assert_eq!(decode(marked.as_bytes()), text);
        }
    }

    #[test]
    fn what_is_not_utf8_becomes_a_mark_and_its_neighbours_stay() {
        for (bytes, text) in [
            (&b"a\xffb"[..], "a\u{fffd}b"),
            (b"\"\xb3\xc9\xb9\xa6\",", "\"\u{fffd}\","),
            ("é".as_bytes(), "é"),
            (b"\xc3\xa9 \xff", "é \u{fffd}"),
            (b"\xe4\xb8", "\u{fffd}"),
        ] {
            assert_eq!(decode(bytes), text, "{bytes:?}");
        }
    }

    #[test]
    fn a_backslash_that_is_half_of_a_character_escapes_nothing() {
        // 誠 is 0xD55C in GBK, 乗 is 0x815C, 中 is 0xD6D0.
        for (bytes, text) in [
            (&b"\"\xd5\x5c\","[..], "\"\u{fffd}\","),
            (b"\"\xd6\xd0\xd5\x5c\",", "\"\u{fffd}\","),
            (b"\"\x81\x5c\x81\x5c\",", "\"\u{fffd}\u{fffd}\","),
            // 中 and an escaped quote.
            (b"\"\xd6\xd0\\\" \",", "\"\u{fffd}\\\" \","),
            // As UTF-8 the last two bytes above 0x7F would be a letter.
            (b"\"\xb6\xc6\xaf\x5c\",", "\"\u{fffd}\","),
            // All else in the body is UTF-8, where a backslash is one.
            ("\"中\\n\" \u{1}".as_bytes(), "\"中\\n\" \u{1}"),
        ] {
            assert_eq!(decode(bytes), text, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn the_text_is_at_most_twice_as_long_as_the_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes).len() <= 2 * bytes.len() + 2);
        }
    }
}
