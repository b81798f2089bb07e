//! The queue of commits before the writer, bounded by the memory that they take.
//!
//! The writer is sometimes slow for a moment: it folds the log in, or the disk is busy. Requests go on meanwhile, as
//! long as the answers that wait have room. A bound on their number would not do: an answer takes from nothing to
//! many megabytes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::model::{CodeBook, PointColumns, Reject};
use crate::store::Commit;

/// How many bytes of commits wait or are being written. A full answer of a day takes 0.6 MB: three wait while four are
/// written.
const ROOM: u32 = 4 << 20;
/// How many windows share a transaction if they arrive faster than they are written. Measured: 35 windows a
/// transaction are written 15 to 20 % faster than one by one. Larger batches gain nothing, and a kill would lose
/// more.
const MAX_BATCH: usize = 32;
/// A batch of this many bytes takes no more commits. With full answers it has four windows. Measured: six or eighteen
/// are not written faster.
const BATCH_BYTES: usize = 2 << 20;

/// The end of the queue into which commits are put. Clones share the room.
#[derive(Debug, Clone)]
pub(super) struct CommitSender {
    room: Arc<Semaphore>,
    size: u32,
    commits: mpsc::UnboundedSender<Waiting>,
}

/// The end of the queue from which the writer takes commits.
#[derive(Debug)]
pub(super) struct CommitReceiver {
    commits: mpsc::UnboundedReceiver<Waiting>,
}

/// Commits for one transaction. They take up room in the queue until they are dropped.
#[derive(Debug)]
pub(super) struct Batch {
    /// The commits, in the order in which they were sent.
    pub(super) commits: Vec<Commit>,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Waiting {
    commit: Commit,
    room: OwnedSemaphorePermit,
}

/// Returns the two ends of an empty queue.
#[must_use]
pub(super) fn commit_queue() -> (CommitSender, CommitReceiver) {
    with_room(ROOM)
}

/// Returns an empty queue with room for `size` bytes.
fn with_room(size: u32) -> (CommitSender, CommitReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    // The bound is the room: every commit in the channel has its part of it.
    let room = Arc::new(Semaphore::new(size.try_into().unwrap_or(Semaphore::MAX_PERMITS)));
    let sender = CommitSender {
        room,
        size,
        commits: sender,
    };
    (sender, CommitReceiver { commits: receiver })
}

impl CommitSender {
    /// Sends a commit to the writer, once there is room for it. A commit larger than the whole queue waits until it
    /// is alone. Commits that wait are let in in their order.
    ///
    /// Without a writer it is lost. The writer has stopped the run by then, even if it panicked.
    pub(super) async fn send(&self, commit: Commit) {
        let bytes = u32::try_from(bytes(&commit)).unwrap_or(u32::MAX).min(self.size);
        // The semaphore is never closed.
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(bytes).await else {
            return;
        };
        let _ = self.commits.send(Waiting { commit, room });
    }
}

impl CommitReceiver {
    /// Whether nothing waits, and something may still come.
    pub(super) fn is_idle(&self) -> bool {
        self.commits.is_empty() && !self.commits.is_closed()
    }

    /// Waits for a commit, and returns it with those that wait behind it, as far as one transaction should hold them.
    /// Returns `None` when nothing waits and all senders are gone. Blocks, so it must not run on a thread of the
    /// runtime.
    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        let Waiting { commit, mut room } = self.commits.blocking_recv()?;
        let mut commits = vec![commit];
        while commits.len() < MAX_BATCH
            && room.num_permits() < BATCH_BYTES
            && let Ok(next) = self.commits.try_recv()
        {
            commits.push(next.commit);
            room.merge(next.room);
        }
        Some(Batch { commits, _room: room })
    }
}

/// Returns about how many bytes of memory a commit takes.
fn bytes(commit: &Commit) -> usize {
    let points = commit.points.iter().map(|(_, points)| points_bytes(points));
    let rejects = commit
        .rejects
        .iter()
        .map(|reject| size_of::<Reject>() + reject.raw.len());
    let slots = commit.rejected_slots.iter().map(|(_, slots)| held(slots));
    let confirmed = commit.confirmed.iter().map(|(_, spans)| held(spans));
    let parts = points.chain(rejects).chain(slots).chain(confirmed);
    size_of::<Commit>()
        + held(&commit.domains)
        + held(&commit.notes)
        + book_bytes(&commit.book)
        + parts.sum::<usize>()
}

fn points_bytes(points: &PointColumns) -> usize {
    let PointColumns {
        ts,
        bandwidth,
        pv,
        code_set,
        counts_end,
        counts,
    } = points;
    held(ts) + held(bandwidth) + held(pv) + held(code_set) + held(counts_end) + held(counts)
}

fn book_bytes(book: &CodeBook) -> usize {
    let codes = book.codes().iter().map(|code| size_of_val(code) + code.len());
    let sets = book
        .sets()
        .iter()
        .map(|set| size_of_val(set) + size_of_val(&**set));
    codes.chain(sets).sum()
}

/// Returns the memory of a vector, reserved room included.
fn held<T>(items: &Vec<T>) -> usize {
    items.capacity() * size_of::<T>()
}

#[cfg(test)]
mod tests;
