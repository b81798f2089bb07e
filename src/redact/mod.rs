//! Finds secrets in text, however they are spelled, and overwrites them.
//!
//! A secret is found in any mix of upper and lower case, behind escapes (JSON, percent, HTML, several levels of
//! them), in fullwidth letters, in Base64 or hexadecimal digits, and with anything between its characters that is
//! neither a letter nor a digit: blanks, byte order marks, dots, quotes. Not found: a secret that is reversed,
//! hashed, encrypted or compressed, one with other letters or digits between its own, and look-alikes from other
//! alphabets.
//!
//! - `spelling`: what a text says once its escapes are read, and its letters without case

mod spelling;

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use spelling::{Fold, Quotes, Reading};

use crate::model::convert::hex;

/// The fewest characters of a secret. Shorter ones may stand in ordinary text by chance.
pub const SHORTEST: usize = 8;
/// A secret with this many letters and digits is found whatever stands between them.
const LONG: usize = 16;
/// Every number that this program reads or writes has fewer digits.
const LONGEST_FIGURE: usize = 20;
/// How many levels of escapes are read.
const LEVELS: usize = 4;
/// How much text is examined at a time.
const BLOCK: usize = 64 * 1024;
/// How many bytes a character of a secret may take.
const LONGEST_SPELLING: usize = 16;

/// Where a secret that looks like a number counts. It may be a figure, which must never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figures {
    Anywhere,
    InStrings,
    Nowhere,
}

/// What must not be shown. `Debug` does not show it.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    needles: Vec<Needle>,
    longest: usize,
}

#[derive(Debug, Clone)]
struct Needle {
    /// As [`Fold`] leaves it.
    text: SecretString,
    fold: Fold,
    /// It may be a number.
    figure: bool,
}

impl Secrets {
    /// These secrets; texts shorter than [`SHORTEST`] are left out.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut all = Self::default();
        for secret in secrets {
            all.add(secret);
        }
        all
    }

    /// Adds a secret, unless it is known or shorter than [`SHORTEST`].
    pub fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let figure = secret.len() < LONGEST_FIGURE && secret.parse::<f64>().is_ok();
        self.needle(secret, figure);
        // Their case matters, and is ignored all the same: that finds more, not less.
        self.needle(&hex(secret.as_bytes()), false);
        for base64 in base64_parts(secret) {
            self.needle(&base64, false);
        }
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// `text` with every secret replaced by asterisks.
    #[must_use]
    pub fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.covered(text.as_bytes(), Figures::Anywhere) {
            None => Cow::Borrowed(text),
            // Whole characters were replaced, by ASCII.
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The same for what the program prints: a secret that looks like a number may be a figure there, and stays.
    #[must_use]
    pub fn redacted_output<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.covered(text, Figures::Nowhere)
            .map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Overwrites every secret in the body of an answer. The length stays, so that positions in the body hold. A
    /// secret that looks like a number is replaced inside strings alone.
    pub fn redact_body(&self, body: &mut [u8]) {
        self.cover_all(body, Figures::InStrings);
    }

    /// Overwrites every secret in a text without figures, such as a page that says why there is no answer.
    pub fn redact_page(&self, page: &mut [u8]) {
        self.cover_all(page, Figures::Anywhere);
    }

    /// How much of the end of a text is kept back until more of it has come.
    #[must_use]
    pub fn reach(&self) -> usize {
        self.longest * LONGEST_SPELLING
    }

    fn needle(&mut self, secret: &str, figure: bool) {
        let bare = Fold::Bare.of(secret.as_bytes());
        let (text, fold) = if bare.len() >= LONG && !figure {
            (bare, Fold::Bare)
        } else {
            (Fold::Graphic.of(secret.as_bytes()), Fold::Graphic)
        };
        let known = |needle: &Needle| needle.text.expose_secret().as_bytes() == text;
        if text.len() < SHORTEST || self.needles.iter().any(known) {
            return;
        }
        self.longest = self.longest.max(secret.len());
        self.needles.push(Needle {
            text: String::from_utf8_lossy(&text).into_owned().into(),
            fold,
            figure,
        });
    }

    /// `text` with the secrets covered; `None` where there are none.
    fn covered(&self, text: &[u8], figures: Figures) -> Option<Vec<u8>> {
        let mut covered = text.to_vec();
        self.cover_all(&mut covered, figures).then_some(covered)
    }

    /// Covers the secrets in `text`, block by block: what is remembered has a bound, whatever the text holds. Returns
    /// whether there was one.
    fn cover_all(&self, text: &mut [u8], figures: Figures) -> bool {
        if self.needles.is_empty() {
            return false;
        }
        let reach = self.reach();
        let block = BLOCK.max(reach * 4);
        // Where the strings are matters only for a secret that could be a figure.
        let in_strings = figures == Figures::InStrings && self.needles.iter().any(|needle| needle.figure);
        let mut quotes = Quotes::default();
        // A block is covered when the next one was searched, which begins with its end.
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut any = false;
        let mut start = 0;
        while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            let part = rest.get(..block).unwrap_or(rest);
            let is_last = part.len() == rest.len();
            let mut ranges = self.find_in_block(part, figures != Figures::Nowhere);
            if in_strings && ranges.iter().any(|(_, figure)| *figure) {
                let strings = quotes.strings(part);
                ranges.retain(|(range, figure)| !figure || is_within(range, &strings));
            }
            let next = block - reach;
            if in_strings && !is_last {
                quotes.pass(part.get(..next).unwrap_or(part));
            }
            let ranges = merged(ranges, start);
            any |= !ranges.is_empty();
            for range in std::mem::replace(&mut found, ranges) {
                cover(text, &range);
            }
            if is_last {
                break;
            }
            start += next;
        }
        for range in found {
            cover(text, &range);
        }
        any
    }

    /// Every reading of `text` is searched: as it stands, with each kind of escape read by itself, and with all of
    /// them, level by level. One alone would miss a secret behind something that looks like the beginning of an
    /// escape.
    fn find_in_block(&self, text: &[u8], figures: bool) -> Vec<(Range<usize>, bool)> {
        let mut found = self.find_in_reading(text, figures);
        let mut search = |reading: &Reading| {
            let ranges = self.find_in_reading(reading.bytes(), figures).into_iter();
            found.extend(ranges.map(|(range, figure)| (reading.span(&range), figure)));
        };
        Reading::of_each_kind(text).iter().for_each(&mut search);
        let mut reading = Reading::of_all_kinds(text);
        for _ in 0..LEVELS {
            let Some(deep) = reading else { break };
            search(&deep);
            reading = deep.deeper();
        }
        found
    }

    fn find_in_reading(&self, text: &[u8], figures: bool) -> Vec<(Range<usize>, bool)> {
        let mut found = Vec::new();
        let has_twins = spelling::has_twins(text);
        for fold in [Fold::Bare, Fold::Graphic] {
            let wanted = |needle: &&Needle| {
                needle.fold == fold && (figures || !needle.figure) && (has_twins || needle.may_be_in(text))
            };
            let needles: Vec<&Needle> = self.needles.iter().filter(wanted).collect();
            if needles.is_empty() {
                continue;
            }
            let folded = fold.of(text);
            let mut spans = None;
            for needle in needles {
                let text_of = needle.text.expose_secret().as_bytes();
                for at in memchr::memmem::find_iter(&folded, text_of) {
                    // Looked up for the rare text alone that holds one.
                    let spans = spans.get_or_insert_with(|| fold.spans(text));
                    let (first, last) = (spans.get(at), spans.get(at + text_of.len() - 1));
                    if let (Some(first), Some(last)) = (first, last) {
                        found.push((first.start..last.end, needle.figure));
                    }
                }
            }
        }
        found
    }
}

impl Needle {
    /// Whether `text`, which has no twins of ASCII characters, has every character of the secret. Bodies are numbers for the most
    /// part, so they lack some: then nothing has to be folded.
    fn may_be_in(&self, text: &[u8]) -> bool {
        let secret = self.text.expose_secret().as_bytes();
        let has = |byte: &u8| memchr::memchr2(*byte, byte.to_ascii_uppercase(), text).is_some();
        secret.iter().all(has)
    }
}

/// The ranges of a block that begins at `start`, in order and without overlaps: a hostile text repeats a secret
/// without end.
fn merged(ranges: Vec<(Range<usize>, bool)>, start: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = ranges.into_iter().map(|(range, _)| range).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if start + range.start <= last.end => last.end = last.end.max(start + range.end),
            _ => merged.push(start + range.start..start + range.end),
        }
    }
    merged
}

/// Whether `range` lies in one of the `strings`, which are in order.
fn is_within(range: &Range<usize>, strings: &[Range<usize>]) -> bool {
    let next = strings.partition_point(|string| string.end < range.end);
    strings
        .get(next)
        .is_some_and(|string| string.start <= range.start)
}

fn cover(text: &mut [u8], range: &Range<usize>) {
    if let Some(place) = text.get_mut(range.clone()) {
        place.fill(b'*');
    }
}

/// What is the same in every Base64 text that holds `text`, for each of the three places in a group where it can begin.
fn base64_parts(text: &str) -> impl Iterator<Item = String> {
    (0..3_usize).map(move |before| {
        let bytes = [&vec![0; before], text.as_bytes()].concat();
        let whole = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        let encoded = STANDARD_NO_PAD.encode(bytes);
        encoded.get(whole).unwrap_or_default().to_owned()
    })
}

/// Whether `text` could be a key that was given in the wrong place: many letters and digits, and nothing of what a
/// path, an address or a sentence has.
#[must_use]
pub fn looks_like_key(text: &str) -> bool {
    let shaped = |text: &str, least: usize, digits: usize| {
        let count = |is: fn(&u8) -> bool| text.bytes().filter(is).count();
        text.len() >= least && count(u8::is_ascii_digit) >= digits && count(u8::is_ascii_alphabetic) >= 4
    };
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"+=_-".contains(&byte);
    let is_separator = |char: char| !char.is_ascii_alphanumeric();
    text.bytes().all(is_token)
        && (shaped(text, 32, 8) || text.split(is_separator).any(|word| shaped(word, 20, 4)))
}

#[cfg(test)]
mod tests;
