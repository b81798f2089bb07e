//! `migrate`: the schema of the database.

use std::io::Write as _;

use clap::Args;

use crate::cli::output;
use crate::cli::pull::relabelled_to;
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::civil;
use crate::store::{Store, migrations};

/// Apply or list the schema migrations of the database
///
/// Every command that writes applies missing migrations itself. Use this command to apply them ahead of time, or to
/// look. It also updates hours, days and months that an interrupted run left out of date, and recomputes them if
/// `slot_label` has changed.
///
/// Before a migration that rewrites stored data, a copy of the database is kept in its directory:
/// `DATABASE.before-vN` is the database before migration N. The copy is never replaced or deleted: delete it when
/// you no longer need it. To go back, `restore` it, and use the program version that made it.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:\n  jdcdn-stats migrate --list")]
pub struct MigrateArgs {
    /// Only list the migrations, and when they were applied
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
            let mut store = Store::open(&database, &context.holder("migrate"))?;
            let relabelled = store.use_slot_label(config.slot_label)?;
            store.roll_up(|_, _| ())?;
            if relabelled {
                tracing::warn!("{}", relabelled_to(config.slot_label));
            }
            store.checkpoint()?;
            store.confirm(None)?;
            upgrade_copy = store.upgrade_copy().cloned();
        }
        let migrations = migrations::list(&database)?;
        let rows = migrations.iter().map(|migration| {
            let applied = migration
                .applied_at
                .map_or_else(|| "not yet".to_owned(), civil::cst_second);
            [
                i64::from(migration.version).into(),
                migration.name.as_str().into(),
                applied.into(),
            ]
        });
        output::table(
            ["version", "name", "applied (UTC+8)"],
            rows,
            context.streams.stdout,
        )?;
        if let Some(copy) = upgrade_copy {
            writeln!(context.streams.human(), "\n{copy}")?;
        }
        Ok(ExitStatus::SUCCESS)
    }
}
