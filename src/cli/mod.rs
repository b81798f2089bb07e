//! The command line: options, commands, output, exit codes.
//!
//! - [`command`]: the command line and the list of commands; [`commands`]: one file or folder a command
//! - [`options`]: the options that commands share
//! - [`context`]: the configuration, clock and streams of a command
//! - `directory_owner`: who owns the directory of the database, where root works
//! - [`pull`]: plans and carries out a run, for every command that fetches; `client`, [`descriptors`], [`signals`]: its API
//!   client, its file descriptors, and its end at a signal
//! - [`listing`]: the account's domains, as the API lists them; `discovery`: which of them are fetched
//! - [`runtime`]: the runtime of the network side
//! - [`output`]: rows as tables, JSON, CSV and Markdown; [`view`]: summaries, plans and progress
//! - [`error`], [`exit`]: why a command ended early, and the exit codes
//! - `supervisor`: the main thread, which ends the process at a signal whatever the command does
//! - [`logging`], `panics`, [`redactor`]: events and panics on standard error, without secrets; `journal`: their levels
//!   for systemd
//!
//! Data goes to standard output, everything else to standard error.

mod client;
pub mod command;
pub mod commands;
pub mod context;
pub mod descriptors;
mod directory_owner;
mod discovery;
pub mod error;
pub mod exit;
pub mod fetch_options;
mod journal;
pub mod listing;
pub mod logging;
pub mod options;
pub mod output;
mod panics;
pub mod pull;
pub mod redactor;
pub mod runtime;
pub mod signals;
mod supervisor;
pub mod view;

use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;

use clap::Parser as _;

pub use command::Cli;
pub use context::{Context, Streams};
pub use error::CliError;
pub use exit::ExitStatus;
pub use supervisor::supervise;

use crate::clock::{Clock as _, SharedClock, SystemClock};
use crate::config::{ConfigError, Environment, ValueSource, environment};
use crate::model::{civil, moment};
use crate::planted;
use journal::JournalLevel;
use logging::{LogTarget, Logs};
use redactor::{RedactingWriter, Redactor};

/// Runs the command line `args`, which begins with the program's name, and returns its exit status. Prints an error
/// before it returns.
pub fn run<A: Into<OsString> + Clone>(
    args: impl IntoIterator<Item = A>,
    environment: &Environment,
    streams: Streams<'_>,
) -> ExitStatus {
    let redactor = Redactor::default();
    let is_journal = journal::is_stderr(environment.raw(journal::STREAM));
    panics::install(redactor.clone());
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let parsed = Cli::try_parse_from(&args);
    let prints_data = parsed.as_ref().is_ok_and(|cli| cli.command.prints_data());
    let Streams {
        stdin,
        stdout,
        stderr,
        stdout_is_terminal,
        stderr_is_terminal,
        width,
    } = streams;
    let mut filtered;
    // Data holds no secret, and programs must read it unchanged.
    let stdout: &mut dyn Write = if prints_data {
        stdout
    } else {
        filtered = RedactingWriter::new(stdout, redactor.clone());
        &mut filtered
    };
    let mut streams = Streams {
        stdin,
        stdout,
        stderr: &mut RedactingWriter::new(stderr, redactor.clone()),
        stdout_is_terminal,
        stderr_is_terminal,
        width: width.or_else(|| columns(environment)),
    };
    let ended = match parsed {
        Ok(cli) => dispatch(&cli, environment, &redactor, is_journal, &mut streams),
        Err(message) => {
            redactor.suspect_arguments(environment, &args);
            explain(&message, environment, &mut streams)
        }
    };
    // The output of a failed command comes before the error that explains its end.
    let flushed = streams.stdout.flush();
    let ended = ended.and_then(|status| match flushed {
        Ok(()) => Ok(status),
        Err(lost) => Err(CliError::from(lost).after(status)),
    });
    ended.unwrap_or_else(|error| {
        redactor.suspect_arguments(environment, &args);
        let mut text = Vec::new();
        error.print(&mut text);
        if is_journal {
            text = JournalLevel::Error.mark(&String::from_utf8_lossy(&text)).into();
        }
        // There is no place left to report a failure to print.
        let _ = streams.stderr.write_all(&text);
        let _ = streams.stderr.flush();
        error.status()
    })
}

fn dispatch(
    cli: &Cli,
    environment: &Environment,
    redactor: &Redactor,
    is_journal: bool,
    streams: &mut Streams<'_>,
) -> Result<ExitStatus, CliError> {
    let target = if is_journal {
        LogTarget::Journal
    } else if streams.stderr_is_terminal && is_colour_wanted(environment) {
        LogTarget::Colour
    } else {
        LogTarget::Plain
    };
    let clock = clock(environment)?;
    let logs = Logs::to_stderr(redactor.clone());
    logging::install(&logs, &cli.global, target, Arc::clone(&clock));
    if environment.raw(environment::TEST_NOW).is_some() {
        let now = civil::cst_second(clock.now());
        tracing::warn!(%now, "the clock is set by {}", environment::TEST_NOW);
    }
    if let Some(planted) = environment.text(environment::TEST_PANIC)? {
        let (variable, places) = (environment::TEST_PANIC, planted::PLACES.join(", "));
        if !planted::plant(planted) {
            let reason = format!("it is one of {places}, or one of them with a count, such as `writer:3`");
            let at = ValueSource::Environment(variable);
            return Err(ConfigError::Invalid { at, reason }.into());
        }
        tracing::warn!("a defect is planted by {variable}");
    }
    planted::pass("command");
    let mut context = Context {
        global: &cli.global,
        environment,
        clock,
        logs,
        redactor: redactor.clone(),
        streams,
    };
    cli.command.run(&mut context)
}

/// Prints the text of clap: help and version to standard output, a usage error to standard error.
fn explain(
    message: &clap::Error,
    environment: &Environment,
    streams: &mut Streams<'_>,
) -> Result<ExitStatus, CliError> {
    let (out, is_terminal, status): (&mut dyn Write, _, _) = if message.use_stderr() {
        (streams.stderr, streams.stderr_is_terminal, ExitStatus::USAGE)
    } else {
        (streams.stdout, streams.stdout_is_terminal, ExitStatus::SUCCESS)
    };
    let text = message.render();
    if is_terminal && is_colour_wanted(environment) {
        write!(out, "{}", text.ansi())?;
    } else {
        write!(out, "{text}")?;
    }
    Ok(status)
}

fn is_colour_wanted(environment: &Environment) -> bool {
    environment.raw("NO_COLOR").is_none() && environment.raw("TERM").is_none_or(|term| term != "dumb")
}

/// Returns the width that the environment gives where there is no terminal, as `ls` and others take it.
fn columns(environment: &Environment) -> Option<usize> {
    environment.raw("COLUMNS")?.to_str()?.parse().ok()
}

/// Returns the operating system's clock, unless a test sets the time.
fn clock(environment: &Environment) -> Result<SharedClock, CliError> {
    let Some(given) = environment.text(environment::TEST_NOW)? else {
        return Ok(Arc::new(SystemClock::new()));
    };
    let seconds = given.parse();
    let now = seconds.or_else(|_| {
        moment::parse_moment(given, SystemClock::new().now()).map_err(|error| ConfigError::Invalid {
            at: ValueSource::Environment(environment::TEST_NOW),
            reason: error.to_string(),
        })
    })?;
    Ok(Arc::new(SystemClock::starting_at(now)))
}
