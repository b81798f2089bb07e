//! `migrate`: the schema of the database.

use clap::Args;

use crate::cli::output::{self, Cell, Format};
use crate::cli::pull::relabelled_to;
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::civil;
use crate::store::{Holder, Store, migrations};

/// Apply the schema migrations that a database lacks, or list them
///
/// Every command that writes applies them by itself; this is for looking, and for doing it ahead of time. Hours,
/// days and months that an interrupted run has left behind are brought up to date as well, and computed anew if
/// `slot_label` has changed.
///
/// Before a migration that rewrites stored data, a copy of the database is kept beside it, and named in the output:
/// `DATABASE.before-vN` is the database as it was before migration N. It is never replaced or deleted: do that when you
/// no longer need it. To go back, `restore` it, and use the program that made it from then on.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:\n  jdcdn-stats migrate --list")]
pub struct MigrateArgs {
    /// Only list the migrations, and which of them are applied
    #[arg(long)]
    list: bool,
}

impl MigrateArgs {
    /// Applies or lists the migrations.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|_| {})?;
        let database = config.database;
        let mut upgrade_copy = None;
        if !self.list {
            let holder = Holder {
                command: "migrate".to_owned(),
                started_at: context.now(),
            };
            let mut store = Store::open(&database, &holder)?;
            let relabelled = store.use_slot_label(config.slot_label)?;
            store.roll_up(|_, _| ())?;
            if relabelled {
                tracing::warn!("{}", relabelled_to(config.slot_label));
            }
            store.checkpoint()?;
            store.confirm(None)?;
            upgrade_copy = store.upgrade_copy().cloned();
        }
        let columns = ["version", "name", "applied (UTC+8)"].map(str::to_owned);
        let mut table = output::writer(Format::Table, &columns, context.streams.stdout)?;
        for migration in migrations::list(&database)? {
            let applied = migration
                .applied_at
                .map_or_else(|| "not yet".to_owned(), civil::cst_second);
            table.row(&[
                Cell::Integer(migration.version.into()),
                Cell::Text(&migration.name),
                Cell::Text(&applied),
            ])?;
        }
        table.finish()?;
        drop(table);
        if let Some(copy) = upgrade_copy {
            writeln!(context.streams.stdout, "\n{copy}")?;
        }
        Ok(ExitStatus::SUCCESS)
    }
}
