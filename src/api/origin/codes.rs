//! The status codes of a point.

use std::collections::HashMap;

use super::figure;
use super::row::RowError;
use crate::api::envelope::encoding::UNDECODED;
use crate::api::envelope::json::{Cursor, ExpectedKey};
use crate::api::envelope::json_string::RawString;
use crate::model::points::{CodeIndex, MAX_CODE_CHARS, SetIndex};
use crate::model::{CodeBook, text};

/// The most codes that one point may name; 17 are documented. A point that names a million would take more
/// memory than the answer that holds it.
pub(super) const MAX_CODES_OF_POINT: usize = 128;
/// The most different codes in an answer.
const MAX_CODES: usize = 1_000;
/// The most different sets of codes in an answer; usually there are few.
const MAX_SETS: usize = 4_096;
/// How many codes are looked for by comparing the text, which is faster than hashing as long as they are few.
const COMPARED: usize = 32;

/// The point names more codes than [`MAX_CODES_OF_POINT`].
pub(super) fn too_many_codes() -> RowError {
    RowError::point(format!(
        "the point names more than {MAX_CODES_OF_POINT} status codes"
    ))
}

/// Reads codes and their counts, and remembers what the object before looked like: in most answers nearly
/// every point names the same codes in the same order, which is checked by comparing text and needs no
/// look-up.
#[derive(Debug, Default)]
pub(super) struct CodesReader<'a> {
    book: CodeBook,
    /// One way to write each of the first codes of `book`.
    known: Vec<(ExpectedKey<'a>, CodeIndex)>,
    /// The codes of `book`.
    indices: HashMap<Box<str>, CodeIndex>,
    /// The keys of the last object.
    keys: Vec<(ExpectedKey<'a>, CodeIndex)>,
    /// The set that `keys` make; `None` while that is not known.
    set: Option<SetIndex>,
    /// The sets met so far, by their members in the order of their indices: an answer that names the same codes
    /// in a million orders has one set.
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
            if length == MAX_CODES_OF_POINT {
                return Err(too_many_codes());
            }
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
        if self.known.len() < COMPARED {
            self.known.push((ExpectedKey::new(key), index));
        }
        Ok(index)
    }

    /// The index of the set of `members`, which must differ.
    pub(super) fn set_of(&mut self, mut members: Vec<CodeIndex>) -> Result<SetIndex, RowError> {
        members.sort_unstable();
        if let Some(set) = self.sets.get(&members) {
            return Ok(*set);
        }
        let twice = members.iter().zip(members.iter().skip(1)).find(|(a, b)| a == b);
        if let Some((code, _)) = twice {
            let code = text::printable(self.book.code(*code).unwrap_or_default());
            return Err(RowError::point(format!(
                "the point names the status code `{code}` twice"
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
