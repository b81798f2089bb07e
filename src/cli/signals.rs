//! Work that a signal stops.

use std::future::Future;
use std::pin::pin;

use crate::ingest::{Control, Stop};
use crate::interrupt;

/// Sees `work` through, with `meanwhile` over and over beside it.
///
/// A signal stops the work through its `control`, after which it is expected to end soon; at a second one the
/// process ends (`supervisor`). `meanwhile` is dropped wherever it waits when the work ends.
pub async fn until_done<W: Future>(
    work: W,
    control: &Control,
    mut meanwhile: impl AsyncFnMut(),
) -> W::Output {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return ended,
            () = meanwhile() => {}
            signal = interrupt::raised(), if control.signal().is_none() => {
                control.stop(Stop::Signal(signal));
                tracing::warn!(
                    "stopping: nothing new is asked for, what has arrived is being stored; again to stop at once"
                );
            }
        }
    }
}
