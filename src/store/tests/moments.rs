//! Words for answers of several moments, and for databases of an earlier version.

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::model::{Outcome, RejectReason};

pub(super) const CODES: &[(&str, i64)] = &[("200", 1)];

/// A point: its slot after [`MIDNIGHT`], bandwidth, requests, and the reported codes.
pub(super) type PointAt<'a> = (i64, i64, i64, &'a [(&'a str, i64)]);

/// Points of these slots that all say the same.
pub(super) fn points(slots: impl IntoIterator<Item = i64>) -> Vec<PointAt<'static>> {
    slots.into_iter().map(|slot| (slot, 1, 1, CODES)).collect()
}

/// The slots `[start, end)`.
pub(super) fn slots(start: i64, end: i64) -> Span {
    span(start, end - start)
}

/// What is said of `name` and `window` so many seconds after [`MIDNIGHT`].
pub(super) fn said(name: &str, window: Span, points: &[PointAt<'_>], seconds: i64) -> Commit {
    let points: Vec<Point<'_>> = points
        .iter()
        .map(|&(slot, bandwidth, pv, codes)| (MIDNIGHT + slot * SLOT_SECONDS, bandwidth, pv, codes))
        .collect();
    Commit {
        seen_at: MIDNIGHT + seconds,
        ..answer_of(name, window, &points)
    }
}

/// A point of `slot` that could not be read.
pub(super) fn unreadable(name: &str, slot: i64) -> Reject {
    let reason = RejectReason::Malformed("its bandwidth is negative".to_owned());
    Reject::new(name, Some(MIDNIGHT + slot * SLOT_SECONDS), reason, "[]")
}

/// These slots as those of which a point was rejected.
pub(super) fn rejected_at(
    name: &str,
    slots: impl IntoIterator<Item = i64>,
) -> Vec<(Domain, Vec<UnixSeconds>)> {
    let starts = slots.into_iter().map(|slot| MIDNIGHT + slot * SLOT_SECONDS);
    vec![(domain(name), starts.collect())]
}

impl Sandbox {
    pub(super) fn reader(&self) -> Reader {
        Reader::open(&self.path()).unwrap()
    }

    /// Ends the run, with these domains expected from `from` until `until`, in slots.
    pub(super) fn finish(&mut self, names: &[&str], from: Option<i64>, until: i64) {
        let finish = Finish {
            outcome: Outcome::Complete,
            finished_at: MIDNIGHT,
            totals: RunTotals::default(),
            failures: "[]".to_owned(),
            conclusions: "[]".to_owned(),
            message: None,
            expected: Some(expected(names, from, until)),
            asks_for_all: true,
        };
        self.store.finish_run(self.run, &finish).unwrap();
    }
}

pub(super) fn expected(names: &[&str], from: Option<i64>, until: i64) -> Expected {
    Expected {
        domains: names.iter().map(|name| domain(name)).collect(),
        from: from.map(|slot| MIDNIGHT + slot * SLOT_SECONDS),
        until: MIDNIGHT + until * SLOT_SECONDS,
    }
}

/// A database that has seen the migrations before `version`, with what `fill` puts into it.
pub(super) fn before_migration(version: i32, fill: impl FnOnce(&Connection)) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut old = Connection::open(dir.path().join("stats.db")).unwrap();
    old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
    old.pragma_update(None, "journal_mode", "wal").unwrap();
    migrations::apply_first(&mut old, version - 1);
    fill(&old);
    dir
}
