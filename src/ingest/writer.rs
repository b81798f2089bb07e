//! The thread that owns the store.
//!
//! SQLite blocks and takes one writer. A plain thread with a bounded channel slows the requests down when it is busy,
//! and no lock is held across an await.

use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use super::control::{Control, Stop};
use super::progress::Progress;
use crate::model::convert::to_u64;
use crate::model::{Domain, Span};
use crate::planted;
use crate::store::{Commit, Coverage, Run, Store, StoreError};

/// How many windows share a transaction if they arrive faster than they are written. Measured: 35 windows a
/// transaction are written 15 to 20 % faster than one by one. Larger batches gain nothing, and a kill would lose
/// more.
const MAX_BATCH: usize = 32;
/// How many points may wait in one batch: about 5 MB. With full answers these are six windows, which are written as
/// fast as eighteen (measured).
const MAX_BATCH_POINTS: u64 = 32_000;

/// The end of a writer: its state, or the error that ended it.
pub type WriterResult = Result<Handover, StoreError>;

/// The state of a writer at its end.
#[derive(Debug)]
pub struct Handover {
    /// Its store.
    pub store: Store,
    /// The answered windows that could not be stored in the time that a signal left.
    pub dropped: Vec<(Vec<Domain>, Span)>,
}

/// Starts the writer. It ends when all senders are gone. At the first error it stops the run, and ends.
///
/// After a signal has cut a commit short, later commits are not stored, but reported as dropped.
pub fn start(
    mut store: Store,
    run: Run,
    mut commits: mpsc::Receiver<Commit>,
    control: Control,
    progress: Arc<Progress>,
) -> std::io::Result<thread::JoinHandle<WriterResult>> {
    thread::Builder::new().name("writer".to_owned()).spawn(move || {
        let _stop = StopOnPanic(control.clone());
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let mut dropped = Vec::new();
        let mut is_cut_off = false;
        while let Some(first) = commits.blocking_recv() {
            let mut points = weight(&first);
            batch.push(first);
            while batch.len() < MAX_BATCH
                && points < MAX_BATCH_POINTS
                && let Ok(next) = commits.try_recv()
            {
                points += weight(&next);
                batch.push(next);
            }
            planted::pass("writer");
            if !is_cut_off {
                match store.commit(run, &batch) {
                    Ok(_) => batch
                        .drain(..)
                        .for_each(|commit| progress.committed(&commit.totals)),
                    Err(error) if error.is_interruption() => is_cut_off = true,
                    Err(error) => {
                        control.stop(Stop::Storage);
                        return Err(error);
                    }
                }
            }
            dropped.extend(batch.drain(..).filter_map(answered));
        }
        Ok(Handover { store, dropped })
    })
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

/// Returns how many usual points take as much memory as those of `commit`: a usual one has three or four counts.
fn weight(commit: &Commit) -> u64 {
    let counts: usize = commit.points.iter().map(|(_, points)| points.counts.len()).sum();
    let counts = to_u64(counts);
    commit.totals.points_received.max(counts / 8)
}
