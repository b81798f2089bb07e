//! Reads what may never end, or never begin: a FIFO that nobody writes to, a device, a program that waits.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt;
use crate::model::convert::to_i32;

/// The longest that a file or a program may take to give what it has.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The most that a program may print.
const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// How often a wait is looked after.
const STEP: Duration = Duration::from_millis(50);

/// Opens a file for reading. A FIFO without a writer does not hold this up.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // The bits of an open flag are a C int.
    let flags = to_i32((OFlags::NONBLOCK | OFlags::NOCTTY).bits());
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// Reads `file` to its end, which must come within `most` bytes and `patience`.
pub(super) fn read_all(file: &mut File, most: usize, patience: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + patience;
    let mut bytes = Vec::new();
    loop {
        if !is_ready(file)? {
            if Instant::now() >= deadline {
                return Err(late("nothing came", patience));
            }
            continue;
        }
        match read_some(file, &mut bytes) {
            Ok(0) => return Ok(bytes),
            Ok(_) if bytes.len() > most => {
                let what = format!("it holds more than {most} bytes, which is the most that is read");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
            }
            Ok(_) if Instant::now() >= deadline => return Err(late("its end did not come", patience)),
            Err(error) if !is_passing(&error) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Runs `program` with nothing to read; returns how it ended and the first `kept` bytes that it printed.
///
/// One that takes longer than `patience` is killed with what it has started. At a terminal only the program itself
/// is: it stays in the group of the terminal, so that it may ask a person.
pub(super) fn run(
    program: &str,
    arguments: &[String],
    kept: usize,
    patience: Duration,
) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let is_alone = !io::stdin().is_terminal();
    if is_alone {
        command.process_group(0);
    }
    // At a signal the process must not end before the program has.
    let careful = interrupt::careful();
    let mut child = command.spawn()?;
    // A person may be asked for a passphrase.
    let patience = if is_alone { patience } else { patience * 10 };
    let ended = watch(&mut child, kept, patience);
    if ended.is_err() {
        end(&mut child, is_alone);
    }
    if interrupt::caught().is_some() {
        interrupt::give_way(careful);
    }
    ended
}

/// Waits for the end of `child`. What it has started may live on and keep its output open.
fn watch(child: &mut Child, kept: usize, patience: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
    let deadline = Instant::now() + patience;
    let mut output = child.stdout.take();
    let (mut bytes, mut printed) = (Vec::new(), 0);
    loop {
        // Looked at first: what it printed before it ended is in the pipe by then.
        let ended = child.try_wait()?;
        let is_ready = if let Some(output) = &output {
            is_ready(output)?
        } else {
            std::thread::sleep(STEP);
            false
        };
        if let Some(pipe) = output.as_mut().filter(|_| is_ready) {
            match read_some(pipe, &mut bytes) {
                Ok(0) => output = None,
                Ok(count) => {
                    printed += count;
                    bytes.truncate(kept);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        } else if let Some(status) = ended {
            return Ok((status, bytes));
        }
        if printed > MAX_OUTPUT_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it printed more than {MAX_OUTPUT_BYTES} bytes and was stopped"),
            ));
        }
        if interrupt::caught().is_some() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if Instant::now() >= deadline {
            return Err(late("it did not end", patience));
        }
    }
}

fn end(child: &mut Child, is_alone: bool) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group.filter(|_| is_alone) {
        // It may have ended by itself just now.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits a moment for something to read.
fn is_ready(source: &impl AsFd) -> io::Result<bool> {
    let step = Timespec::try_from(STEP).ok();
    match poll(&mut [PollFd::new(source, PollFlags::IN)], step.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn read_some(source: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 4096];
    let count = source.read(&mut chunk)?;
    bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Ok(count)
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn late(what: &str, patience: Duration) -> io::Error {
    let seconds = patience.as_secs();
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{what} within {seconds} s, which is the longest that is waited"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn sh(script: &str, patience: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
        run("sh", &["-c".to_owned(), script.to_owned()], 10, patience)
    }

    #[test]
    fn what_never_begins_or_never_ends_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .unwrap();
        let kind = |path: &Path, most| {
            let mut file = open(path).unwrap();
            read_all(&mut file, most, SHORT).unwrap_err().kind()
        };
        assert_eq!(kind(&fifo, 10), io::ErrorKind::TimedOut);
        assert_eq!(kind(Path::new("/dev/zero"), 1 << 20), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_fifo_with_a_writer_is_read_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .unwrap();
        let mut file = open(&fifo).unwrap();
        let writer = {
            let fifo = fifo.clone();
            std::thread::spawn(move || std::fs::write(fifo, "a text").unwrap())
        };
        assert_eq!(read_all(&mut file, 100, PATIENCE).unwrap(), b"a text");
        writer.join().unwrap();
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! > '{}'; wait", pid.display());
        assert_eq!(
            sh(&script, Duration::from_secs(2)).unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        if !io::stdin().is_terminal() {
            let pid = std::fs::read_to_string(pid).unwrap();
            let stat = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            // The kernel takes a moment to end it.
            let is_gone = |stat: &str| stat.is_empty() || stat.contains(") Z");
            let began = Instant::now();
            while !is_gone(&stat()) {
                assert!(began.elapsed() < Duration::from_mins(1), "{}", stat());
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn a_program_may_leave_another_one_behind_that_holds_its_output_open() {
        let (status, bytes) = sh("sleep 30 & echo key", PATIENCE).unwrap();
        assert!(status.success());
        assert_eq!(bytes, b"key\n");
    }

    #[test]
    fn a_program_that_prints_without_end_is_stopped_and_a_long_output_is_cut() {
        assert_eq!(
            sh("yes", PATIENCE).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        let (status, bytes) = sh("head -c 100000 /dev/zero", PATIENCE).unwrap();
        assert!(status.success());
        assert_eq!(bytes, [0; 10]);
    }
}
