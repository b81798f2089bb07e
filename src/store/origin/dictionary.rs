//! Numbers for names: domains, status codes, and sets of status codes.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use crate::model::CodeBook;
use crate::model::points::{CodeIndex, SetIndex};
use crate::store::error::{Result, StoreErrorKind};

/// How many names are remembered of each kind. An account has hundreds of domains and an API some twenty
/// codes; what goes beyond is looked up again.
const MAX_REMEMBERED: usize = 4096;

/// What the database calls the names, remembered over transactions.
///
/// A failed transaction takes its new names with it, so they are to be forgotten then.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    domains: Names,
    codes: Names,
    sets: Names,
    texts: HashMap<i64, String>,
}

type Names = HashMap<Box<str>, i64>;

impl Dictionary {
    /// Forgets everything; the database is asked again.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The number of a domain, which is added if it is new.
    pub(crate) fn domain(&mut self, tx: &Connection, name: &str) -> Result<i64> {
        let number = Number {
            find: "SELECT id FROM domain WHERE name = ?1",
            add: "INSERT INTO domain (name) VALUES (?1)",
        };
        Ok(number.of(name, &mut self.domains, tx)?.0)
    }

    fn code(&mut self, tx: &Connection, code: &str) -> Result<i64> {
        let number = Number {
            find: "SELECT id FROM code WHERE code = ?1",
            add: "INSERT INTO code (code) VALUES (?1)",
        };
        Ok(number.of(code, &mut self.codes, tx)?.0)
    }

    fn set(&mut self, tx: &Connection, codes: &[&str]) -> Result<i64> {
        let canonical = serde_json::to_string(codes)
            .map_err(|error| StoreErrorKind::InvariantViolation(error.to_string()))?;
        let number = Number {
            find: "SELECT id FROM code_set WHERE codes = ?1",
            add: "INSERT INTO code_set (codes) VALUES (?1)",
        };
        let (set, new) = number.of(&canonical, &mut self.sets, tx)?;
        if new {
            let mut add =
                tx.prepare_cached("INSERT INTO code_set_member (code_set_id, code_id) VALUES (?1, ?2)")?;
            for code in codes {
                add.execute([set, self.code(tx, code)?])?;
            }
        }
        Ok(set)
    }

    /// The text of the code with this number.
    fn text(&mut self, tx: &Connection, code: i64) -> Result<String> {
        if let Some(text) = self.texts.get(&code) {
            return Ok(text.clone());
        }
        if self.texts.len() >= MAX_REMEMBERED {
            self.texts.clear();
        }
        let text: String = tx
            .prepare_cached("SELECT code FROM code WHERE id = ?1")?
            .query_row([code], |row| row.get(0))?;
        self.texts.insert(code, text.clone());
        Ok(text)
    }
}

/// How one kind of name is found and added.
struct Number {
    find: &'static str,
    add: &'static str,
}

impl Number {
    /// The number, and whether it is new.
    fn of(&self, name: &str, remembered: &mut Names, tx: &Connection) -> Result<(i64, bool)> {
        if let Some(number) = remembered.get(name) {
            return Ok((*number, false));
        }
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        let found = tx
            .prepare_cached(self.find)?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let (number, new) = match found {
            Some(number) => (number, false),
            None => (tx.prepare_cached(self.add)?.insert([name])?, true),
        };
        remembered.insert(name.into(), number);
        Ok((number, new))
    }
}

/// The database's numbers for the codes and sets of one answer, asked for when they are first needed.
pub(crate) struct Translation<'a> {
    tx: &'a Connection,
    dictionary: &'a mut Dictionary,
    book: &'a CodeBook,
    codes: Vec<Option<i64>>,
    sets: Vec<Option<i64>>,
}

impl<'a> Translation<'a> {
    pub(crate) fn new(tx: &'a Connection, dictionary: &'a mut Dictionary, book: &'a CodeBook) -> Self {
        Self {
            tx,
            dictionary,
            book,
            codes: vec![None; book.codes().len()],
            sets: vec![None; book.sets().len()],
        }
    }

    pub(crate) fn book(&self) -> &'a CodeBook {
        self.book
    }

    pub(crate) fn code(&mut self, index: CodeIndex) -> Result<i64> {
        let known = entry(&mut self.codes, index)?;
        if let Some(number) = *known {
            return Ok(number);
        }
        let number = self.dictionary.code(self.tx, text(self.book, index)?)?;
        *known = Some(number);
        Ok(number)
    }

    pub(crate) fn set(&mut self, index: SetIndex) -> Result<i64> {
        let known = entry(&mut self.sets, index)?;
        if let Some(number) = *known {
            return Ok(number);
        }
        let members = self.book.set(index).unwrap_or_default().iter();
        let codes = members
            .map(|code| text(self.book, *code))
            .collect::<Result<Vec<_>>>()?;
        let number = self.dictionary.set(self.tx, &codes)?;
        *known = Some(number);
        Ok(number)
    }

    /// The text of a code of the database.
    pub(crate) fn text(&mut self, code: i64) -> Result<String> {
        self.dictionary.text(self.tx, code)
    }

    /// The codes of a set of the database.
    pub(crate) fn members(&self, set: i64) -> Result<Vec<i64>> {
        let mut select = self
            .tx
            .prepare_cached("SELECT code_id FROM code_set_member WHERE code_set_id = ?1")?;
        let members = select.query_map([set], |row| row.get(0))?;
        Ok(members.collect::<rusqlite::Result<_>>()?)
    }
}

fn entry(known: &mut [Option<i64>], index: u32) -> Result<&mut Option<i64>> {
    usize::try_from(index)
        .ok()
        .and_then(|index| known.get_mut(index))
        .ok_or_else(|| stranger(index))
}

fn text(book: &CodeBook, index: CodeIndex) -> Result<&str> {
    book.code(index).ok_or_else(|| stranger(index))
}

fn stranger(index: u32) -> StoreErrorKind {
    StoreErrorKind::InvariantViolation(format!(
        "a point names code or set {index}, which its book does not hold"
    ))
}
