//! The right to have a request in flight: a run has as many as its concurrency.
//!
//! A worker gives its permit back when it has decided what follows from the answer, so that the next request knows what
//! this answer taught. While the answers are plain, it gives the permit back as soon as a large answer has arrived: to
//! read it takes long, and the next request is on its way meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An answer of more bytes holds figures, and takes milliseconds to read. A refusal is far smaller.
const LARGE_ANSWER: usize = 256 * 1024;

/// The permits of a run. Clones share them.
#[derive(Debug, Clone)]
pub struct Permits {
    free: Arc<Semaphore>,
    count: usize,
    /// How many tasks in a row were done with one answer.
    plain: Arc<AtomicUsize>,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub struct Permit {
    of: Permits,
    held: Option<OwnedSemaphorePermit>,
}

impl Permits {
    /// Returns `count` permits, at least one.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
            plain: Arc::default(),
        }
    }

    /// Waits for a permit. They are given out in the order of the calls.
    pub async fn take(&self) -> Permit {
        // The semaphore is never closed.
        let held = Arc::clone(&self.free).acquire_owned().await.ok();
        Permit {
            of: self.clone(),
            held,
        }
    }

    /// Notes whether a task was done with one answer. If not, the requests that are sent next have to know more.
    pub fn note(&self, is_plain: bool) {
        let plain = self.plain.load(Ordering::Relaxed);
        let plain = if is_plain { plain.saturating_add(1) } else { 0 };
        self.plain.store(plain, Ordering::Relaxed);
    }
}

impl Permit {
    /// Takes the permit again if it was given back.
    pub async fn retake(&mut self) {
        if self.held.is_none() {
            *self = self.of.take().await;
        }
    }

    /// Notes that an answer of so many bytes has arrived. It gives the permit back if the answer is large, and if as
    /// many tasks as can be under way at a time were done with one answer.
    pub fn arrived(&mut self, bytes: usize) {
        if bytes >= LARGE_ANSWER && self.of.plain.load(Ordering::Relaxed) >= self.of.count {
            self.give_back();
        }
    }

    /// Gives the permit back.
    pub fn give_back(&mut self) {
        self.held = None;
    }

    /// Whether the worker has the permit.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_permit_is_given_back_early_only_for_a_large_answer_after_enough_plain_ones() {
        let permits = Permits::new(2);
        let arrived = async |bytes| {
            let mut permit = permits.take().await;
            permit.arrived(bytes);
            let held = permit.is_held();
            permit.retake().await;
            assert!(permit.is_held());
            held
        };
        permits.note(true);
        assert!(arrived(LARGE_ANSWER).await);
        permits.note(true);
        assert!(!arrived(LARGE_ANSWER).await);
        assert!(arrived(LARGE_ANSWER - 1).await);
        permits.note(false);
        permits.note(true);
        assert!(arrived(LARGE_ANSWER).await);
        assert_eq!(permits.free.available_permits(), 2);
    }
}
