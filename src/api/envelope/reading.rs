//! Reading answers, which costs CPU time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::{JoinError, spawn_blocking};

/// How many answers are read at a time in the whole process while no writer has work. Name lookups share the threads.
const AT_A_TIME: usize = 2;

static TURNS: Turns = Turns::new();

/// Who uses the CPU.
///
/// On two cores, a second reader takes the turns of a writer that has work: a first load took 10 % longer. But if hardly any
/// point is new, the writer waits for the readers, and such a run took 14 % longer with one.
#[derive(Debug)]
struct Turns {
    taken: Mutex<Taken>,
    /// Wakes one of those that wait for a turn to read.
    freed: Notify,
}

#[derive(Debug)]
struct Taken {
    readers: usize,
    writers: usize,
}

/// The turn of a reader. Dropping it gives it back.
#[derive(Debug)]
struct ReaderTurn<'t>(&'t Turns);

/// The turn of a writer. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct WriterTurn<'t>(&'t Turns);

/// Does `work` on another thread when it is its turn. The calling one must go on reacting to signals.
///
/// Fails if `work` panics.
pub(crate) async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let _turn = TURNS.read().await;
    spawn_blocking(work).await
}

/// Says that a writer has work, until the turn is dropped: one answer is read at a time. Those that are being read go on.
pub(crate) fn writer_works() -> WriterTurn<'static> {
    TURNS.write()
}

impl Turns {
    const fn new() -> Self {
        Self {
            taken: Mutex::new(Taken {
                readers: 0,
                writers: 0,
            }),
            freed: Notify::const_new(),
        }
    }

    async fn read(&self) -> ReaderTurn<'_> {
        loop {
            // A turn that is given back between the look and the wait is not missed: it is kept for the next that waits.
            if let Some(turn) = self.try_read() {
                return turn;
            }
            self.freed.notified().await;
        }
    }

    fn try_read(&self) -> Option<ReaderTurn<'_>> {
        let mut taken = self.taken();
        let most = if taken.writers > 0 { 1 } else { AT_A_TIME };
        let is_free = taken.readers < most;
        taken.readers += usize::from(is_free);
        is_free.then(|| ReaderTurn(self))
    }

    fn write(&self) -> WriterTurn<'_> {
        self.taken().writers += 1;
        WriterTurn(self)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReaderTurn<'_> {
    fn drop(&mut self) {
        self.0.taken().readers -= 1;
        self.0.freed.notify_one();
    }
}

impl Drop for WriterTurn<'_> {
    fn drop(&mut self) {
        self.0.taken().writers -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Returns the turn if it comes without waiting any longer.
    fn ready<'t>(
        waiting: std::pin::Pin<&mut impl Future<Output = ReaderTurn<'t>>>,
    ) -> Option<ReaderTurn<'t>> {
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    #[test]
    fn two_answers_are_read_at_a_time_and_one_while_a_writer_has_work() {
        let turns = Turns::new();
        let (mut first, mut second) = (turns.try_read(), turns.try_read());
        assert!(first.is_some() && second.is_some() && turns.try_read().is_none());
        let writer = turns.write();
        first.take();
        assert!(turns.try_read().is_none(), "the second one is still being read");
        second.take();
        first = turns.try_read();
        assert!(first.is_some() && turns.try_read().is_none());
        drop(writer);
        second = turns.try_read();
        assert!(second.is_some() && turns.try_read().is_none());
    }

    #[test]
    fn whoever_waits_is_next_when_a_reader_or_the_writer_gives_its_turn_back() {
        let turns = Turns::new();
        let writer = turns.write();
        let reader = turns.try_read();
        let (mut one, mut other) = (pin!(turns.read()), pin!(turns.read()));
        assert!(ready(one.as_mut()).is_none() && ready(other.as_mut()).is_none());
        drop(writer);
        let turn = ready(one.as_mut());
        assert!(turn.is_some() && ready(other.as_mut()).is_none());
        drop(reader);
        assert!(ready(other.as_mut()).is_some());
    }

    #[test]
    fn who_stops_waiting_takes_no_turn_with_it() {
        let turns = Turns::new();
        let readers = (turns.try_read(), turns.try_read());
        let mut stays = pin!(turns.read());
        {
            let mut goes = pin!(turns.read());
            assert!(ready(goes.as_mut()).is_none() && ready(stays.as_mut()).is_none());
            drop(readers.0);
        }
        assert!(ready(stays).is_some());
    }
}
