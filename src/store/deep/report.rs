//! What was verified, and what was found.

use std::collections::BTreeMap;

use crate::model::text;
use crate::store::error::{Result, StoreErrorKind};

/// How many findings of a subject are kept; the others are counted.
const MAX_FINDINGS: usize = 5;
/// How much of a name or of a finding of SQLite is shown.
const MAX_LENGTH: usize = 300;

/// What is verified together.
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
    /// What was asked for, and that points lie nowhere else.
    Coverage,
    /// The slots without a point.
    Gaps,
    /// Points and counts, against the sums of the months.
    Points,
    /// Hours, days and months, against the points.
    Rollups,
}

impl Subject {
    /// Its name.
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

/// What became of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Which.
    pub subject: Subject,
    /// What was compared, or why nothing was.
    pub detail: String,
    /// Whether it was left out.
    pub skipped: bool,
    /// The first findings: what is damaged, and where. Safe to print.
    pub findings: Vec<String>,
    /// How many there are in all.
    pub count: u64,
}

impl Checked {
    /// Whether damage was found.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.count > 0
    }

    /// The first findings in one line, and how many more there are.
    #[must_use]
    pub fn summary(&self) -> String {
        let shown = self.findings.join("; ");
        match self.count - u64::try_from(self.findings.len()).unwrap_or(self.count) {
            0 => shown,
            more => format!("{shown}; and {more} more"),
        }
    }
}

/// The subjects on their way.
#[derive(Debug, Default)]
pub(super) struct Deep(BTreeMap<Subject, Checked>);

impl Deep {
    fn of(&mut self, subject: Subject) -> &mut Checked {
        self.0.entry(subject).or_insert_with(|| Checked {
            subject,
            detail: String::new(),
            skipped: false,
            findings: Vec::new(),
            count: 0,
        })
    }

    /// Says what was compared.
    pub(super) fn compared(&mut self, subject: Subject, detail: impl Into<String>) {
        self.of(subject).detail = detail.into();
    }

    /// Says why nothing was compared.
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

    /// Returns what was read. Takes what cannot be read as damage of `subject`; an error that says nothing about what is
    /// stored stays one.
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

    pub(super) fn finish(self) -> Vec<Checked> {
        self.0.into_values().collect()
    }
}

/// What is damaged. The statements of this program do not fail by themselves, so a failure that is not one of the disk, of
/// a lock or of rights is damage.
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
