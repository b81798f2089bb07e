//! Makes foreign text safe to print.
//!
//! A server's message may hold escape sequences that move the cursor, set the title or forge log lines
//! (the class of RUSTSEC-2024-0364). Every text that was not written by this program passes through here
//! before it reaches a terminal, a log or an error.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// The beginning of a character that is written as its number.
const ESCAPE: &str = "\\u{";

/// How many characters of a foreign text are shown.
pub const SHOWN_CHARS: usize = 200;

/// Returns `text` on one line, without control or direction characters, cut at [`SHOWN_CHARS`].
///
/// Such characters come out as `\u{1b}`; a cut text ends in `…`.
#[must_use]
pub fn printable(text: &str) -> String {
    shorten(text, SHOWN_CHARS)
}

/// As [`printable`], for a path.
#[must_use]
pub fn printable_path(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// Like [`printable`], but cut after `limit` characters of the source.
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

/// Like [`shorten`], for bytes that may not be text.
#[must_use]
pub fn printable_bytes(bytes: &[u8], limit: usize) -> String {
    let head = bytes
        .get(..bytes.len().min(limit.saturating_mul(4)))
        .unwrap_or(bytes);
    shorten(&String::from_utf8_lossy(head), limit)
}

/// Escapes a text that a spreadsheet would run as a formula: it gets a leading `'` (OWASP, "CSV Injection"). The API's
/// texts can begin with anything.
///
/// A text that begins with `'` gets another one. So different texts stay different, and removing one leading `'` gives
/// the original.
#[must_use]
pub fn formula_guarded(text: &str) -> Cow<'_, str> {
    let runs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '\''];
    if text.starts_with(runs) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Escapes the characters of a CSV or TSV cell that act on a terminal or end a text: all control characters except tab
/// and line feed. They are written as `\u{1b}`.
///
/// If a text contains `\u{` itself, its backslash is written as `\u{5c}`. So different texts stay different, and
/// reading every `\u{…}` back gives the original.
#[must_use]
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let acts = |char: char| char.is_control() && !matches!(char, '\t' | '\n');
    if !text.contains(acts) && !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + ESCAPE.len());
    for (at, char) in text.char_indices() {
        if acts(char) || text.get(at..).is_some_and(|rest| rest.starts_with(ESCAPE)) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{ESCAPE}{:x}}}", u32::from(char));
        } else {
            out.push(char);
        }
    }
    Cow::Owned(out)
}

/// Whether `char` is a control character, or one that reorders or hides its neighbours.
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
    fn every_beginning_that_a_spreadsheet_runs_is_guarded_and_two_texts_stay_two() {
        for start in [
            "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'", "'=",
        ] {
            assert_eq!(formula_guarded(&format!("{start}x")), format!("'{start}x"));
        }
        assert_eq!(formula_guarded("a=1"), "a=1");
        assert_eq!(formula_guarded(""), "");
    }

    /// Reads every `\u{…}` back.
    fn read_back(mut text: &str) -> String {
        let mut out = String::new();
        while let Some((before, after)) = text.split_once(ESCAPE) {
            let (number, rest) = after.split_once('}').unwrap();
            out.push_str(before);
            out.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
            text = rest;
        }
        out + text
    }

    #[test]
    fn no_control_character_but_tab_and_line_feed_reaches_a_cell_and_all_read_back() {
        let all: String = (0..0x400).filter_map(char::from_u32).collect();
        for text in [
            &*all,
            "",
            "200",
            "a\\b",
            "\u{1b}[2J",
            r"\u{1b}",
            r"\\u{5c}u{1b}",
            "\0\u{9b}\\u{",
            "带\t\n",
        ] {
            let cell = without_controls(text);
            assert!(!cell.contains(|char: char| char.is_control() && !matches!(char, '\t' | '\n')));
            assert_eq!(read_back(&cell), text, "{cell}");
        }
        assert_eq!(without_controls("a\u{1b}\r\u{85}"), r"a\u{1b}\u{d}\u{85}");
        assert_eq!(without_controls(r"C:\usr \u{1b}"), r"C:\usr \u{5c}u{1b}");
    }
}
