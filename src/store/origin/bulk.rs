//! Inserts rows of integers many at a time.

use rusqlite::Connection;

use crate::store::error::Result;

/// Rows that one statement inserts. More gained nothing when it was measured.
pub(crate) const ROWS_AT_ONCE: usize = 32;
/// An answer that fills fewer pages than this is short: most days of a domain are.
const FEW_PAGES: usize = 4;

/// The two statements that insert into one table.
#[derive(Debug)]
pub(crate) struct InsertSql {
    one: String,
    many: String,
    rows_a_page: usize,
}

impl InsertSql {
    /// Makes them of the statement before `VALUES` (`head`) and the placeholders of a row (`row`). About `rows_a_page` rows
    /// fill a page of the file.
    pub(crate) fn new(head: &'static str, row: &'static str, rows_a_page: usize) -> Self {
        let values = |rows: usize| [head, " VALUES ", &vec![row; rows].join(", ")].concat();
        Self {
            one: values(1),
            many: values(ROWS_AT_ONCE),
            rows_a_page,
        }
    }
}

/// Collects rows for a table.
pub(crate) struct BulkInsert<'a, const COLUMNS: usize> {
    tx: &'a Connection,
    sql: &'static InsertSql,
    rows: Vec<[i64; COLUMNS]>,
}

impl<'a, const COLUMNS: usize> BulkInsert<'a, COLUMNS> {
    pub(crate) fn new(tx: &'a Connection, sql: &'static InsertSql) -> Self {
        Self {
            tx,
            sql,
            rows: Vec::new(),
        }
    }

    /// Adds a row. It is in the table after the next [`flush`](Self::flush).
    pub(crate) fn push(&mut self, row: [i64; COLUMNS]) {
        self.rows.push(row);
    }

    /// Writes the rows. They were added in the order of their key.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.hold_back();
        let (full, rest) = self.rows.as_chunks::<ROWS_AT_ONCE>();
        insert(self.tx, &self.sql.many, full.iter().map(<[_; _]>::as_slice))?;
        insert(self.tx, &self.sql.one, rest.chunks(1))?;
        self.rows.clear();
        Ok(())
    }
}

impl<const COLUMNS: usize> BulkInsert<'_, COLUMNS> {
    /// Puts some of the rows behind the others.
    ///
    /// When rows come in the order of their key, SQLite splits a full page, goes on in its right part, and never comes back to
    /// the left one: that stays an eighth empty. The rows that were held back fill it. Of a long answer they are one in nine,
    /// except of those that the last page will hold: the next rows of the domain fill that one. In a short answer the last
    /// pages are most of it. Then SQLite has filled pages best if more rows are held back and come in reverse.
    ///
    /// Measured for answers of a half to fifty pages: from one and a half pages on, the tables are up to 6 % smaller, most often
    /// 3 %; shorter answers gain nothing. All are written as fast. A long answer in reverse would leave pages half empty.
    fn hold_back(&mut self) {
        let rows = self.rows.len();
        let pages = rows / self.sql.rows_a_page;
        let (one_in, end) = match pages {
            0 | 1 => (7, rows),
            2..FEW_PAGES => (8, rows),
            _ => (9, rows - self.sql.rows_a_page),
        };
        let mut at = 0;
        let is_held_back = |_: &mut [i64; COLUMNS]| {
            at += 1;
            at % one_in == 0
        };
        let mut held_back: Vec<_> = self.rows.extract_if(..end, is_held_back).collect();
        if pages < FEW_PAGES {
            held_back.reverse();
        }
        self.rows.extend(held_back);
    }
}

fn insert<'r, const COLUMNS: usize>(
    tx: &Connection,
    sql: &str,
    batches: impl ExactSizeIterator<Item = &'r [[i64; COLUMNS]]>,
) -> Result<()> {
    if batches.len() == 0 {
        return Ok(());
    }
    let mut statement = tx.prepare_cached(sql)?;
    for batch in batches {
        for (parameter, value) in (1_usize..).zip(batch.as_flattened()) {
            statement.raw_bind_parameter(parameter, value)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::file::statements::Statements as _;

    /// Writes rows of some domains, `rows` of each at a time, and returns the connection.
    fn filled(rows: i64, mut write: impl FnMut(&Connection, Vec<[i64; 3]>)) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (d BIGINT, ts BIGINT, v BIGINT, PRIMARY KEY (d, ts)) WITHOUT ROWID",
            )
            .unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        for (answer, domain) in
            (0..20_160 / rows).flat_map(|answer| (2..12).map(move |domain| (answer, domain)))
        {
            let answer = (answer * rows..(answer + 1) * rows)
                .map(|slot| [domain, 1_767_196_800 + slot * 300, random.i64(1 << 50..1 << 60)])
                .collect();
            write(&connection, answer);
        }
        connection
    }

    #[test]
    fn rows_that_are_held_back_are_written_too_and_the_file_is_smaller() {
        // Less than two pages, less than four, and more.
        for (rows, percent) in [(288, 99), (504, 96), (2016, 97)] {
            let sql: &'static _ = Box::leak(Box::new(InsertSql::new("INSERT INTO t", "(?, ?, ?)", 180)));
            let plain = filled(rows, |connection, answer| {
                insert(connection, &sql.one, answer.chunks(1)).unwrap();
            });
            let held_back = filled(rows, |connection, answer| {
                let mut bulk = BulkInsert::new(connection, sql);
                for row in answer {
                    bulk.push(row);
                }
                bulk.flush().unwrap();
            });
            let all = |connection: &Connection| -> Vec<(i64, i64)> {
                connection
                    .tuples("SELECT ts, v FROM t ORDER BY d, ts", [])
                    .unwrap()
            };
            assert_eq!(all(&plain).len(), 10 * 20_160);
            assert!(all(&plain) == all(&held_back));
            let pages =
                |connection: &Connection| -> i64 { connection.value("PRAGMA page_count", []).unwrap() };
            let (plain, held_back) = (pages(&plain), pages(&held_back));
            println!("{rows} at a time: {plain} pages, {held_back} with rows held back");
            assert!(held_back * 100 < plain * percent, "{rows} at a time");
        }
    }
}
