//! Numbers that a table gives to names.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// How many entries a memory keeps. An account has hundreds of domains and an API some twenty codes. Beyond this the
/// memory starts anew, and the table is asked again.
pub(crate) const MAX_REMEMBERED: usize = 4096;

/// The numbers of names, remembered over transactions.
///
/// A failed transaction takes its new names back. Then forget them.
#[derive(Debug)]
pub(crate) struct Names {
    find: &'static str,
    add: &'static str,
    ids: HashMap<Box<str>, i64>,
}

impl Names {
    /// Makes an empty memory of a table. `find` selects the number of a name; `add` inserts a name.
    pub(crate) fn new(find: &'static str, add: &'static str) -> Self {
        Self {
            find,
            add,
            ids: HashMap::new(),
        }
    }

    /// Returns the number of a name and whether it is new. A new name is added to the table.
    pub(crate) fn id(&mut self, tx: &Connection, name: &str) -> Result<(i64, bool)> {
        if let Some(id) = self.ids.get(name) {
            return Ok((*id, false));
        }
        let (id, is_new) = match tx.first(self.find, [name], |row| row.get(0))? {
            Some(id) => (id, false),
            None => (tx.prepare_cached(self.add)?.insert([name])?, true),
        };
        if self.ids.len() >= MAX_REMEMBERED {
            self.ids.clear();
        }
        self.ids.insert(name.into(), id);
        Ok((id, is_new))
    }
}
