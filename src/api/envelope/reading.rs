//! Reading answers, which costs CPU time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// How many answers are read at a time in the whole process while no writer has a turn. Name lookups share the threads.
const AT_A_TIME: usize = 2;

static TURNS: Turns = Turns::new();

/// Who uses the CPU.
///
/// On two cores, a second reader takes the turns of a writer that has work: a first load took 10 % longer. But if hardly any
/// point is new, the writer waits for the readers, and such a run took 14 % longer with one.
#[derive(Debug)]
struct Turns {
    /// How many may begin to read. Whoever waits longest is next. Otherwise more answers wait between two steps, and a first load
    /// took 4 MiB more memory.
    free: Semaphore,
    writers: Mutex<Writers>,
}

/// The writers that have work: together they take one turn of the readers.
#[derive(Debug)]
struct Writers {
    count: usize,
    /// All turns were taken when the first writer began: the next turn that a reader gives back is theirs.
    is_owed: bool,
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

/// Gives a writer its turn, without waiting. Until it is dropped, one answer is read at a time. Those that are being read go on.
pub(crate) fn for_writer() -> WriterTurn<'static> {
    TURNS.write()
}

impl Turns {
    const fn new() -> Self {
        Self {
            free: Semaphore::const_new(AT_A_TIME),
            writers: Mutex::new(Writers {
                count: 0,
                is_owed: false,
            }),
        }
    }

    async fn read(&self) -> ReaderTurn<'_> {
        // It is never closed.
        if let Ok(turn) = self.free.acquire().await {
            turn.forget();
        }
        ReaderTurn(self)
    }

    fn write(&self) -> WriterTurn<'_> {
        let mut writers = self.writers();
        writers.count += 1;
        if writers.count == 1 {
            match self.free.try_acquire() {
                Ok(turn) => turn.forget(),
                Err(_) => writers.is_owed = true,
            }
        }
        WriterTurn(self)
    }

    fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a turn back: to the writers if it is owed to them.
    fn give_back(&self, writers: &mut Writers) {
        if std::mem::take(&mut writers.is_owed) {
            return;
        }
        self.free.add_permits(1);
    }
}

impl Drop for ReaderTurn<'_> {
    fn drop(&mut self) {
        self.0.give_back(&mut self.0.writers());
    }
}

impl Drop for WriterTurn<'_> {
    fn drop(&mut self) {
        let mut writers = self.0.writers();
        writers.count -= 1;
        if writers.count == 0 {
            self.0.give_back(&mut writers);
        }
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
        let (mut first, mut second) = (ready(pin!(turns.read())), ready(pin!(turns.read())));
        assert!(first.is_some() && second.is_some() && ready(pin!(turns.read())).is_none());
        let writer = turns.write();
        first.take();
        assert!(
            ready(pin!(turns.read())).is_none(),
            "the second one is still being read"
        );
        second.take();
        first = ready(pin!(turns.read()));
        assert!(first.is_some() && ready(pin!(turns.read())).is_none());
        drop(writer);
        second = ready(pin!(turns.read()));
        assert!(second.is_some() && ready(pin!(turns.read())).is_none());
    }

    #[test]
    fn whoever_waits_is_next_when_a_reader_or_the_writer_gives_its_turn_back() {
        let turns = Turns::new();
        let writer = turns.write();
        let reader = ready(pin!(turns.read()));
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
        let readers = (ready(pin!(turns.read())), ready(pin!(turns.read())));
        let mut stays = pin!(turns.read());
        {
            let mut goes = pin!(turns.read());
            assert!(ready(goes.as_mut()).is_none() && ready(stays.as_mut()).is_none());
            drop(readers.0);
        }
        assert!(ready(stays).is_some());
    }
}
