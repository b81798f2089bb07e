//! Makes foreign text safe to print.
//!
//! A server's message may hold escape sequences that move the cursor, set the title or forge log lines
//! (the class of RUSTSEC-2024-0364). Every text that was not written by this program passes through here
//! before it reaches a terminal, a log or an error.

use std::borrow::Cow;
use std::fmt::Write as _;

/// How much of a foreign text is shown.
pub const SHOWN_CHARS: usize = 200;

/// `text` on one line, without control or direction characters, cut at [`SHOWN_CHARS`].
///
/// Such characters come out as `\u{1b}`; a cut text ends in `…`.
#[must_use]
pub fn printable(text: &str) -> String {
    shorten(text, SHOWN_CHARS)
}

/// As [`printable`], cut after `limit` characters of the source.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for (at, char) in text.chars().enumerate() {
        if at == limit {
            out.push('…');
            break;
        }
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_unprintable(char) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out
}

/// As [`printable`] for bytes that may not be text.
#[must_use]
pub fn printable_bytes(bytes: &[u8], limit: usize) -> String {
    let head = bytes
        .get(..bytes.len().min(limit.saturating_mul(4)))
        .unwrap_or(bytes);
    shorten(&String::from_utf8_lossy(head), limit)
}

/// A text that a spreadsheet would run as a formula gets a leading `'` (OWASP, "CSV Injection"). The API's own
/// texts can begin with anything.
#[must_use]
pub fn disarmed(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters, and those that reorder or hide what stands beside them.
fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_or_direction_character_survives() {
        let hostile: String = (0..=0x2_ffff).filter_map(char::from_u32).collect();
        let shown = shorten(&hostile, usize::MAX);
        assert!(!shown.chars().any(is_unprintable));
        // All that have the property Bidi_Control in Unicode.
        for direction in
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}"
                .chars()
        {
            assert!(is_unprintable(direction), "{direction:?}");
        }
        assert_eq!(printable("a\u{1b}]52;c;x\u{7}\nb"), "a\\u{1b}]52;c;x\\u{7}\\nb");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(shorten("abcdef", 3), "abc…");
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(printable_bytes(&[b'a', 0xff, b'b'], 10), "a\u{fffd}b");
    }

    #[test]
    fn every_beginning_that_a_spreadsheet_runs_is_disarmed() {
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            assert_eq!(disarmed(&format!("{start}x")), format!("'{start}x"));
        }
        assert_eq!(disarmed("a=1"), "a=1");
        assert_eq!(disarmed(""), "");
    }
}
