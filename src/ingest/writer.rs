//! The thread that owns the store.
//!
//! SQLite blocks and takes one writer. A plain thread behind a bounded queue slows the requests down when it falls far
//! behind, and no lock is held across an await.

use std::sync::Arc;
use std::thread;

use super::commit_queue::CommitReceiver;
use super::control::{Control, Stop};
use super::passed::Passed;
use super::progress::Progress;
use crate::api::reading;
use crate::model::{Domain, Span};
use crate::planted;
use crate::store::{Commit, Committed, Coverage, Run, Store, StoreError};

/// The end of a writer: its state, or the error that ended it.
pub(super) type WriterResult = Result<Handover, StoreError>;

/// The state of a writer at its end.
#[derive(Debug)]
pub(super) struct Handover {
    /// Its store.
    pub(super) store: Store,
    /// The answered windows that could not be stored in the time that a signal left.
    pub(super) dropped: Vec<(Vec<Domain>, Span)>,
}

/// Starts the writer. It ends when all senders are gone. At the first error it stops the run, and ends.
///
/// One answer is read at a time, and two if most points are unchanged: then the writer waits for the readers.
///
/// While it waits for answers, it brings the rollups of the month up to date that the run has passed, and computes the passed
/// days of the month in which it is.
///
/// After a signal has cut a commit short, later commits are not stored, but reported as dropped.
pub(super) fn start(
    (mut store, run): (Store, Run),
    mut queue: CommitReceiver,
    (mut days, mut months): (Passed, Passed),
    control: Control,
    progress: Arc<Progress>,
) -> std::io::Result<thread::JoinHandle<WriterResult>> {
    thread::Builder::new().name("writer".to_owned()).spawn(move || {
        let _stop = StopOnPanic(control.clone());
        let mut dropped = Vec::new();
        let mut is_cut_off = false;
        let mut turn = Some(reading::for_writer());
        let mut hardly_any_is_new = false;
        loop {
            if queue.is_idle() {
                if hardly_any_is_new {
                    turn = None;
                }
                if let Some(month) = months.take() {
                    stopping(&control, store.roll_up_month(month))?;
                    continue;
                }
                if let Some(day) = days.take() {
                    stopping(&control, store.roll_up_ahead(day))?;
                    continue;
                }
            }
            let Some(batch) = queue.next_batch() else { break };
            turn.get_or_insert_with(reading::for_writer);
            planted::pass("writer");
            if !is_cut_off {
                if let Some(committed) = stopping(&control, store.commit(run, &batch.commits))? {
                    hardly_any_is_new = mostly_unchanged(&committed);
                    for commit in &batch.commits {
                        progress.committed(&commit.totals);
                        if matches!(commit.coverage, Coverage::Fetched(_)) {
                            days.note(commit.window);
                            months.note(commit.window);
                        }
                    }
                    continue;
                }
                is_cut_off = true;
            }
            dropped.extend(batch.commits.into_iter().filter_map(answered));
        }
        Ok(Handover { store, dropped })
    })
}

/// Returns what was done; `None` if a signal cut it short. Any other error stops the run.
fn stopping<T>(control: &Control, done: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.is_interruption() => Ok(None),
        Err(error) => {
            control.stop(Stop::Storage);
            Err(error)
        }
    }
}

/// Returns whether most of these points were stored before with the same figures. Writing them takes less than reading them.
fn mostly_unchanged(committed: &[Committed]) -> bool {
    let written = |one: &Committed| one.inserted + one.updated;
    let unchanged = committed.iter().map(|one| one.unchanged).sum::<u64>();
    committed.iter().map(written).sum::<u64>() < unchanged
}

/// Returns the domains and the window of a commit that carries an answer.
fn answered(commit: Commit) -> Option<(Vec<Domain>, Span)> {
    matches!(commit.coverage, Coverage::Fetched(_)).then_some((commit.domains, commit.window))
}

/// Stops the run at once if the writer panics, because later answers could not be stored.
struct StopOnPanic(Control);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(Stop::Defect);
            self.0.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rusqlite::Connection;

    use super::*;
    use crate::ingest::commit_queue::commit_queue;
    use crate::model::slot::DAY_SECONDS;
    use crate::model::{CodeBook, PointColumns, Refresh, UnixSeconds};
    use crate::plan::covered_by;
    use crate::store::{Holder, NewRun};

    /// 2026-01-01 in UTC+8.
    const JANUARY: UnixSeconds = 1_767_196_800;
    const FEBRUARY: UnixSeconds = JANUARY + 31 * DAY_SECONDS;

    /// A day with a point every five minutes.
    fn day(start: UnixSeconds, now: UnixSeconds) -> Commit {
        let domain: Domain = "www.a.com".parse().unwrap();
        let window = Span::new(start, start + DAY_SECONDS).unwrap();
        let refresh = Refresh {
            available_after: 600,
            ages: vec![DAY_SECONDS],
        };
        let mut book = CodeBook::default();
        let set = book.intern_set(&[]);
        let mut columns = PointColumns::default();
        for ts in (start..window.end()).step_by(300) {
            columns.push(ts, ts - JANUARY, 1, set, &[]);
        }
        Commit {
            coverage: Coverage::Fetched(covered_by(window, now, &refresh)),
            points: vec![(domain.clone(), columns)],
            book: Arc::new(book),
            ..Commit::new(vec![domain], window, now)
        }
    }

    #[test]
    fn the_writer_waits_for_the_readers_if_most_points_are_unchanged() {
        let one = |inserted, updated, unchanged| Committed {
            inserted,
            updated,
            unchanged,
            ..Committed::default()
        };
        assert!(mostly_unchanged(&[one(0, 0, 288), one(100, 100, 0)]));
        assert!(!mostly_unchanged(&[one(0, 288, 0), one(1, 0, 288)]));
        assert!(!mostly_unchanged(&[]));
    }

    #[test]
    fn the_months_and_days_that_the_run_has_passed_are_computed_before_the_run_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stats.db");
        let now = FEBRUARY + 60 * DAY_SECONDS;
        let holder = Holder {
            command: "sync".to_owned(),
            started_at: now,
        };
        let mut store = Store::open(&path, &holder).unwrap();
        let new_run = NewRun {
            command: "sync".to_owned(),
            started_at: now,
            range: None,
            last_age: DAY_SECONDS,
        };
        let run = store.begin_run(&new_run).unwrap();
        let (sender, queue) = commit_queue();
        let (control, progress) = (Control::default(), Arc::default());
        let writer = start(
            (store, run),
            queue,
            (Passed::days(3), Passed::months(3)),
            control,
            progress,
        )
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for start in (JANUARY..FEBRUARY + 5 * DAY_SECONDS).step_by(86_400) {
            runtime.block_on(sender.send(day(start, now)));
        }
        let reader = Connection::open(&path).unwrap();
        let rows = |sql: &str| {
            let mut select = reader.prepare(sql).unwrap();
            let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>()
        };
        let days = "SELECT date_cst || ' ' || points || ' ' || bandwidth_peak FROM origin_daily";
        let months = "SELECT month_cst || ' ' || points || ' ' || bandwidth_peak FROM origin_monthly";
        let one = |month: i64, day: i64, at: i64| {
            format!("2026-{month:02}-{day:02} 288 {}", at * DAY_SECONDS - 300)
        };
        // Of three days after these, answers have come.
        let days_of_january = (1..=31).map(|at| one(1, at, at));
        let passed: Vec<String> = days_of_january.chain([one(2, 1, 32), one(2, 2, 33)]).collect();
        let began = Instant::now();
        while rows(days) != passed && began.elapsed() < Duration::from_mins(1) {
            thread::yield_now();
        }
        assert_eq!(rows(days), passed);
        let january = format!("2026-01 {} {}", 31 * 288, 31 * DAY_SECONDS - 300);
        assert_eq!(rows(months), [january]);
        // A window of a passed month comes late, and one of a computed day.
        for start in [JANUARY, FEBRUARY] {
            let mut late = day(start, now + 1);
            late.points[0].1.bandwidth[0] = 1 << 40;
            runtime.block_on(sender.send(late));
        }
        drop(sender);
        let mut store = writer.join().unwrap().unwrap().store;
        store.roll_up(|_, _| ()).unwrap();
        let january = format!("2026-01 {} {}", 31 * 288, 1_i64 << 40);
        let february = format!("2026-02 {} {}", 5 * 288, 1_i64 << 40);
        assert_eq!(rows(months), [january, february]);
        let days = rows(days);
        assert_eq!(days.len(), 36);
        for (at, date) in [(0, "2026-01-01"), (31, "2026-02-01")] {
            assert_eq!(days[at], format!("{date} 288 {}", 1_i64 << 40));
        }
    }
}
