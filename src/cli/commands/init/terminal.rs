//! Questions to a person at a terminal, and their answers.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

use crate::cli::{CliError, Context};
use crate::interrupt;

/// How long one wait for a key press takes; then signals are checked.
const STEP: Duration = Duration::from_millis(50);
/// The most that is read of one answer, in bytes: what a terminal takes on one line.
const MAX_LINE_BYTES: usize = 4_096;

/// A terminal to ask at. Questions go to standard error, so that standard output can be a pipe.
pub struct Terminal<'t> {
    err: &'t mut dyn Write,
}

impl<'t> Terminal<'t> {
    /// Returns the terminal; `None` if a person can neither see a question nor answer it.
    pub fn of<'s: 't>(context: &'t mut Context<'_, 's>) -> Option<Self> {
        let streams = &mut *context.streams;
        (streams.stderr_is_terminal && io::stdin().is_terminal()).then_some(Self {
            err: &mut *streams.stderr,
        })
    }

    /// Prints a line.
    pub fn say(&mut self, line: &str) -> Result<(), CliError> {
        writeln!(self.err, "{line}")?;
        Ok(self.err.flush()?)
    }

    /// Prints an error, and goes on.
    pub fn say_error(&mut self, error: &CliError) -> Result<(), CliError> {
        error.print(self.err);
        Ok(self.err.flush()?)
    }

    /// Asks for one line. Returns it without blanks around it.
    pub fn ask(&mut self, question: &str) -> Result<String, CliError> {
        self.prompt(question)?;
        let line = read_line(&|| false)?;
        String::from_utf8(line)
            .map(|line| line.trim().to_owned())
            .map_err(|_| CliError::usage("the answer is not UTF-8 text"))
    }

    /// Asks for one line, and shows nothing of what is typed.
    ///
    /// A signal does not end the process before the terminal shows again what is typed.
    pub fn ask_unseen(&mut self, question: &str) -> Result<SecretString, CliError> {
        let careful = interrupt::careful();
        // Before the question: an answer may be quick.
        let hidden = Hidden::begin()
            .map_err(|error| CliError::failed(format!("the terminal cannot hide what is typed: {error}")))?;
        let line = self
            .prompt(question)
            .and_then(|()| read_line(&|| interrupt::caught().is_some()));
        drop(hidden);
        if interrupt::caught().is_some() {
            // The last line of the process begins on a line of its own.
            self.say("")?;
            interrupt::give_way(careful);
        }
        let line = String::from_utf8(line?);
        line.map(SecretString::from)
            .map_err(|_| CliError::usage("what was typed is not UTF-8 text"))
    }

    fn prompt(&mut self, question: &str) -> Result<(), CliError> {
        write!(self.err, "{question} ")?;
        Ok(self.err.flush()?)
    }
}

/// Keeps the terminal from showing what is typed, until this is dropped. Only the end of the line is shown.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ECHO);
        modes.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        tcsetattr(io::stdin(), OptionalActions::Now, &modes)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Reads one line of the terminal, without its end. An input that ends before is an error, and so is one that
/// `is_over` ends.
///
/// It reads byte by byte, because what follows the line belongs to the next question.
fn read_line(is_over: &dyn Fn() -> bool) -> Result<Vec<u8>, CliError> {
    let step = Timespec::try_from(STEP).ok();
    let stdin = io::stdin();
    let mut line = Vec::new();
    let failed = |error: rustix::io::Errno| CliError::failed(format!("the answer cannot be read: {error}"));
    loop {
        if is_over() {
            return Err(CliError::failed("stopped by a signal"));
        }
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], step.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(failed(error)),
        }
        let mut byte = [0];
        match rustix::io::read(&stdin, &mut byte) {
            Ok(0) => {
                return Err(CliError::usage(
                    "the input ended before everything was answered; nothing was written",
                ));
            }
            Ok(_) if byte == *b"\n" => return Ok(line),
            Ok(_) if line.len() == MAX_LINE_BYTES => return Err(CliError::usage("the answer is too long")),
            Ok(_) => line.extend_from_slice(&byte),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
