//! Judges a database file by itself, and against the truth of the simulator. Every violation has a kind.
//!
//! What is judged is computed here a second time, from the tables and from the truth, never by the program.

mod content;
mod ledger;
mod measurements;
mod planted;
mod schema;
mod truth;

use std::fmt;

use rusqlite::Connection;

use crate::rollups::rollup_violations;

pub(crate) use content::Content;
pub(crate) use truth::{Claims, acknowledged};

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// SQLite's own check finds damage, or a value that the schema forbids.
    Integrity,
    /// A table, index, view or text of the dictionary is not as the migrations make it.
    Schema,
    /// A row refers to a row that does not exist.
    Reference,
    /// A set of codes is not what its members say.
    CodeSet,
    /// A civil time is not that of its moment.
    Calendar,
    /// Coverage overlaps, lies off the grid, or has the wrong state.
    Coverage,
    /// A point that no coverage includes, or a second point in a slot.
    Point,
    /// A slot does not hold what the API answered.
    Truth,
    /// A gap is missing, too many, or has the wrong reason.
    Gap,
    /// A rollup is not what the points add up to.
    Rollup,
    /// A counter of a run is not what the file holds, or not what the summary said.
    Counter,
    /// The history of a point does not lead to its stored values.
    Restatement,
    /// A reject without its run, or with a number that was never given.
    Reject,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, kind: Kind, what: impl Into<String>) {
        let what = what.into();
        self.0.push(Violation { kind, what });
    }

    /// Whether the rows fit together so far that points can be read with their codes.
    fn can_be_read(&self) -> bool {
        let unreadable = [Kind::Integrity, Kind::Reference, Kind::CodeSet];
        self.0
            .iter()
            .all(|violation| !unreadable.contains(&violation.kind))
    }

    /// Each row that `sql` returns is a violation; its values are shown.
    fn rows(&mut self, database: &Connection, kind: Kind, what: &str, sql: &str) {
        let mut select = database.prepare_cached(sql).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> = (0..columns)
                .map(|at| format!("{:?}", row.get_ref(at).unwrap()))
                .collect();
            self.add(kind, format!("{what}: {}", values.join(", ")));
        }
    }
}

/// Whether a file has seen every migration.
pub(crate) fn is_current(database: &Connection) -> bool {
    i64::try_from(schema::migrations().len()) == Ok(schema::version(database))
}

/// What is wrong with a file by itself. A file that is damaged is not judged further.
pub(crate) fn violations(database: &Connection) -> Vec<Violation> {
    let mut found = Findings::default();
    schema::integrity(database, &mut found);
    if !found.0.is_empty() {
        return found.0;
    }
    schema::schema(database, &mut found);
    measurements::references(database, &mut found);
    measurements::points(database, &mut found);
    measurements::civil_times(database, &mut found);
    measurements::restatements(database, &mut found);
    ledger::coverage(database, &mut found);
    ledger::gaps(database, &mut found);
    ledger::runs(database, &mut found);
    ledger::rejects(database, &mut found);
    if found.can_be_read() {
        for what in rollup_violations(database) {
            found.add(Kind::Rollup, what);
        }
    }
    found.0
}

/// What is wrong with a file by itself, and with what it says of the API.
pub(crate) fn violations_against(database: &Connection, claims: &Claims<'_>) -> Vec<Violation> {
    let mut found = Findings(violations(database));
    if found.can_be_read() {
        truth::truth(database, claims, &mut found);
    }
    found.0
}

/// The violations as lines, a few of them.
pub(crate) fn shown(violations: &[Violation]) -> String {
    let mut lines: Vec<String> = violations.iter().take(5).map(ToString::to_string).collect();
    if violations.len() > lines.len() {
        lines.push(format!("and {} more", violations.len() - lines.len()));
    }
    lines.join("\n")
}
