//! The list of commands.
//!
//! A command is a file with an `Args` struct, whose documentation is its help, and a `run` on it. Its line
//! in [`Command`] and its arm in [`Command::run`] put it into the program, its help and the completions.

use super::backfill::BackfillArgs;
use super::check::CheckArgs;
use super::completions::CompletionsArgs;
use super::context::Context;
use super::demo::DemoArgs;
use super::error::CliError;
use super::exit::ExitStatus;
use super::export::ExportArgs;
use super::gaps::GapsArgs;
use super::migrate::MigrateArgs;
use super::query::QueryArgs;
use super::rejects::RejectsArgs;
use super::report::ReportCommandArgs;
use super::restore::RestoreArgs;
use super::simulate::SimulateArgs;
use super::snapshot::SnapshotArgs;
use super::status::StatusArgs;
use super::sync::SyncArgs;
use super::watch::WatchArgs;

/// What the program can do.
#[derive(Debug, clap::Subcommand)]
#[expect(
    missing_docs,
    reason = "each command is documented where its arguments are; that text is the help"
)]
pub enum Command {
    Demo(DemoArgs),
    Backfill(BackfillArgs),
    Sync(SyncArgs),
    Watch(WatchArgs),
    Status(StatusArgs),
    Gaps(GapsArgs),
    Rejects(RejectsArgs),
    Query(QueryArgs),
    Snapshot(SnapshotArgs),
    Restore(RestoreArgs),
    Report(ReportCommandArgs),
    Export(ExportArgs),
    Migrate(MigrateArgs),
    Check(CheckArgs),
    Simulate(SimulateArgs),
    Completions(CompletionsArgs),
}

impl Command {
    /// Whether it prints what a program reads, and no text of its own.
    #[must_use]
    pub fn prints_data(&self) -> bool {
        matches!(self, Self::Query(_) | Self::Simulate(_) | Self::Completions(_))
    }

    /// Runs the command.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        match self {
            Self::Demo(args) => args.run(context),
            Self::Backfill(args) => args.run(context),
            Self::Sync(args) => args.run(context),
            Self::Watch(args) => args.run(context),
            Self::Status(args) => args.run(context),
            Self::Gaps(args) => args.run(context),
            Self::Rejects(args) => args.run(context),
            Self::Query(args) => args.run(context),
            Self::Snapshot(args) => args.run(context),
            Self::Restore(args) => args.run(context),
            Self::Report(args) => args.run(context),
            Self::Export(args) => args.run(context),
            Self::Migrate(args) => args.run(context),
            Self::Check(args) => args.run(context),
            Self::Simulate(args) => args.run(context),
            Self::Completions(args) => args.run(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use crate::cli::Cli;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_and_ends_with_an_example() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} has no help");
            let end = command
                .get_after_long_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                end.starts_with("Example") && end.contains(&format!("jdcdn-stats {name}")),
                "the help of {name} has no example"
            );
            let widest = end.lines().map(str::len).max();
            assert!(
                widest <= Some(80),
                "an example of {name} would be broken on a terminal of 80 columns"
            );
        }
    }
}
