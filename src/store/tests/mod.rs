//! The store as a whole, on real files.

mod codes;
mod contract;
mod dictionary;
mod gaps;
mod gaps_random;
mod holes;
mod interruption;
mod late;
mod ledger;
mod left_out;
mod moments;
mod notes;
mod points;
mod random;
mod refusals;
mod restatements;
mod rollups;
mod slot_label;
mod sums;
mod ticks;
mod tidying;
mod upgrade;
mod upgrade_copy;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::types::Value;
use tempfile::TempDir;

use super::file::*;
use super::*;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use crate::model::{CodeBook, CoverageSpan, Domain, PointColumns, Reject, RunTotals, Span, UnixSeconds};

/// 2019-09-15 00:00 in UTC+8, the day of the documented example point.
const MIDNIGHT: UnixSeconds = 1_568_476_800;

/// An open store in a directory of its own, with a run begun.
struct Sandbox {
    dir: TempDir,
    store: Store,
    run: Run,
}

impl Sandbox {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(&dir.path().join("stats.db")).unwrap();
        let run = store.begin_run(&new_run()).unwrap();
        Self { dir, store, run }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("stats.db")
    }

    fn commit(&mut self, commit: Commit) -> Committed {
        self.store.commit(self.run, &[commit]).unwrap()[0]
    }

    /// Rows as another program sees them.
    fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        rows(&rusqlite::Connection::open(self.path()).unwrap(), sql)
    }

    fn number(&self, sql: &str) -> i64 {
        match self.rows(sql)[0][0] {
            Value::Integer(number) => number,
            ref other => panic!("{sql} gives {other:?}"),
        }
    }
}

fn rows(connection: &rusqlite::Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
    rows.unwrap().map(Result::unwrap).collect()
}

fn open(path: &Path) -> Result<Store, StoreError> {
    let holder = Holder {
        command: "test".to_owned(),
        started_at: MIDNIGHT,
    };
    Store::open(path, &holder)
}

fn new_run() -> NewRun {
    NewRun {
        command: "backfill".to_owned(),
        started_at: MIDNIGHT,
        range: Span::new(MIDNIGHT, MIDNIGHT + DAY_SECONDS),
        last_age: DAY_SECONDS,
    }
}

fn domain(name: &str) -> Domain {
    name.parse().unwrap()
}

/// `slots` slots from the one with this number after [`MIDNIGHT`].
fn span(first: i64, slots: i64) -> Span {
    let start = MIDNIGHT + first * SLOT_SECONDS;
    Span::new(start, start + slots * SLOT_SECONDS).unwrap()
}

/// A point of `www.a.com`: its time, bandwidth, requests, and every code that it reports.
type Point<'a> = (UnixSeconds, i64, i64, &'a [(&'a str, i64)]);

/// A settled answer for `www.a.com`.
fn answer(window: Span, points: &[Point<'_>]) -> Commit {
    answer_of("www.a.com", window, points)
}

fn answer_of(name: &str, window: Span, points: &[Point<'_>]) -> Commit {
    let mut book = CodeBook::default();
    let mut columns = PointColumns::default();
    for (ts, bandwidth, pv, codes) in points {
        let counts: Vec<_> = codes
            .iter()
            .map(|(code, count)| (book.intern(code), *count))
            .collect();
        let set = book.intern_set(&counts.iter().map(|(code, _)| *code).collect::<Vec<_>>());
        let above_zero: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        columns.push(*ts, *bandwidth, *pv, set, &above_zero);
    }
    Commit {
        coverage: Coverage::Fetched(vec![fetched(window, DAY_SECONDS)]),
        points: vec![(domain(name), columns)],
        book: Arc::new(book),
        totals: RunTotals {
            windows_fetched: 1,
            points_received: points.len().try_into().unwrap(),
            ..RunTotals::default()
        },
        ..Commit::new(vec![domain(name)], window, MIDNIGHT)
    }
}

fn fetched(span: Span, reached: i64) -> CoverageSpan {
    CoverageSpan {
        span,
        age_when_fetched: Some(reached),
        beyond_retention: false,
        fetched_at: MIDNIGHT,
    }
}

fn reject(name: &str, ts: Option<UnixSeconds>, raw: &str) -> Reject {
    Reject::new(
        name,
        ts,
        crate::model::RejectReason::Malformed("no number".to_owned()),
        raw,
    )
}
