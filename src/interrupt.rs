//! The signal that asks this process to end, and whether the command has something to finish before.
//!
//! A signal concerns the whole process, so there is one state for all of it. Only the main thread sets it
//! (`cli::supervisor`), so it stays unset where the library is used without it, as in tests.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// A signal that ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// The signal of `kill` and of service managers.
    Terminate,
}

impl Signal {
    /// Returns its name in the operating system.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

static RAISED: LazyLock<watch::Sender<Option<Signal>>> = LazyLock::new(|| watch::Sender::new(None));
static CAREFUL: AtomicUsize = AtomicUsize::new(0);

/// Asks the process to end. Only the first signal counts.
pub(crate) fn raise(signal: Signal) {
    RAISED.send_if_modified(|raised| {
        let is_first = raised.is_none();
        raised.get_or_insert(signal);
        is_first
    });
}

/// Returns the first signal, if one has come.
#[must_use]
pub fn caught() -> Option<Signal> {
    *RAISED.borrow()
}

/// Completes with the first signal, also if it came before the call.
pub async fn raised() -> Signal {
    let mut raised = RAISED.subscribe();
    let signal = raised
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|found| *found);
    match signal {
        Some(signal) => signal,
        // The sender is static and never goes away.
        None => std::future::pending().await,
    }
}

/// While one of these exists, a signal gives the command some time to end by itself. Otherwise the process ends at
/// once.
#[derive(Debug)]
pub struct Careful(());

/// Lets the command end by itself while the result lives.
#[must_use]
pub fn careful() -> Careful {
    CAREFUL.fetch_add(1, Ordering::SeqCst);
    Careful(())
}

/// Lets the command end by itself from now on, so that it can print its last line.
pub fn careful_to_the_end() {
    CAREFUL.fetch_add(1, Ordering::SeqCst);
}

/// Waits for the end of the process. Returns at once if another part still has something to finish.
pub fn give_way(careful: Careful) {
    drop(careful);
    while !is_careful() {
        std::thread::park();
    }
}

/// Returns whether the command wants to end by itself.
pub(crate) fn is_careful() -> bool {
    CAREFUL.load(Ordering::SeqCst) > 0
}

impl Drop for Careful {
    fn drop(&mut self) {
        CAREFUL.fetch_sub(1, Ordering::SeqCst);
    }
}
