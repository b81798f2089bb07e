//! Breaks the long lines of text for people at the width of a terminal.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

/// A terminal that says that it is narrower is not believed.
const LEAST_WIDTH: usize = 40;

/// Writes whole lines, and breaks those that are wider than the terminal between words. Without a width it changes
/// nothing: programs and `grep` read whole lines.
pub struct WrappingWriter<'w> {
    out: &'w mut dyn Write,
    width: Option<usize>,
    pending: Vec<u8>,
}

impl<'w> WrappingWriter<'w> {
    /// Returns a writer to `out`, which has `width` columns.
    pub fn new(out: &'w mut dyn Write, width: Option<usize>) -> Self {
        Self {
            out,
            width: width.map(|width| width.max(LEAST_WIDTH)),
            pending: Vec::new(),
        }
    }

    /// Returns how many columns a line may have, if that is limited.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// Writes the first `length` bytes that wait.
    fn emit(&mut self, length: usize, width: usize) -> io::Result<()> {
        let rest = self.pending.split_off(length);
        let lines = std::mem::replace(&mut self.pending, rest);
        match std::str::from_utf8(&lines) {
            Ok(lines) => lines
                .split_inclusive('\n')
                .try_for_each(|line| self.out.write_all(wrapped(line, width).as_bytes())),
            Err(_) => self.out.write_all(&lines),
        }
    }
}

impl Write for WrappingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(width) = self.width else {
            return self.out.write(bytes);
        };
        self.pending.extend_from_slice(bytes);
        if let Some(end) = memchr::memrchr(b'\n', &self.pending) {
            self.emit(end + 1, width)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(width) = self.width {
            self.emit(self.pending.len(), width)?;
        }
        self.out.flush()
    }
}

/// Returns the line, broken between words where it is wider than `width` columns. A word is never broken.
fn wrapped(line: &str, width: usize) -> String {
    let mut broken = String::with_capacity(line.len());
    let mut rest = line;
    let indent = " ".repeat(hanging(line, width));
    let mut room = width;
    // A label stays with the first word of its text.
    let mut from = indent.len();
    while rest.trim_end().width() > room
        && let Some(at) = break_before(rest, room, from)
    {
        let (head, tail) = rest.split_at(at);
        broken.push_str(head.trim_end());
        broken.push('\n');
        broken.push_str(&indent);
        rest = tail.trim_start_matches(' ');
        (room, from) = (width - indent.len(), 0);
    }
    broken.push_str(rest);
    broken
}

/// Returns where to break `text`: at the last blank within `room` columns, or at the first one behind them. `None` if
/// there is no blank between words behind `from`.
fn break_before(text: &str, room: usize, from: usize) -> Option<usize> {
    let words_begin = from.max(text.len() - text.trim_start().len());
    let words_end = text.trim_end().len();
    let blanks = text.match_indices(' ').map(|(at, _)| at);
    let mut last = None;
    for at in blanks.filter(|at| words_begin < *at && *at < words_end) {
        if last.is_some() && text.get(..at)?.trim_end().width() > room {
            break;
        }
        last = Some(at);
    }
    last
}

/// Returns the column at which the lines below a broken one begin: where its text begins behind a label, if it has one.
fn hanging(line: &str, width: usize) -> usize {
    let words = line.trim_start();
    let indent = line.len() - words.len();
    let limit = width * 3 / 5;
    let mut column = None;
    for (at, _) in line.match_indices("  ").skip_while(|(at, _)| *at < indent) {
        let after = line
            .get(at..)
            .map_or(0, |rest| rest.len() - rest.trim_start().len());
        let begin = line.get(..at + after).map_or(0, UnicodeWidthStr::width);
        if begin <= limit {
            column = Some(begin);
        }
    }
    let has_label = words.split(' ').next().is_some_and(|word| word.ends_with(':'));
    column.unwrap_or(if has_label || indent > 0 { indent + 2 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, width: Option<usize>) -> String {
        let mut out = Vec::new();
        let mut writer = WrappingWriter::new(&mut out, width);
        // In pieces, as `writeln!` writes.
        for piece in text.as_bytes().chunks(7) {
            writer.write_all(piece).unwrap();
        }
        writer.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_broken_between_words_below_its_text() {
        for (line, expected) in [
            (
                "  note      the range ends at 2026-06-15 11:50: newer slots are not there\n",
                "  note      the range ends at 2026-06-15\n            11:50: newer slots are not\n            there\n",
            ),
            (
                "help: run the same command again to fetch only what is missing\n",
                "help: run the same command again to\n  fetch only what is missing\n",
            ),
            (
                "As of the end of the last run at 2026-06-15 12:00.\n",
                "As of the end of the last run at\n2026-06-15 12:00.\n",
            ),
            (
                "ok    name      https://opencdn.jcloud.com/api/origin (default)\n",
                "ok    name      https://opencdn.jcloud.com/api/origin\n                (default)\n",
            ),
            ("short  and  as it was\n", "short  and  as it was\n"),
            ("\n\n", "\n\n"),
            ("no end", "no end"),
        ] {
            assert_eq!(written(line, Some(40)), expected);
            assert_eq!(written(line, None), line);
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_unless_a_word_is_and_no_word_is_lost() {
        let words: Vec<String> = (0..200)
            .map(|number: u64| "x".repeat((number * 7 % 23 + 1).try_into().unwrap()))
            .collect();
        for lead in ["", "  ", "  label     ", "status: "] {
            let line = format!("{lead}{}\n", words.join(" "));
            for width in [40, 57, 80, 200] {
                let broken = written(&line, Some(width));
                assert!(broken.lines().all(|line| line.width() <= width), "{broken}");
                let kept: Vec<&str> = broken.split_whitespace().collect();
                assert_eq!(kept, line.split_whitespace().collect::<Vec<_>>());
            }
        }
        let long = format!("{} {}\n", "a".repeat(100), "b".repeat(100));
        assert_eq!(written(&long, Some(80)), long.replacen(' ', "\n", 1));
    }
}
