//! Explains what is wrong in a statement.

use std::fmt;

use unicode_width::UnicodeWidthStr as _;

use crate::model::text;
use crate::nearest::nearest;
use crate::store::file::reader::Reader;
use crate::store::file::statements::Statements as _;

/// How many characters of a line are shown on either side of the error.
const SHOWN_AROUND: usize = 48;

/// What SQLite says about a statement, the line of the error, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What is wrong, on one line.
    pub message: String,
    /// The line of the statement with a caret below the error; empty if its place is unknown.
    pub excerpt: String,
    /// The name that was probably meant, or the names that exist.
    pub help: Option<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.excerpt.is_empty() {
            write!(f, "\n{}", self.excerpt)?;
        }
        Ok(())
    }
}

/// Explains why SQLite refuses `sql`. `offset` is the byte of the error, if SQLite gives one.
pub(crate) fn explain(reader: &Reader, sql: &str, message: &str, offset: Option<usize>) -> Explanation {
    let unknown = Unknown::of(message);
    // SQLite gives no place for an unknown table.
    let offset = offset.or_else(|| find_word(sql, unknown.as_ref()?.name()));
    Explanation {
        message: text::printable(message),
        excerpt: offset.map(|offset| excerpt(sql, offset)).unwrap_or_default(),
        help: unknown.and_then(|unknown| unknown.help(reader, sql)),
    }
}

/// A name that SQLite does not know.
enum Unknown<'m> {
    Table(&'m str),
    Column(&'m str),
}

impl<'m> Unknown<'m> {
    fn of(message: &'m str) -> Option<Self> {
        if let Some(name) = message.strip_prefix("no such table: ") {
            return Some(Self::Table(name));
        }
        let name = message.strip_prefix("no such column: ")?;
        Some(Self::Column(
            name.split_once(" - ").map_or(name, |(name, _)| name),
        ))
    }

    /// Returns the name without its qualifier.
    fn name(&self) -> &'m str {
        let (Self::Table(name) | Self::Column(name)) = self;
        name.rsplit('.').next().unwrap_or(name).trim_matches('"')
    }

    fn help(&self, reader: &Reader, sql: &str) -> Option<String> {
        let relations = public_relations(reader);
        let (known, there_are) = match self {
            Self::Table(_) => (relations, "the relations are"),
            Self::Column(_) => {
                let mentioned: Vec<String> = relations
                    .iter()
                    .filter(|name| find_word(sql, name).is_some())
                    .cloned()
                    .collect();
                let shown = if mentioned.is_empty() {
                    relations
                } else {
                    mentioned
                };
                (columns(reader, &shown), "the columns are")
            }
        };
        match nearest(self.name(), known.iter().map(String::as_str)) {
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None if known.is_empty() => None,
            None => Some(format!("{there_are} {}", known.join(", "))),
        }
    }
}

/// Returns the names of the public relations, in order; none if they cannot be read. This is only a hint: the error
/// itself is reported anyway.
fn public_relations(reader: &Reader) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name GLOB 'origin_*' ORDER BY name";
    reader.connection().column(sql, []).unwrap_or_default()
}

fn columns(reader: &Reader, relations: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for relation in relations {
        let columns = reader
            .connection()
            .column("SELECT name FROM pragma_table_info(?1)", [relation]);
        for column in columns.unwrap_or_default() {
            if !all.contains(&column) {
                all.push(column);
            }
        }
    }
    all
}

/// Returns where `word` occurs in `sql` as a whole word, in any case.
fn find_word(sql: &str, word: &str) -> Option<usize> {
    if word.is_empty() {
        return None;
    }
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    let (sql, word) = (sql.to_ascii_lowercase(), word.to_ascii_lowercase());
    sql.match_indices(&word).map(|(at, _)| at).find(|&at| {
        let before = sql.get(..at).and_then(|text| text.chars().next_back());
        let after = sql.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Returns the line of the byte at `offset`, with its number, and a caret below that byte.
fn excerpt(sql: &str, offset: usize) -> String {
    let mut offset = offset.min(sql.len());
    while !sql.is_char_boundary(offset) {
        offset -= 1;
    }
    let (before, after) = sql.split_at(offset);
    let number = before.matches('\n').count() + 1;
    let before = before.rsplit('\n').next().unwrap_or_default();
    let after = after.split('\n').next().unwrap_or_default();

    let hidden = before.chars().count().saturating_sub(SHOWN_AROUND);
    let mut shown: String = if hidden > 0 {
        "…".to_owned()
    } else {
        String::new()
    };
    shown.extend(before.chars().skip(hidden));
    let shown = one_line(&shown, usize::MAX);
    let after = one_line(after, SHOWN_AROUND);
    let gutter = number.to_string();
    format!(
        "  {gutter} | {shown}{after}\n  {blank} | {pad}^",
        blank = " ".repeat(gutter.len()),
        pad = " ".repeat(shown.width())
    )
}

fn one_line(part: &str, limit: usize) -> String {
    text::shorten(part.trim_end_matches('\r').replace('\t', " ").as_str(), limit)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::{APPLICATION_ID, SqlError};

    fn explained(sql: &str) -> (String, Option<String>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        connection
            .execute_batch(
                "CREATE TABLE point(hidden); CREATE TABLE origin_stats(domain, ts, bandwidth); \
                 CREATE VIEW origin_runs AS SELECT 1 AS outcome",
            )
            .unwrap();
        match Reader::open(&path).unwrap().query(sql, &[]).unwrap_err() {
            SqlError::Invalid(explanation) => (explanation.to_string(), explanation.help),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_caret_stands_below_the_offending_place() {
        let (shown, help) = explained("SELECT domain,\n\tbandwith\nFROM origin_stats");
        assert_eq!(shown, "no such column: bandwith\n  2 |  bandwith\n    |  ^");
        assert_eq!(help.as_deref(), Some("did you mean `bandwidth`?"));
        let (shown, _) = explained("SELECT '带宽' FORM origin_stats x y");
        assert_eq!(
            shown,
            "near \"origin_stats\": syntax error\n  1 | SELECT '带宽' FORM origin_stats x y\n    |                    ^"
        );
    }

    #[test]
    fn an_unknown_relation_is_found_and_the_nearest_public_one_offered() {
        let (shown, help) = explained("SELECT * FROM Origin_stat");
        assert_eq!(
            shown,
            "no such table: Origin_stat\n  1 | SELECT * FROM Origin_stat\n    |               ^"
        );
        assert_eq!(help.as_deref(), Some("did you mean `origin_stats`?"));
        let (_, help) = explained("SELECT * FROM orders");
        assert_eq!(
            help.as_deref(),
            Some("the relations are origin_runs, origin_stats")
        );
    }

    #[test]
    fn columns_are_those_of_the_relations_in_the_statement() {
        let (_, help) = explained("SELECT s.colour FROM origin_stats s");
        assert_eq!(help.as_deref(), Some("the columns are domain, ts, bandwidth"));
        let (_, help) = explained("SELECT outcom FROM origin_runs");
        assert_eq!(help.as_deref(), Some("did you mean `outcome`?"));
    }

    #[test]
    fn a_text_in_double_quotes_is_an_error_and_not_a_text() {
        let (shown, _) = explained("SELECT ts FROM origin_stats WHERE domain = \"www.a.com\"");
        assert!(
            shown.starts_with("no such column") && shown.contains('^'),
            "{shown}"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let sql = format!("SELECT {} bad bad bad FROM origin_stats", "ts, ".repeat(200));
        let (shown, _) = explained(&sql);
        let longest = shown.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest < 120 && shown.contains('…'), "{shown}");
    }
}
