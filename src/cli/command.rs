//! The command line and the list of commands.
//!
//! A command is a file in `commands/` with an `Args` struct and its `run`. The struct's documentation is the help. A
//! line in [`Command`] and an arm in [`Command::run`] add the command to the program, its help and the completions.

use clap::{CommandFactory as _, Parser, Subcommand};

use super::commands::backfill::BackfillArgs;
use super::commands::bill::BillArgs;
use super::commands::check::CheckArgs;
use super::commands::completions::CompletionsArgs;
use super::commands::demo::DemoArgs;
use super::commands::domains::DomainsArgs;
use super::commands::export::ExportArgs;
use super::commands::gaps::GapsArgs;
use super::commands::init::InitArgs;
use super::commands::man::ManArgs;
use super::commands::migrate::MigrateArgs;
use super::commands::query::QueryArgs;
use super::commands::rejects::RejectsArgs;
use super::commands::report::ReportCommandArgs;
use super::commands::restore::RestoreArgs;
use super::commands::simulate::SimulateArgs;
use super::commands::snapshot::SnapshotArgs;
use super::commands::status::StatusArgs;
use super::commands::sync::SyncArgs;
use super::commands::watch::WatchArgs;
use super::context::Context;
use super::error::CliError;
use super::exit::ExitStatus;
use super::options::GlobalArgs;

/// Keeps a local SQLite file complete and true with the back-to-origin statistics of a JD Cloud CDN account.
#[derive(Debug, Parser)]
#[command(
    name = "jdcdn-stats",
    version = env!("JDCDN_VERSION"),
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    /// The options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
#[expect(
    missing_docs,
    reason = "each command is documented where its arguments are; that text is the help"
)]
pub enum Command {
    Demo(DemoArgs),
    Init(InitArgs),
    Backfill(BackfillArgs),
    Sync(SyncArgs),
    Watch(WatchArgs),
    Status(StatusArgs),
    Gaps(GapsArgs),
    Bill(BillArgs),
    Rejects(RejectsArgs),
    Query(QueryArgs),
    Snapshot(SnapshotArgs),
    Restore(RestoreArgs),
    Report(ReportCommandArgs),
    Export(ExportArgs),
    Migrate(MigrateArgs),
    Check(CheckArgs),
    Domains(DomainsArgs),
    Simulate(SimulateArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
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
            Self::Init(args) => args.run(context),
            Self::Backfill(args) => args.run(context),
            Self::Sync(args) => args.run(context),
            Self::Watch(args) => args.run(context),
            Self::Status(args) => args.run(context),
            Self::Gaps(args) => args.run(context),
            Self::Bill(args) => args.run(context),
            Self::Rejects(args) => args.run(context),
            Self::Query(args) => args.run(context),
            Self::Snapshot(args) => args.run(context),
            Self::Restore(args) => args.run(context),
            Self::Report(args) => args.run(context),
            Self::Export(args) => args.run(context),
            Self::Migrate(args) => args.run(context),
            Self::Check(args) => args.run(context),
            Self::Domains(args) => args.run(context),
            Self::Simulate(args) => args.run(context),
            Self::Completions(args) => args.run(Cli::command(), context),
            Self::Man(args) => args.run(Cli::command(), context),
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
