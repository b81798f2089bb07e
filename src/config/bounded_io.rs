//! Reads with a limit on time and size. A FIFO may have no writer, a device no end, and a program may wait.

use std::ffi::{OsStr, OsString};
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

/// The longest time that reading a file or running a program may take.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The most that a program may print.
const MAX_OUTPUT_BYTES: usize = 1 << 20;
/// How long one wait takes; then signals and the time limit are checked.
const STEP: Duration = Duration::from_millis(50);

/// Opens a file for reading, without waiting for the writer of a FIFO.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // The bits of an open flag are a C int.
    let flags = to_i32((OFlags::NONBLOCK | OFlags::NOCTTY).bits());
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// Reads `file` to its end, which must come within `most` bytes and `time_limit`.
pub(super) fn read_all(file: &mut File, most: usize, time_limit: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + time_limit;
    let mut bytes = Vec::new();
    loop {
        if !is_ready(file)? {
            if Instant::now() >= deadline {
                return Err(late("nothing came", time_limit));
            }
            continue;
        }
        match read_some(file, &mut bytes) {
            Ok(0) => return Ok(bytes),
            Ok(_) if bytes.len() > most => {
                let what = format!("it holds more than {most} bytes, the most that is read");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
            }
            Ok(_) if Instant::now() >= deadline => return Err(late("its end did not come", time_limit)),
            Err(error) if !is_passing(&error) => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Runs `program` without input, and returns its status and the first `kept` bytes of its output.
///
/// A program that takes longer than `time_limit` is killed with the programs that it started. At a terminal only the
/// program itself is killed: it stays in the terminal's group, so that it can ask a person.
pub(super) fn run(
    program: &OsStr,
    arguments: &[OsString],
    kept: usize,
    time_limit: Duration,
) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let has_own_group = !io::stdin().is_terminal();
    if has_own_group {
        command.process_group(0);
    }
    // At a signal the process must not end before the program has.
    let careful = interrupt::careful();
    let mut child = command.spawn()?;
    // A person may have to type a passphrase.
    let time_limit = if has_own_group {
        time_limit
    } else {
        time_limit * 10
    };
    let ended = watch(&mut child, kept, time_limit);
    if ended.is_err() {
        end(&mut child, has_own_group);
    }
    if interrupt::caught().is_some() {
        interrupt::give_way(careful);
    }
    ended
}

/// Waits for the end of `child`. The programs that it started may live on and keep its output open.
fn watch(child: &mut Child, kept: usize, time_limit: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
    let deadline = Instant::now() + time_limit;
    let mut output = child.stdout.take();
    let (mut bytes, mut printed) = (Vec::new(), 0);
    loop {
        // Checked first: everything that it printed before its end is in the pipe by then.
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
            return Err(late("it did not end", time_limit));
        }
    }
}

fn end(child: &mut Child, has_own_group: bool) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group.filter(|_| has_own_group) {
        // It may have ended by itself just now.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns whether there is something to read, after at most [`STEP`].
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

fn late(what: &str, time_limit: Duration) -> io::Error {
    let seconds = time_limit.as_secs();
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{what} within {seconds} s, the time limit"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn sh(script: &str, time_limit: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
        run("sh".as_ref(), &["-c".into(), script.into()], 10, time_limit)
    }

    fn fifo_in(directory: &tempfile::TempDir) -> std::path::PathBuf {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let fifo = directory.path().join("fifo");
        mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        fifo
    }

    #[test]
    fn what_never_begins_or_never_ends_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = fifo_in(&directory);
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
        let fifo = fifo_in(&directory);
        let mut file = open(&fifo).unwrap();
        let writer = {
            let fifo = fifo.clone();
            std::thread::spawn(move || std::fs::write(fifo, "a text").unwrap())
        };
        assert_eq!(read_all(&mut file, 100, TIME_LIMIT).unwrap(), b"a text");
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
        let (status, bytes) = sh("sleep 30 & echo key", TIME_LIMIT).unwrap();
        assert!(status.success());
        assert_eq!(bytes, b"key\n");
    }

    #[test]
    fn a_program_that_prints_without_end_is_stopped_and_a_long_output_is_cut() {
        assert_eq!(
            sh("yes", TIME_LIMIT).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        let (status, bytes) = sh("head -c 100000 /dev/zero", TIME_LIMIT).unwrap();
        assert!(status.success());
        assert_eq!(bytes, [0; 10]);
    }
}
