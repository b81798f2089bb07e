//! Stops work at a signal.

use std::future::Future;
use std::pin::pin;

use crate::ingest::{Control, Stop};
use crate::interrupt;

/// Runs `work` to its end, and runs `meanwhile` again and again until then.
///
/// A signal stops the work through its `control`, and the work ends soon after. At a second signal the process ends
/// (`supervisor`). When the work ends, `meanwhile` is dropped wherever it waits.
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
                    "stopping: no new requests; answers that have arrived are being stored. Repeat the signal to stop at once"
                );
            }
        }
    }
}
