//! Compares two databases.

use rusqlite::Connection;

use crate::store::error::Result;
use crate::store::file::statements::Statements as _;

/// Returns whether both have the same schema and the same rows, in the order in which they are stored. A copy of the
/// pages is the same. A database that was filled in another order may differ.
///
/// A failure to read `copy` is a difference; a failure to read `original` is an error.
pub(crate) fn same_content(original: &Connection, copy: &Connection) -> Result<bool> {
    let schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid";
    if !same_rows(original, copy, schema)? {
        return Ok(false);
    }
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid";
    for table in original.column::<String>(tables, [])? {
        let select = format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""));
        if !same_rows(original, copy, &select)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_rows(original: &Connection, copy: &Connection, select: &str) -> Result<bool> {
    let mut expected = original.prepare(select)?;
    let Ok(mut found) = copy.prepare(select) else {
        return Ok(false);
    };
    let columns = expected.column_count();
    let mut expected = expected.query([])?;
    let Ok(mut found) = found.query([]) else {
        return Ok(false);
    };
    loop {
        let expected = expected.next()?;
        let Ok(found) = found.next() else {
            return Ok(false);
        };
        let (Some(expected), Some(found)) = (expected, found) else {
            return Ok(expected.is_none() && found.is_none());
        };
        for column in 0..columns {
            let value = expected.get_ref(column)?;
            if !found.get_ref(column).is_ok_and(|found| found == value) {
                return Ok(false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(more: &str) -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database
            .execute_batch("CREATE TABLE \"a\"\"b\" (x, y); INSERT INTO \"a\"\"b\" VALUES (1, 2.5), (NULL, x'00'), ('t', 3)")
            .unwrap();
        database.execute_batch(more).unwrap();
        database
    }

    #[test]
    fn one_value_row_or_table_more_or_less_is_a_difference() {
        let original = database("");
        assert!(same_content(&original, &database("")).unwrap());
        for difference in [
            "UPDATE \"a\"\"b\" SET y = 2 WHERE x = 1",
            "UPDATE \"a\"\"b\" SET x = '' WHERE x IS NULL",
            "UPDATE \"a\"\"b\" SET y = 3.0 WHERE y = 3",
            "DELETE FROM \"a\"\"b\" WHERE x = 't'",
            "INSERT INTO \"a\"\"b\" VALUES (4, 5)",
            "CREATE TABLE c (d)",
            "CREATE INDEX i ON \"a\"\"b\" (x)",
        ] {
            let other = database(difference);
            assert!(!same_content(&original, &other).unwrap(), "{difference}");
            assert!(!same_content(&other, &original).unwrap(), "{difference}");
        }
    }
}
