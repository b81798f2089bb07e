//! The signal that asks this process to end, and who has something to put in order before that.
//!
//! A signal concerns the whole process, so this is one state for all of it. The main thread sets it
//! (`cli::supervisor`); a process that is embedded elsewhere, such as a test, never does.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// A signal that ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What `kill` and service managers send.
    Terminate,
}

impl Signal {
    /// The name that the operating system gives it.
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

/// Tells the process that it has to end. The first signal is the one that counts.
pub(crate) fn raise(signal: Signal) {
    RAISED.send_if_modified(|raised| {
        let is_first = raised.is_none();
        raised.get_or_insert(signal);
        is_first
    });
}

/// The signal that came first, if any came.
#[must_use]
pub fn caught() -> Option<Signal> {
    *RAISED.borrow()
}

/// Completes with the first signal, even if it came before the call.
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

/// While one of these exists, a signal lets the command end by itself, within the time that it has for that.
/// Otherwise the process ends at once.
#[derive(Debug)]
pub struct Careful(());

/// Lets the command end by itself for as long as the result lives.
#[must_use]
pub fn careful() -> Careful {
    CAREFUL.fetch_add(1, Ordering::SeqCst);
    Careful(())
}

/// Lets the command end by itself from here on, with the last line that it prints.
pub fn careful_to_the_end() {
    CAREFUL.fetch_add(1, Ordering::SeqCst);
}

/// Waits for the end of the process, for which there is nothing more to do here. Returns at once where somebody else
/// still has something to put in order.
pub fn give_way(careful: Careful) {
    drop(careful);
    while !is_careful() {
        std::thread::park();
    }
}

/// Whether the command wants to end by itself.
pub(crate) fn is_careful() -> bool {
    CAREFUL.load(Ordering::SeqCst) > 0
}

impl Drop for Careful {
    fn drop(&mut self) {
        CAREFUL.fetch_sub(1, Ordering::SeqCst);
    }
}
