//! Numbers for status codes and for sets of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use crate::model::points::{CodeIndex, SetIndex};
use crate::model::{CodeBook, Domain, PointColumns};
use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::names::{MAX_REMEMBERED, Names};
use crate::store::file::statements::Statements as _;
use crate::store::origin::code_texts;

/// The numbers of codes and sets, remembered over transactions.
///
/// A failed transaction takes its new names back. Then forget them.
#[derive(Debug)]
pub(crate) struct CodeIds {
    codes: Names,
    sets: Names,
    lookup: CodeLookup,
    /// Whether codes are known to have numbers. False until the first counts come.
    are_numbered: bool,
}

impl Default for CodeIds {
    fn default() -> Self {
        Self {
            codes: Names::new(
                "SELECT id FROM code WHERE code = ?1",
                "INSERT INTO code (code) VALUES (?1)",
            ),
            sets: Names::new(
                "SELECT id FROM code_set WHERE codes = ?1",
                "INSERT INTO code_set (codes) VALUES (?1)",
            ),
            lookup: CodeLookup::default(),
            are_numbered: false,
        }
    }
}

impl CodeIds {
    /// Gives the numbers 0 and 1 to the two codes with the most counts in the first points of a database.
    ///
    /// SQLite stores these two numbers in no byte. Nearly every point has a count of such a code, so this saves two bytes a
    /// point of 73.
    pub(crate) fn number_commonest(
        &mut self,
        tx: &Connection,
        book: &CodeBook,
        points: &[(Domain, PointColumns)],
    ) -> Result<()> {
        if self.are_numbered {
            return Ok(());
        }
        let mut counts: BTreeMap<CodeIndex, u64> = BTreeMap::new();
        for (code, _) in points.iter().flat_map(|(_, columns)| &columns.counts) {
            *counts.entry(*code).or_default() += 1;
        }
        if counts.is_empty() {
            return Ok(());
        }
        self.are_numbered = true;
        if tx.value("SELECT EXISTS (SELECT 1 FROM code)", [])? {
            return Ok(());
        }
        let mut commonest: Vec<(CodeIndex, u64)> = counts.into_iter().collect();
        // The sort is stable: of two that are as common, the first one of the answer comes first.
        commonest.sort_by_key(|(_, counts)| Reverse(*counts));
        for (id, (code, _)) in (0_i64..).zip(commonest.into_iter().take(2)) {
            let code = text(book, code)?;
            tx.run("INSERT INTO code (id, code) VALUES (?1, ?2)", (id, code))?;
            code_texts::write(tx, id, code)?;
        }
        Ok(())
    }

    fn code(&mut self, tx: &Connection, code: &str) -> Result<i64> {
        let (id, is_new) = self.codes.id(tx, code)?;
        if is_new {
            code_texts::write(tx, id, code)?;
        }
        Ok(id)
    }

    fn set(&mut self, tx: &Connection, codes: &[&str]) -> Result<i64> {
        let canonical = serde_json::to_string(codes)
            .map_err(|error| StoreErrorKind::InvariantViolation(error.to_string()))?;
        let (set, is_new) = self.sets.id(tx, &canonical)?;
        if is_new {
            for code in codes {
                let member = [set, self.code(tx, code)?];
                tx.run(
                    "INSERT INTO code_set_member (code_set_id, code_id) VALUES (?1, ?2)",
                    member,
                )?;
            }
        }
        Ok(set)
    }
}

/// The codes and the members of sets by their numbers, read when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct CodeLookup {
    codes: HashMap<i64, Option<String>>,
    sets: HashMap<i64, Vec<i64>>,
}

impl CodeLookup {
    /// Returns the code with this number; `None` if there is none.
    pub(crate) fn code(&mut self, connection: &Connection, code: i64) -> Result<Option<&str>> {
        if !self.codes.contains_key(&code) {
            if self.codes.len() >= MAX_REMEMBERED {
                self.codes.clear();
            }
            let text = connection.first("SELECT code FROM code WHERE id = ?1", [code], |row| row.get(0))?;
            self.codes.insert(code, text);
        }
        Ok(self.codes.get(&code).and_then(Option::as_deref))
    }

    /// Returns the numbers of the codes of a set.
    pub(crate) fn members(&mut self, connection: &Connection, set: i64) -> Result<&[i64]> {
        if !self.sets.contains_key(&set) {
            if self.sets.len() >= MAX_REMEMBERED {
                self.sets.clear();
            }
            let sql = "SELECT code_id FROM code_set_member WHERE code_set_id = ?1";
            self.sets.insert(set, connection.column(sql, [set])?);
        }
        Ok(self.sets.get(&set).map_or(&[], Vec::as_slice))
    }
}

/// The database's numbers for the codes and sets of one answer, read when they are first needed.
pub(crate) struct Translation<'a> {
    tx: &'a Connection,
    ids: &'a mut CodeIds,
    book: &'a CodeBook,
    codes: Vec<Option<i64>>,
    sets: Vec<Option<i64>>,
}

impl<'a> Translation<'a> {
    pub(crate) fn new(tx: &'a Connection, ids: &'a mut CodeIds, book: &'a CodeBook) -> Self {
        Self {
            tx,
            ids,
            book,
            codes: vec![None; book.codes().len()],
            sets: vec![None; book.sets().len()],
        }
    }

    pub(crate) fn book(&self) -> &'a CodeBook {
        self.book
    }

    /// Returns the database's number for a code of the answer.
    pub(crate) fn code(&mut self, index: CodeIndex) -> Result<i64> {
        let entry = entry(&mut self.codes, index)?;
        if let Some(id) = *entry {
            return Ok(id);
        }
        let id = self.ids.code(self.tx, text(self.book, index)?)?;
        *entry = Some(id);
        Ok(id)
    }

    /// Returns the database's number for a set of the answer.
    pub(crate) fn set(&mut self, index: SetIndex) -> Result<i64> {
        let entry = entry(&mut self.sets, index)?;
        if let Some(id) = *entry {
            return Ok(id);
        }
        let members = self.book.set(index).unwrap_or_default().iter();
        let codes: Vec<&str> = members
            .map(|code| text(self.book, *code))
            .collect::<Result<_>>()?;
        let id = self.ids.set(self.tx, &codes)?;
        *entry = Some(id);
        Ok(id)
    }

    /// Returns the text of a code of the database.
    pub(crate) fn text(&mut self, code: i64) -> Result<String> {
        let text = self.ids.lookup.code(self.tx, code)?;
        let missing = || StoreErrorKind::Impossible(format!("there is no code with number {code}"));
        text.map(str::to_owned).ok_or_else(missing)
    }

    /// Returns the codes of a set of the database.
    pub(crate) fn members(&mut self, set: i64) -> Result<Vec<i64>> {
        Ok(self.ids.lookup.members(self.tx, set)?.to_vec())
    }
}

fn entry(ids: &mut [Option<i64>], index: u32) -> Result<&mut Option<i64>> {
    usize::try_from(index)
        .ok()
        .and_then(|index| ids.get_mut(index))
        .ok_or_else(|| not_in_book(index))
}

fn text(book: &CodeBook, index: CodeIndex) -> Result<&str> {
    book.code(index).ok_or_else(|| not_in_book(index))
}

fn not_in_book(index: u32) -> StoreErrorKind {
    StoreErrorKind::InvariantViolation(format!("a point has code or set {index}, and its book does not"))
}
