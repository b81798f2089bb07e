//! What a text says once its escapes are read, and its letters without case.

use std::ops::Range;

/// Which characters of a text count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    /// ASCII letters and digits.
    Bare,
    /// Everything of ASCII but blanks and control characters.
    Graphic,
}

impl Fold {
    /// What counts of `text`, in lower case.
    pub(super) fn of(self, text: &[u8]) -> Vec<u8> {
        if has_twins(text) {
            let mut folded = Vec::with_capacity(text.len());
            self.each(text, |byte, _| folded.push(byte));
            return folded;
        }
        // Every body passes here. A branch a byte, which no processor can predict, would take three times as long.
        let kept: [u8; 256] = std::array::from_fn(|byte| {
            let byte = u8::try_from(byte).unwrap_or_default();
            self.kept(byte).unwrap_or_default()
        });
        let mut folded = vec![0; text.len() + STEP];
        let mut length = 0;
        let mut fold = |step: &[u8]| {
            let place = folded.get_mut(length..).and_then(<[u8]>::first_chunk_mut::<STEP>);
            let Some(place) = place else { return };
            let mut count = 0;
            for byte in step {
                let byte = kept.get(usize::from(*byte)).copied().unwrap_or_default();
                // Never above the size of a step: the compiler needs no check then.
                if let Some(place) = place.get_mut(count % STEP) {
                    *place = byte;
                }
                count += usize::from(byte != 0);
            }
            length += count;
        };
        // Steps of a known size take two thirds of the time.
        let (steps, rest) = text.as_chunks::<STEP>();
        for step in steps {
            fold(step);
        }
        fold(rest);
        folded.truncate(length);
        folded
    }

    /// Where in `text` each byte of [`Self::of`] stands.
    pub(super) fn spans(self, text: &[u8]) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        self.each(text, |_, span| spans.push(span));
        spans
    }

    pub(super) fn each(self, text: &[u8], mut emit: impl FnMut(u8, Range<usize>)) {
        let mut at = 0;
        while let Some((&first, after)) = text.get(at..).and_then(<[u8]>::split_first) {
            let (byte, length) = ascii_twin(first, after).unwrap_or((first, 1));
            if let Some(kept) = self.kept(byte) {
                emit(kept, at..at + length);
            }
            at += length;
        }
    }

    /// The byte in lower case, if it counts.
    fn kept(self, byte: u8) -> Option<u8> {
        let counts = match self {
            Self::Bare => byte.is_ascii_alphanumeric(),
            Self::Graphic => byte.is_ascii_graphic(),
        };
        counts.then(|| byte.to_ascii_lowercase())
    }
}

/// How many bytes of a text are folded at a time.
const STEP: usize = 16;

/// The first bytes of the characters that [`ascii_twin`] knows.
const TWIN_STARTS: [u8; 3] = [0xef, 0xe2, 0xc5];

/// Whether `text` may have a character that [`ascii_twin`] knows.
pub(super) fn has_twins(text: &[u8]) -> bool {
    let [one, two, three] = TWIN_STARTS;
    memchr::memchr3(one, two, three, text).is_some()
}

/// The ASCII character that a character of UTF-8 is a form of, and how many bytes it takes: fullwidth forms, and the
/// two letters that are ASCII in the other case (the Kelvin sign and the long s).
fn ascii_twin(first: u8, after: &[u8]) -> Option<(u8, usize)> {
    match (first, after) {
        (0xef, [0xbc, last @ 0x81..=0xbf, ..]) => Some((last - 0x60, 3)),
        (0xef, [0xbd, last @ 0x80..=0x9e, ..]) => Some((last - 0x20, 3)),
        (0xe2, [0x84, 0xaa, ..]) => Some((b'k', 3)),
        (0xc5, [0xbf, ..]) => Some((b's', 2)),
        _ => None,
    }
}

/// Which escapes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Escapes {
    backslash: bool,
    percent: bool,
    ampersand: bool,
}

impl Escapes {
    const NONE: Self = Self {
        backslash: false,
        percent: false,
        ampersand: false,
    };

    /// Those that `text` may hold.
    fn in_text(text: &[u8]) -> Self {
        let has = |byte| memchr::memchr(byte, text).is_some();
        Self {
            backslash: has(b'\\'),
            percent: has(b'%'),
            ampersand: has(b'&'),
        }
    }

    /// Each kind that is here by itself; nothing where one kind is all there is.
    fn alone(self) -> impl Iterator<Item = Self> {
        let none = Self::NONE;
        let (backslash, percent, ampersand) = (self.backslash, self.percent, self.ampersand);
        [
            Self { backslash, ..none },
            Self { percent, ..none },
            Self { ampersand, ..none },
        ]
        .into_iter()
        .filter(move |one| *one != self)
    }
}

/// A text whose escapes were read, and where in the original each of its bytes stands.
#[derive(Debug)]
pub(super) struct Reading {
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
}

impl Reading {
    /// The readings of a text in which one kind of escape is read; none where one kind is all there is.
    pub(super) fn of_each_kind(text: &[u8]) -> Vec<Self> {
        let kinds = Escapes::in_text(text).alone();
        kinds
            .filter(|kinds| *kinds != Escapes::NONE)
            .filter_map(|kinds| Self::of(text, kinds, |span| span))
            .collect()
    }

    /// The text with every escape read that it holds.
    pub(super) fn of_all_kinds(text: &[u8]) -> Option<Self> {
        Some(Escapes::in_text(text))
            .filter(|escapes| *escapes != Escapes::NONE)
            .and_then(|escapes| Self::of(text, escapes, |span| span))
    }

    /// The same text with the escapes read that it holds by now.
    pub(super) fn deeper(&self) -> Option<Self> {
        let escapes = Escapes::in_text(&self.bytes);
        Some(escapes)
            .filter(|escapes| *escapes != Escapes::NONE)
            .and_then(|escapes| Self::of(&self.bytes, escapes, |span| self.span(&span)))
    }

    /// The text.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the original a part of this text stands.
    pub(super) fn span(&self, part: &Range<usize>) -> Range<usize> {
        let first = self.spans.get(part.start).map_or(0, |span| span.start);
        let last = self
            .spans
            .get(part.end.saturating_sub(1))
            .map_or(0, |span| span.end);
        first..last
    }

    /// `None` where there is no escape to read.
    fn of(text: &[u8], escapes: Escapes, origin: impl Fn(Range<usize>) -> Range<usize>) -> Option<Self> {
        let mut reading = Self {
            bytes: Vec::with_capacity(text.len()),
            spans: Vec::with_capacity(text.len()),
        };
        let mut any = false;
        let mut at = 0;
        while let Some((&first, after)) = text.get(at..).and_then(<[u8]>::split_first) {
            let escape = match first {
                b'\\' if escapes.backslash => backslash(after),
                b'%' if escapes.percent => percent(after),
                b'&' if escapes.ampersand => entity(after),
                _ => None,
            };
            any |= escape.is_some();
            let (unescaped, length) = escape.unwrap_or((Unescaped::Byte(first), 0));
            let span = origin(at..at + 1 + length);
            let mut buffer = [0; 4];
            let bytes = match unescaped {
                Unescaped::Byte(byte) => {
                    buffer = [byte, 0, 0, 0];
                    buffer.get(..1).unwrap_or_default()
                }
                Unescaped::Char(char) => char.encode_utf8(&mut buffer).as_bytes(),
                Unescaped::Nothing => &[],
            };
            for byte in bytes {
                reading.bytes.push(*byte);
                reading.spans.push(span.clone());
            }
            at += 1 + length;
        }
        any.then_some(reading)
    }
}

/// What an escape stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unescaped {
    Byte(u8),
    Char(char),
    /// A control character or half a character.
    Nothing,
}

/// What a backslash and these bytes say, and how many of them belong to it: the escapes of JSON, and those of other
/// languages that look alike.
fn backslash(after: &[u8]) -> Option<(Unescaped, usize)> {
    let (&kind, rest) = after.split_first()?;
    let found = match kind {
        b'u' if rest.first() == Some(&b'{') => {
            let digits = rest.get(1..)?;
            let length = memchr::memchr(b'}', digits.get(..9).unwrap_or(digits))?;
            (char_of(number(digits.get(..length)?, 16)?), length + 3)
        }
        b'u' => (char_of(number(rest.get(..4)?, 16)?), 5),
        b'U' => (char_of(number(rest.get(..8)?, 16)?), 9),
        b'x' => (byte_of(number(rest.get(..2)?, 16)?), 3),
        b'0'..=b'3' => (byte_of(number(after.get(..3)?, 8)?), 3),
        b'b' | b'f' | b'n' | b'r' | b't' => (Unescaped::Nothing, 1),
        itself => (Unescaped::Byte(itself), 1),
    };
    Some(found)
}

/// What a percent sign and these bytes say: `%65`, or `%u0065` as old scripts write it.
fn percent(after: &[u8]) -> Option<(Unescaped, usize)> {
    match after.split_first()? {
        (b'u' | b'U', rest) => Some((char_of(number(rest.get(..4)?, 16)?), 5)),
        _ => Some((byte_of(number(after.get(..2)?, 16)?), 2)),
    }
}

/// What an ampersand and these bytes say: `&#101;`, `&#x65;` and the names of ASCII characters that HTML escapes.
fn entity(after: &[u8]) -> Option<(Unescaped, usize)> {
    if let Some(digits) = after.strip_prefix(b"#") {
        let (radix, mark, digits) = match digits.split_first()? {
            (b'x' | b'X', digits) => (16, 2, digits),
            _ => (10, 1, digits),
        };
        let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
        let length = digits.iter().take(8).take_while(is_digit).count();
        let decoded = char_of(number(digits.get(..length)?, radix)?);
        let end = usize::from(digits.get(length) == Some(&b';'));
        return Some((decoded, mark + length + end));
    }
    [
        ("amp;", b'&'),
        ("lt;", b'<'),
        ("gt;", b'>'),
        ("quot;", b'"'),
        ("apos;", b'\''),
    ]
    .into_iter()
    .find(|(name, _)| after.starts_with(name.as_bytes()))
    .map(|(name, char)| (Unescaped::Byte(char), name.len()))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    // The library takes a sign, too.
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
}

fn char_of(number: u32) -> Unescaped {
    char::from_u32(number).map_or(Unescaped::Nothing, Unescaped::Char)
}

fn byte_of(number: u32) -> Unescaped {
    u8::try_from(number).map_or(Unescaped::Nothing, Unescaped::Byte)
}

/// Where in a JSON text a reader stands: in a string or not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quotes {
    is_open: bool,
    is_escaped: bool,
}

impl Quotes {
    /// Goes on behind `text`.
    pub(super) fn pass(&mut self, text: &[u8]) {
        for byte in text {
            self.step(*byte);
        }
    }

    /// Where the strings stand in the `text` that follows, without their quotes.
    pub(super) fn strings(mut self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut start = 0;
        for (at, byte) in text.iter().enumerate() {
            match (self.is_open, self.step(*byte)) {
                (false, true) => start = at + 1,
                (true, false) => found.push(start..at),
                _ => {}
            }
        }
        if self.is_open {
            found.push(start..text.len());
        }
        found
    }

    /// Passes one byte; returns whether a string is open behind it.
    fn step(&mut self, byte: u8) -> bool {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.is_open => self.is_escaped = true,
            b'"' => self.is_open = !self.is_open,
            _ => {}
        }
        self.is_open
    }
}
