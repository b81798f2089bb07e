//! The status codes of a point.

use std::collections::HashMap;

use super::row_error::RowError;
use crate::api::envelope::encoding::UNDECODED;
use crate::api::envelope::raw;
use crate::model::points::{CodeIndex, MAX_CODE_CHARS, SetIndex};
use crate::model::{CodeBook, text};

/// The most codes that one point may name; 17 are documented. A point that names a million would take more
/// memory than its answer.
const MAX_CODES_OF_POINT: usize = 128;
/// The most different codes in an answer.
const MAX_CODES: usize = 1_000;
/// The most different sets of codes in an answer; usually there are few.
const MAX_SETS: usize = 4_096;

/// Gathers the codes of point after point.
///
/// It remembers the keys of the point before: nearly every point of an answer names the same codes in the same
/// order, and comparing text is faster than looking each of them up.
#[derive(Debug, Default)]
pub(super) struct CodeReader<'a> {
    book: CodeBook,
    /// The codes of `book`.
    indices: HashMap<Box<str>, CodeIndex>,
    /// The keys of this point as they stand in the text, followed by those left of the point before.
    keys: Vec<(&'a str, CodeIndex)>,
    /// How many of `keys` are of this point.
    length: usize,
    /// The set that `keys` make; `None` while that is not known.
    set: Option<SetIndex>,
    /// The sets met so far, by their members in the order of their indices: an answer that names the same codes
    /// in a million orders has one set.
    sets: HashMap<Vec<CodeIndex>, SetIndex>,
    /// The counts above zero of this point.
    counts: Vec<(CodeIndex, i64)>,
}

impl<'a> CodeReader<'a> {
    /// Begins a point.
    pub(super) fn begin(&mut self) {
        self.length = 0;
        self.counts.clear();
    }

    /// Returns the index of the code that a key names, which becomes one of this point's. The key is `written` so
    /// between its quotes.
    pub(super) fn code(&mut self, written: &'a str) -> Result<CodeIndex, RowError> {
        if self.length == MAX_CODES_OF_POINT {
            return Err(RowError::point(format!(
                "the point names more than {MAX_CODES_OF_POINT} status codes"
            )));
        }
        let code = match self.keys.get(self.length) {
            Some((known, code)) if is_same(known, written) => *code,
            _ => {
                let code = self.intern(written)?;
                self.keys.truncate(self.length);
                self.keys.push((written, code));
                self.set = None;
                code
            }
        };
        self.length += 1;
        Ok(code)
    }

    /// Notes the count of one of this point's codes.
    pub(super) fn count(&mut self, code: CodeIndex, count: i64) {
        if count > 0 {
            self.counts.push((code, count));
        }
    }

    /// Returns the set of this point's codes.
    pub(super) fn set(&mut self) -> Result<SetIndex, RowError> {
        if self.length < self.keys.len() {
            self.keys.truncate(self.length);
            self.set = None;
        }
        if let Some(set) = self.set {
            return Ok(set);
        }
        let members = self.keys.iter().map(|(_, code)| *code).collect();
        let set = self.set_of(members)?;
        self.set = Some(set);
        Ok(set)
    }

    /// Returns the counts above zero of this point.
    pub(super) fn counts(&self) -> &[(CodeIndex, i64)] {
        &self.counts
    }

    /// Returns a code as text that is safe to print.
    pub(super) fn name(&self, code: CodeIndex) -> String {
        text::printable(self.book.code(code).unwrap_or_default())
    }

    /// Returns the codes and sets of all points.
    pub(super) fn into_book(self) -> CodeBook {
        self.book
    }

    fn intern(&mut self, written: &str) -> Result<CodeIndex, RowError> {
        let code = raw::unescaped(written).map_err(RowError::point)?;
        if let Some(index) = self.indices.get(code.as_ref()) {
            return Ok(*index);
        }
        let is_unusable = |char: char| char.is_control() || char == UNDECODED;
        if code.is_empty() || code.chars().nth(MAX_CODE_CHARS).is_some() || code.contains(is_unusable) {
            return Err(RowError::point(format!(
                "a status code is `{}`: empty, longer than {MAX_CODE_CHARS} characters, or with a control \
                 character or one that cannot be decoded",
                text::shorten(&code, MAX_CODE_CHARS)
            )));
        }
        if self.indices.len() == MAX_CODES {
            return Err(RowError::Answer("it names more than 1000 different status codes"));
        }
        let index = self.book.intern(&code);
        self.indices.insert(code.as_ref().into(), index);
        Ok(index)
    }

    fn set_of(&mut self, mut members: Vec<CodeIndex>) -> Result<SetIndex, RowError> {
        members.sort_unstable();
        if let Some(set) = self.sets.get(&members) {
            return Ok(*set);
        }
        let twice = members.iter().zip(members.iter().skip(1)).find(|(a, b)| a == b);
        if let Some((code, _)) = twice {
            return Err(RowError::point(format!(
                "the point names the status code `{}` twice",
                self.name(*code)
            )));
        }
        if self.sets.len() == MAX_SETS {
            return Err(RowError::Answer(
                "it names more than 4096 different sets of status codes",
            ));
        }
        let set = self.book.intern_set(&members);
        self.sets.insert(members, set);
        Ok(set)
    }
}

/// Returns whether two keys are the same. They are so short that a loop takes half as long as a comparison of strings.
#[inline]
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| a == b)
}
