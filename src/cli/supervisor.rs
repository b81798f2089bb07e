//! The main thread: it runs the command in a thread of its own, and sees to it that the process ends.
//!
//! A command may be anywhere when a signal comes: in a statement of SQLite, in a read of standard input, in a call
//! of the disk. So nothing depends on what it does: a command with something to put in order has some time for it
//! ([`interrupt::careful`]), and then the process ends. It can end at any moment, as if it had been killed.
//!
//! The handlers are there before anything else happens, since a process that is the first of a container has no
//! default action for signals.

use std::io::{self, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::cli::ExitStatus;
use crate::cli::descriptors;
use crate::cli::panics;
use crate::cli::redactor::Redactor;
use crate::interrupt::{self, Signal};

/// How long a command may take to end by itself after a signal. Two seconds are promised.
const TIME_TO_END: Duration = Duration::from_millis(1_900);
/// What the kernel sends to a process that writes beyond its limit for the size of a file (Linux on all common
/// processors, macOS, BSD).
const SIGXFSZ: i32 = 25;
/// How long a last line may take.
const TIME_TO_PRINT: Duration = Duration::from_millis(50);
/// What the operating system gives to a main thread, on which the command would run otherwise.
const STACK: usize = 8 << 20;
/// How often it is looked whether the command still has something to put in order.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Runs `command`, and returns how the process is to end: as the command says; at a signal, at a second one, or in
/// the time after it, whether the command has ended or not; after a panic with 1.
pub fn supervise(command: impl FnOnce() -> ExitStatus + Send + 'static) -> ExitStatus {
    // Until the command knows the key, there is nothing to hide.
    panics::install(Redactor::default());
    if let Err(too_few) = descriptors::ensure_start() {
        too_few.print(&mut io::stderr());
        return too_few.status();
    }
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let ended = runtime.and_then(|runtime| runtime.block_on(watch_over(command)));
    ended.unwrap_or_else(|error| {
        say(&format!("error: the program cannot start: {error}\n"));
        say("help: allow it more open files and threads (`ulimit -n`, `ulimit -u`)\n");
        ExitStatus::FAILED
    })
}

async fn watch_over(command: impl FnOnce() -> ExitStatus + Send + 'static) -> io::Result<ExitStatus> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    // A limit for the size of files (`ulimit -f`) is an error of the write that meets it, which is reported as a full
    // disk is, and not the end of the process without a word.
    drop(signal(SignalKind::from_raw(SIGXFSZ))?);
    let (tell, mut ended) = oneshot::channel();
    let run = move || {
        // Nobody is left to tell where the process ends already.
        let _ = tell.send(command());
    };
    thread::Builder::new()
        .name("command".to_owned())
        .stack_size(STACK)
        .spawn(run)?;
    let mut first: Option<(Signal, Instant)> = None;
    loop {
        let caught = tokio::select! {
            biased;
            status = &mut ended => return Ok(status.unwrap_or_else(|_| lost())),
            _ = interrupts.recv() => Some(Signal::Interrupt),
            _ = terminations.recv() => Some(Signal::Terminate),
            () = sleep(LOOK_EVERY), if first.is_some() => None,
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
            say(&format!("error: stopped by {}\n", signal.name()));
            return Ok(ExitStatus::from(signal));
        }
        if since.elapsed() >= TIME_TO_END {
            return Ok(cut_off(signal));
        }
        first = Some((signal, since));
    }
}

/// The command does not end by itself in time, or is not waited for any longer.
fn cut_off(signal: Signal) -> ExitStatus {
    say("error: stopped at once; what was committed before is safe\n");
    ExitStatus::from(signal)
}

/// The command's thread panicked; the hook has said where.
fn lost() -> ExitStatus {
    say("error: jdcdn-stats stopped because of a defect of its own; what was committed before is safe\n");
    say("help: run the same command again; please report this with the lines above\n");
    ExitStatus::FAILED
}

/// Prints a line to standard error, if that can be done soon: where nobody reads it, a write waits for ever.
fn say(line: &str) {
    let (done, printed) = std::sync::mpsc::channel();
    let line = line.to_owned();
    let printing = thread::Builder::new().spawn(move || {
        let _ = io::stderr().write_all(line.as_bytes());
        let _ = done.send(());
    });
    if printing.is_ok() {
        let _ = printed.recv_timeout(TIME_TO_PRINT);
    }
}
