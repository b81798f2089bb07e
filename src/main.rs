//! The program.

use std::io::{self, BufWriter, IsTerminal as _};
use std::process::ExitCode;

use jdcdn_stats::cli::{self, ExitStatus, Streams};
use jdcdn_stats::config::Environment;

fn main() -> ExitCode {
    cli::supervise(command).into()
}

fn command() -> ExitStatus {
    let streams = Streams {
        stdin: &mut io::stdin().lock(),
        stdout: &mut BufWriter::new(io::stdout().lock()),
        stderr: &mut io::stderr(),
        stdout_is_terminal: io::stdout().is_terminal(),
        stderr_is_terminal: io::stderr().is_terminal(),
        width: width(),
    };
    let environment = Environment::new(std::env::vars_os());
    cli::run(std::env::args_os(), &environment, streams)
}

/// Returns how many columns the terminal has; `None` if standard output is none, or does not know it.
fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
