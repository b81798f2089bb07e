//! The thread that owns the store.
//!
//! SQLite blocks and takes one writer. A plain thread behind a bounded queue slows the requests down when it falls far
//! behind, and no lock is held across an await.

use std::sync::Arc;
use std::thread;

use super::commit_queue::CommitReceiver;
use super::control::{Control, Stop};
use super::progress::Progress;
use crate::model::{Domain, Span};
use crate::planted;
use crate::store::{Commit, Coverage, Run, Store, StoreError};

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
/// After a signal has cut a commit short, later commits are not stored, but reported as dropped.
pub(super) fn start(
    mut store: Store,
    run: Run,
    mut queue: CommitReceiver,
    control: Control,
    progress: Arc<Progress>,
) -> std::io::Result<thread::JoinHandle<WriterResult>> {
    thread::Builder::new().name("writer".to_owned()).spawn(move || {
        let _stop = StopOnPanic(control.clone());
        let mut dropped = Vec::new();
        let mut is_cut_off = false;
        while let Some(batch) = queue.next_batch() {
            planted::pass("writer");
            if !is_cut_off {
                match store.commit(run, &batch.commits) {
                    Ok(_) => {
                        let totals = batch.commits.iter().map(|commit| &commit.totals);
                        totals.for_each(|totals| progress.committed(totals));
                        continue;
                    }
                    Err(error) if error.is_interruption() => is_cut_off = true,
                    Err(error) => {
                        control.stop(Stop::Storage);
                        return Err(error);
                    }
                }
            }
            dropped.extend(batch.commits.into_iter().filter_map(answered));
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
