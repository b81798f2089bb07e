//! Signals, and work that they stop.

use std::future::Future;
use std::io;
use std::pin::pin;

use tokio::signal::unix::{self, SignalKind, signal};

use crate::ingest::{Control, Signal, Stop};

/// SIGINT and SIGTERM, from the moment of [`Signals::listen`] on.
#[derive(Debug)]
pub struct Signals {
    interrupts: unix::Signal,
    terminations: unix::Signal,
}

impl Signals {
    /// Takes both signals over from the operating system's default, which is to end the process. Needs a
    /// runtime.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupts: signal(SignalKind::interrupt())?,
            terminations: signal(SignalKind::terminate())?,
        })
    }

    /// Completes with the next signal; none is lost when the future is dropped before.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupts.recv() => Signal::Interrupt,
            _ = self.terminations.recv() => Signal::Terminate,
        }
    }
}

/// Sees `work` through, with `meanwhile` over and over beside it.
///
/// The first signal stops the work through its `control`, after which it is expected to end soon; the second
/// gives it up, and is returned. `meanwhile` is dropped wherever it waits when the work ends.
pub async fn until_done<W: Future>(
    work: W,
    control: &Control,
    signals: &mut Signals,
    mut meanwhile: impl AsyncFnMut(),
) -> Result<W::Output, Signal> {
    let mut work = pin!(work);
    loop {
        let caught = tokio::select! {
            ended = &mut work => return Ok(ended),
            () = meanwhile() => continue,
            caught = signals.next() => caught,
        };
        if control.is_stopped() {
            return Err(caught);
        }
        control.stop(Stop::Signal(caught));
        tracing::warn!(
            "stopping: nothing new is asked for, what has arrived is being stored; again to stop at once"
        );
    }
}
