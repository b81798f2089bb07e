//! Reading answers, which costs CPU time.

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// One answer is read at a time, in the whole process. On two cores, a second one would take the writer's turns: a first load
/// took 10 % longer. But if hardly any point is new, the writer waits for the reader, and such a run takes 14 % longer with one.
static TURN: Semaphore = Semaphore::const_new(1);

/// Does `work` on another thread when it is its turn. The calling one must go on reacting to signals.
///
/// Other threads than that one stay free, for example to look up a name. Fails if `work` panics.
pub(crate) async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    // It is never closed.
    let _turn = TURN.acquire().await;
    spawn_blocking(work).await
}
