//! The parts of an answer that could not be taken.

use std::fmt;

use super::slot::UnixSeconds;
use super::span::Span;
use super::text;

/// The most rejects of one answer that are kept with their text; more are counted.
pub const MAX_REJECTS: usize = 100;
/// How much of the raw text is kept; a point of the documented shape takes about 200 bytes.
pub const MAX_RAW_BYTES: usize = 64 * 1024;

/// A piece of an answer that was left out, and why. Its neighbours are stored all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The domain that was asked for. Of an entry for another domain: its name as the API wrote it.
    pub domain: String,
    /// The point's time, where that could be read.
    pub ts: Option<UnixSeconds>,
    /// Why it was left out.
    pub reason: RejectReason,
    /// The text as it was received, at most [`MAX_RAW_BYTES`] of it.
    pub raw: String,
}

/// Why a piece of an answer was left out. `Display` gives the sentence that is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectReason {
    /// The point is not of the documented shape, or a number in it cannot be taken.
    Malformed(String),
    /// The point's time lies outside the range that was asked for.
    OutsideWindow(Span),
    /// Two points with the same time say different things; neither can be trusted.
    Conflicting,
    /// Two points with different times fall into one 5-minute slot; summed, they would count double.
    SharesSlot {
        /// The time of the other point.
        other: UnixSeconds,
    },
    /// The answer holds a domain that was not asked for.
    DomainNotAsked,
}

impl Reject {
    /// Returns a reject with its raw text cut to what is kept.
    #[must_use]
    pub fn new(domain: &str, ts: Option<UnixSeconds>, reason: RejectReason, raw: &str) -> Self {
        let mut end = raw.len().min(MAX_RAW_BYTES);
        while !raw.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            domain: domain.to_owned(),
            ts,
            reason,
            raw: raw.get(..end).unwrap_or_default().to_owned(),
        }
    }
}

/// Whether `raw`, as a reject keeps it, may be the beginning of a longer text. A whole text of just that length
/// counts as cut, too.
#[must_use]
pub const fn may_be_cut(raw: &str) -> bool {
    // The cut goes back to the beginning of a character, which has at most four bytes.
    raw.len() + 3 >= MAX_RAW_BYTES
}

impl RejectReason {
    /// Returns the kind by which rejects are counted and kept; one word for each variant.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::OutsideWindow(_) => "outside_window",
            Self::Conflicting => "conflicting",
            Self::SharesSlot { .. } => "shares_slot",
            Self::DomainNotAsked => "domain_not_asked",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "{}", text::printable(what)),
            Self::OutsideWindow(window) => {
                write!(f, "the time lies outside {window} (UTC+8), which was asked for")
            }
            Self::Conflicting => {
                f.write_str("the answer holds this time more than once, with different figures")
            }
            Self::SharesSlot { other } => {
                write!(
                    f,
                    "another point lies in the same 5-minute slot, at {other}; both would count double"
                )
            }
            Self::DomainNotAsked => f.write_str("the domain was not asked for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_that_was_cut_is_known_by_its_length() {
        for before in 0..4 {
            let long = format!("{}{}", "a".repeat(before), "\u{1f4c8}".repeat(MAX_RAW_BYTES / 4));
            let cut = Reject::new("a.com", None, RejectReason::Conflicting, &format!("{long}a"));
            assert!(cut.raw.len() <= MAX_RAW_BYTES && may_be_cut(&cut.raw), "{before}");
        }
        assert!(!may_be_cut(&"a".repeat(MAX_RAW_BYTES - 4)));
    }
}
