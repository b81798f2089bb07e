//! Numbers for domains.

use rusqlite::Connection;

use crate::store::error::Result;
use crate::store::file::names::Names;
use crate::store::file::statements::Statements as _;

const FIND: &str = "SELECT id FROM domain WHERE name = ?1";

/// The numbers of domains, remembered over transactions.
#[derive(Debug)]
pub(crate) struct DomainIds(Names);

impl Default for DomainIds {
    fn default() -> Self {
        Self(Names::new(FIND, "INSERT INTO domain (name) VALUES (?1)"))
    }
}

impl DomainIds {
    /// Returns the number of a domain. A new domain is added.
    pub(crate) fn id(&mut self, tx: &Connection, name: &str) -> Result<i64> {
        Ok(self.0.id(tx, name)?.0)
    }
}

/// Returns the number of a domain; `None` if it has none.
pub(crate) fn find(connection: &Connection, name: &str) -> Result<Option<i64>> {
    connection.first(FIND, [name], |row| row.get(0))
}

/// Returns the numbers and names of all domains.
pub(crate) fn all(connection: &Connection) -> Result<Vec<(i64, String)>> {
    connection.tuples("SELECT id, name FROM domain ORDER BY id", [])
}
