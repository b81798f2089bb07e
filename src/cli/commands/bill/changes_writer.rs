//! What every format of the differences gets, and how it writes.

use std::io;

use super::Asked;
use crate::model::changes::PointChange;
use crate::store::{ClosedMonth, DomainChanges, MonthChange};

/// What precedes the differences.
pub(super) struct Head<'h> {
    pub(super) asked: &'h Asked,
    pub(super) closed: &'h ClosedMonth<'h>,
    pub(super) account: MonthChange,
    pub(super) warnings: Vec<String>,
    /// Whether days and points can be compared.
    pub(super) is_comparable: bool,
}

/// Writes the differences in one format, a domain at a time: those of a large account may not fit into memory.
pub(super) trait ChangesWriter {
    fn domain(&mut self, name: &str, changes: &DomainChanges) -> io::Result<()>;
    fn finish(&mut self) -> io::Result<()>;
}

/// Returns what became of a point: `restated` or `late`.
pub(super) fn change(point: &PointChange) -> &'static str {
    if point.closed.is_some() {
        "restated"
    } else {
        "late"
    }
}
