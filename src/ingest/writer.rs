//! The thread that owns the store.
//!
//! SQLite is blocking and takes one writer; a plain thread with a bounded channel gives back-pressure to the
//! requests without any lock being held across an await.

use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

use super::control::{Control, Stop};
use super::progress::Progress;
use crate::store::{Commit, Run, Store, StoreError};

/// How many windows share a transaction when they arrive faster than they are written. Measured: 35 windows
/// a transaction are written 15 to 20 % faster than one by one; beyond that nothing is gained, and a kill
/// would lose more.
const MAX_BATCH: usize = 32;
/// How many points may wait in one batch, whatever the size of the windows; about 5 MB. With full answers
/// these are six windows, which are written no slower than eighteen (measured).
const MAX_BATCH_POINTS: u64 = 32_000;

/// How a writer ended: with its store, or with the error that ended it.
pub type Written = Result<Store, StoreError>;

/// Starts the writer. It ends when all senders are gone, or at the first error, after stopping the run.
pub fn start(
    mut store: Store,
    run: Run,
    mut commits: mpsc::Receiver<Commit>,
    control: Control,
    progress: Arc<Progress>,
) -> std::io::Result<thread::JoinHandle<Written>> {
    thread::Builder::new().name("writer".to_owned()).spawn(move || {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        while let Some(first) = commits.blocking_recv() {
            let mut points = first.totals.points_received;
            batch.push(first);
            while batch.len() < MAX_BATCH
                && points < MAX_BATCH_POINTS
                && let Ok(next) = commits.try_recv()
            {
                points += next.totals.points_received;
                batch.push(next);
            }
            if let Err(error) = store.commit(run, &batch) {
                control.stop(Stop::Storage);
                return Err(error);
            }
            for commit in batch.drain(..) {
                progress.committed(&commit.totals);
            }
        }
        Ok(store)
    })
}
