//! The status codes of a point.

use std::collections::HashMap;

use super::encoding::UNDECODED;
use super::figure;
use super::json::{Cursor, ExpectedKey};
use super::json_string::RawString;
use super::row::RowError;
use crate::model::points::{CodeIndex, MAX_CODE_CHARS, SetIndex};
use crate::model::{CodeBook, text};

/// The most different codes in an answer; 17 are documented. More would make looking them up slow.
const MAX_CODES: usize = 1_000;
/// The most different sets of codes in an answer; usually there are few.
const MAX_SETS: usize = 4_096;

/// Reads codes and their counts, and remembers what the object before looked like: in most answers nearly
/// every point names the same codes in the same order, which is checked by comparing text and needs no
/// look-up.
#[derive(Debug, Default)]
pub(super) struct CodesReader<'a> {
    book: CodeBook,
    /// One way to write each code of `book`.
    known: Vec<(ExpectedKey<'a>, CodeIndex)>,
    /// The keys of the last object.
    keys: Vec<(ExpectedKey<'a>, CodeIndex)>,
    /// The set that `keys` make; `None` while that is not known.
    set: Option<SetIndex>,
    /// The sets met so far, by their members in the order of the answer.
    sets: HashMap<Vec<CodeIndex>, SetIndex>,
    /// The counts above zero of the point at hand.
    counts: Vec<(CodeIndex, i64)>,
}

impl<'a> CodesReader<'a> {
    /// Begins a point.
    pub(super) fn begin(&mut self) {
        self.counts.clear();
    }

    /// The counts above zero of this point.
    pub(super) fn counts(&self) -> &[(CodeIndex, i64)] {
        &self.counts
    }

    /// The codes and sets met so far.
    pub(super) fn into_book(self) -> CodeBook {
        self.book
    }

    /// Reads the members of an object of codes, whose opening brace was passed.
    pub(super) fn object(&mut self, cursor: &mut Cursor<'a>) -> Result<SetIndex, RowError> {
        let mut length = 0;
        let mut more = !cursor.eat(b'}');
        while more {
            let code = match self.keys.get(length) {
                Some(&(key, code)) if cursor.eat_key(key) => code,
                _ => self.new_key(cursor, length)?,
            };
            length += 1;
            self.count(cursor, code)?;
            more = cursor.eat(b',');
            if !more {
                cursor.expect(b'}', "no `,` or `}` after a member")?;
            }
        }
        if length < self.keys.len() {
            self.keys.truncate(length);
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

    /// Reads a key that is not the one remembered for this place, which it becomes.
    fn new_key(&mut self, cursor: &mut Cursor<'a>, place: usize) -> Result<CodeIndex, RowError> {
        let known = self.known.iter().find(|(key, _)| cursor.eat_key(*key)).copied();
        let (key, code) = if let Some(known) = known {
            known
        } else {
            let key = cursor.string()?;
            cursor.expect(b':', "no `:` after a key")?;
            (ExpectedKey::new(key), self.intern(key)?)
        };
        self.keys.truncate(place);
        self.keys.push((key, code));
        self.set = None;
        Ok(code)
    }

    /// Reads the count of `code`.
    #[inline]
    pub(super) fn count(&mut self, cursor: &mut Cursor<'a>, code: CodeIndex) -> Result<(), RowError> {
        let count = figure::whole(cursor).map_err(|unusable| {
            let code = text::printable(self.book.code(code).unwrap_or_default());
            RowError::point(format!("the count of code `{code}` is {unusable}"))
        })?;
        if count > 0 {
            self.counts.push((code, count));
        }
        Ok(())
    }

    /// The index of the code that `key` names.
    pub(super) fn intern(&mut self, key: RawString<'a>) -> Result<CodeIndex, RowError> {
        let code = key.decode()?;
        let is_unusable = |char: char| char.is_control() || char == UNDECODED;
        if code.is_empty() || code.chars().nth(MAX_CODE_CHARS).is_some() || code.contains(is_unusable) {
            return Err(RowError::point(format!(
                "a status code is `{}`: empty, longer than {MAX_CODE_CHARS} characters, or with a control \
                 character or one that cannot be decoded",
                text::shorten(&code, MAX_CODE_CHARS)
            )));
        }
        let before = self.book.codes().len();
        let index = self.book.intern(&code);
        if self.book.codes().len() > before {
            self.known.push((ExpectedKey::new(key), index));
        }
        if self.book.codes().len() > MAX_CODES {
            return Err(RowError::Answer("it names more than 1000 different status codes"));
        }
        Ok(index)
    }

    /// The index of the set of `members`, which must differ.
    pub(super) fn set_of(&mut self, members: Vec<CodeIndex>) -> Result<SetIndex, RowError> {
        if let Some(set) = self.sets.get(&members) {
            return Ok(*set);
        }
        let mut sorted = members.clone();
        sorted.sort_unstable();
        let twice = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a == b);
        if let Some((code, _)) = twice {
            let code = text::printable(self.book.code(*code).unwrap_or_default());
            return Err(RowError::point(format!(
                "the point names the status code `{code}` twice"
            )));
        }
        let set = self.book.intern_set(&members);
        self.sets.insert(members, set);
        if self.book.sets().len() > MAX_SETS {
            return Err(RowError::Answer(
                "it names more than 4096 different sets of status codes",
            ));
        }
        Ok(set)
    }
}
