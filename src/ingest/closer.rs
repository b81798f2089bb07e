//! The thread that ends a run.

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use super::finalizer::Finalizer;
use super::finished::{Finished, RunError};
use super::writer::WriterResult;

/// A thread that waits for the end of a run.
///
/// It is no thread of the runtime: these may hang in the lookup of a name when a signal stops the run. And it is there from the
/// beginning, because later there may be none to be had.
pub(super) struct Closer {
    finalizers: mpsc::Sender<Finalizer>,
    ended: oneshot::Receiver<Result<Finished, RunError>>,
}

impl Closer {
    /// Starts the thread.
    pub(super) fn start(writer: thread::JoinHandle<WriterResult>) -> io::Result<Self> {
        let (finalizers, finalizer) = mpsc::channel::<Finalizer>();
        let (finished, ended) = oneshot::channel();
        thread::Builder::new().name("closer".to_owned()).spawn(move || {
            if let Ok(finalizer) = finalizer.recv() {
                // Without a receiver nobody waits for the end.
                let _ = finished.send(finalizer.finish(writer));
            }
        })?;
        Ok(Self { finalizers, ended })
    }

    /// Ends the run.
    pub(super) async fn close(self, finalizer: Finalizer) -> Result<Finished, RunError> {
        // This fails only if the thread is gone. Then the next line does, too.
        let _ = self.finalizers.send(finalizer);
        self.ended
            .await
            .map_err(|_| RunError::Defect("the end of the run"))?
    }
}
