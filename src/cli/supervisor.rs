//! The main thread. It runs the command in another thread, and makes sure that the process ends.
//!
//! A command may be anywhere when a signal comes: in an SQLite statement, a read of standard input, a call of the
//! disk. So nothing depends on what it does. A command with something to finish gets some time for it
//! ([`interrupt::careful`]), and then the process ends. It can end at any moment, as if it had been killed.
//!
//! The handlers are installed before anything else, because the first process of a container has no default action for
//! signals.

use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::cli::ExitStatus;
use crate::cli::descriptors;
use crate::cli::journal::{self, JournalLevel};
use crate::cli::panics;
use crate::cli::redactor::Redactor;
use crate::interrupt::{self, Signal};

/// How long a command may take to end by itself after a signal. The documentation promises two seconds.
const TIME_TO_END: Duration = Duration::from_millis(1_900);
/// The signal for a write beyond the limit for the size of a file (Linux on all common processors, macOS, BSD).
const SIGXFSZ: i32 = 25;
/// How long the last line may take to print.
const TIME_TO_PRINT: Duration = Duration::from_millis(50);
/// The size of a main thread's stack, which the command would have without this thread.
const STACK: usize = 8 << 20;
/// How often to check whether the command still has something to finish.
const CHECK_EVERY: Duration = Duration::from_millis(10);

/// Runs `command`, and returns the exit status of the process: that of the command; that of a signal, if the command
/// does not end in time or a second signal comes; 1 after a panic.
pub fn supervise(command: impl FnOnce() -> ExitStatus + Send + 'static) -> ExitStatus {
    // The command adds its secrets later.
    panics::install(Redactor::default());
    if let Err(too_few) = descriptors::ensure_start() {
        too_few.print(&mut io::stderr());
        return too_few.status();
    }
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let ended = runtime.and_then(|runtime| runtime.block_on(supervised(command)));
    ended.unwrap_or_else(|error| {
        print(&format!("error: the program cannot start: {error}\n"));
        print("help: allow it more open files and threads (`ulimit -n`, `ulimit -u`)\n");
        ExitStatus::FAILED
    })
}

async fn supervised(command: impl FnOnce() -> ExitStatus + Send + 'static) -> io::Result<ExitStatus> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    // With a handler, a write beyond the limit for the size of files (`ulimit -f`) is an error like a full disk, and
    // does not kill the process without a message.
    drop(signal(SignalKind::from_raw(SIGXFSZ))?);
    let (send, mut ended) = oneshot::channel();
    let run = move || {
        // If the process ends already, nobody receives it.
        let _ = send.send(command());
    };
    thread::Builder::new()
        .name("command".to_owned())
        .stack_size(STACK)
        .spawn(run)?;
    let mut first: Option<(Signal, Instant)> = None;
    loop {
        let caught = tokio::select! {
            biased;
            status = &mut ended => return Ok(status.unwrap_or_else(|_| after_panic())),
            _ = interrupts.recv() => Some(Signal::Interrupt),
            _ = terminations.recv() => Some(Signal::Terminate),
            () = sleep(CHECK_EVERY), if first.is_some() => None,
        };
        let (signal, since) = match (first, caught) {
            (Some((signal, since)), None) => (signal, since),
            (None, None) => continue,
            (Some(_), Some(second)) => return Ok(cut_off(second)),
            (None, Some(signal)) => {
                interrupt::raise(signal);
                (signal, Instant::now())
            }
        };
        if !interrupt::is_careful() {
            print(&format!("error: stopped by {}\n", signal.name()));
            return Ok(ExitStatus::from(signal));
        }
        if since.elapsed() >= TIME_TO_END {
            return Ok(cut_off(signal));
        }
        first = Some((signal, since));
    }
}

/// Ends without waiting any longer for the command.
fn cut_off(signal: Signal) -> ExitStatus {
    print("error: stopped at once; what was committed before is safe\n");
    ExitStatus::from(signal)
}

/// Ends after a panic of the command's thread. The hook has printed the place.
fn after_panic() -> ExitStatus {
    print("error: jdcdn-stats stopped because of a defect of its own; what was committed before is safe\n");
    print("help: run the same command again; please report this with the lines above\n");
    ExitStatus::FAILED
}

/// Prints a line to standard error, if that can be done soon: a write to a pipe that nobody reads waits for ever.
fn print(line: &str) {
    let (done, printed) = std::sync::mpsc::channel();
    let line = journal::marked(JournalLevel::Error, line);
    let printing = thread::Builder::new().spawn(move || {
        let _ = io::stderr().write_all(line.as_bytes());
        let _ = done.send(());
    });
    if printing.is_ok() {
        let _ = printed.recv_timeout(TIME_TO_PRINT);
    }
}
