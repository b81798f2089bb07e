//! What was verified, and what was found.

use std::collections::BTreeMap;

use crate::model::convert::to_u64;
use crate::model::text;
use crate::store::error::{Result, StoreErrorKind};

/// How many findings of a subject are kept. The others are counted.
const MAX_FINDINGS: usize = 5;
/// How much of a name or of a finding of SQLite is shown.
const MAX_LENGTH: usize = 300;

/// A part of the database that is verified together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Pages, indexes and the rules of the tables.
    Integrity,
    /// Rows that refer to others.
    References,
    /// Tables, views and indexes, and the rows that the migrations wrote.
    Schema,
    /// The civil times.
    Calendar,
    /// The tables whose rows are summed.
    Tables,
    /// The ranges that were asked for, and that points lie nowhere else.
    Coverage,
    /// The slots without a point.
    Gaps,
    /// Points and counts, against the sums of the months.
    Points,
    /// Hours, days and months, against the points.
    Rollups,
}

impl Subject {
    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::References => "references",
            Self::Schema => "schema text",
            Self::Calendar => "calendar",
            Self::Tables => "table sums",
            Self::Coverage => "coverage",
            Self::Gaps => "gaps",
            Self::Points => "point sums",
            Self::Rollups => "rollups",
        }
    }
}

/// The result of verifying one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectReport {
    /// The subject.
    pub subject: Subject,
    /// What was compared, or why nothing was.
    pub detail: String,
    /// Whether it was skipped.
    pub skipped: bool,
    /// The first findings: what is damaged, and where. Safe to print.
    pub findings: Vec<String>,
    /// How many findings there are in all.
    pub count: u64,
}

impl SubjectReport {
    /// Returns whether damage was found.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.count > 0
    }

    /// Returns the first findings in one line, and how many more there are.
    #[must_use]
    pub fn summary(&self) -> String {
        let shown = self.findings.join("; ");
        match self.count.saturating_sub(to_u64(self.findings.len())) {
            0 => shown,
            more => format!("{shown}; and {more} more"),
        }
    }
}

/// Collects the results.
#[derive(Debug, Default)]
pub(super) struct Deep(BTreeMap<Subject, SubjectReport>);

impl Deep {
    fn of(&mut self, subject: Subject) -> &mut SubjectReport {
        self.0.entry(subject).or_insert_with(|| SubjectReport {
            subject,
            detail: String::new(),
            skipped: false,
            findings: Vec::new(),
            count: 0,
        })
    }

    /// Notes what was compared.
    pub(super) fn compared(&mut self, subject: Subject, detail: impl Into<String>) {
        self.of(subject).detail = detail.into();
    }

    /// Notes why nothing was compared.
    pub(super) fn skip(&mut self, subject: Subject, why: &str) {
        let checked = self.of(subject);
        checked.skipped = true;
        why.clone_into(&mut checked.detail);
    }

    /// Adds damage.
    pub(super) fn found(&mut self, subject: Subject, finding: impl AsRef<str>) {
        let checked = self.of(subject);
        checked.count += 1;
        if checked.findings.len() < MAX_FINDINGS {
            let finding = text::shorten(&text::printable(finding.as_ref()), MAX_LENGTH);
            checked.findings.push(finding);
        }
    }

    /// Returns what was read. A failure to read is damage of `subject`, unless it says nothing about the stored data:
    /// then it stays an error.
    pub(super) fn judge<T>(&mut self, subject: Subject, what: &str, done: Result<T>) -> Result<Option<T>> {
        match done {
            Ok(found) => Ok(Some(found)),
            Err(kind) => {
                let why = damage(kind)?;
                self.found(subject, format!("{what}: {why}"));
                Ok(None)
            }
        }
    }

    pub(super) fn finish(self) -> Vec<SubjectReport> {
        self.0.into_values().collect()
    }
}

/// Returns what is damaged. The statements of this program do not fail by themselves. So a failure is damage, unless
/// the disk, a lock or a permission is the cause.
fn damage(kind: StoreErrorKind) -> Result<String> {
    match kind {
        StoreErrorKind::Damaged(error) | StoreErrorKind::Sqlite(error) => Ok(error.to_string()),
        StoreErrorKind::Unsound(what)
        | StoreErrorKind::Impossible(what)
        | StoreErrorKind::InvariantViolation(what) => Ok(what),
        StoreErrorKind::NotADatabase | StoreErrorKind::Divergent { .. } | StoreErrorKind::Migration(_) => {
            Ok(kind.to_string())
        }
        other => Err(other),
    }
}
