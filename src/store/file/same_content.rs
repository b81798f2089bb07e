//! Whether two databases hold the same.

use rusqlite::Connection;

use crate::store::error::Result;

/// Whether both have the same schema and the same rows, read in the order in which they are stored. So a copy of the
/// pages is the same, and a database that was filled in another order may not be.
///
/// What cannot be read of `copy` is a difference; what cannot be read of `original` is an error.
pub(crate) fn same_content(original: &Connection, copy: &Connection) -> Result<bool> {
    let schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid";
    if !same_rows(original, copy, schema)? {
        return Ok(false);
    }
    let mut tables =
        original.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")?;
    let tables = tables.query_map([], |row| row.get::<_, String>(0))?;
    for table in tables {
        let select = format!("SELECT * FROM \"{}\"", table?.replace('"', "\"\""));
        if !same_rows(original, copy, &select)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_rows(original: &Connection, copy: &Connection, select: &str) -> Result<bool> {
    let mut wanted = original.prepare(select)?;
    let Ok(mut found) = copy.prepare(select) else {
        return Ok(false);
    };
    let columns = wanted.column_count();
    let mut wanted = wanted.query([])?;
    let Ok(mut found) = found.query([]) else {
        return Ok(false);
    };
    loop {
        let wanted = wanted.next()?;
        let Ok(found) = found.next() else {
            return Ok(false);
        };
        let (Some(wanted), Some(found)) = (wanted, found) else {
            return Ok(wanted.is_none() && found.is_none());
        };
        for column in 0..columns {
            let value = wanted.get_ref(column)?;
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
