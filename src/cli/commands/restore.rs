//! `restore`: replaces the database with a copy of it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;

use crate::cli::options::{FormatArgs, OutputFormat};
use crate::cli::output;
use crate::cli::view::text;
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::civil;
use crate::store::{RestoreError, Restored, restore};

/// Replace the database with a copy of it
///
/// BACKUP is a snapshot, a copy from before an upgrade (`DATABASE.before-vN`), or a copy of the database together
/// with its `-wal` file. It is verified first, and is not changed. The database is locked as by a run. Then the copy
/// replaces it in one step, and the `-wal` and `-shm` files of the old database are removed.
///
/// The old database is kept as `DATABASE.replaced-DATE-TIME`. Delete it when you no longer need it. The next run
/// fetches what the copy lacks, as far as the API still has it.
///
/// Exit code 5: the copy is damaged, or is not a copy. Exit code 75: a run holds the database. In both cases nothing
/// has changed.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats restore bi.db
  jdcdn-stats restore --db stats.db stats.db.before-v8")]
pub struct RestoreArgs {
    /// Copy to restore
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    #[command(flatten)]
    output: FormatArgs,
}

impl RestoreArgs {
    /// Restores the copy.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let database = context.config(|_| {})?.database;
        let restored = restore::restore(&self.backup, &database, &context.holder("restore"))?;
        let out = &mut context.streams.result(self.output.format);
        match self.output.format {
            OutputFormat::Human => human(&self.backup, &restored, out)?,
            OutputFormat::Json => json(&restored, out)?,
        }
        Ok(ExitStatus::SUCCESS)
    }
}

impl From<RestoreError> for CliError {
    fn from(error: RestoreError) -> Self {
        let help = Some("the database was not changed");
        match error {
            RestoreError::Database(error) => error.into(),
            RestoreError::Copy(_) => Self::new(ExitStatus::DATABASE, &error).with_help(help),
            RestoreError::Same | RestoreError::Missing => Self::new(ExitStatus::USAGE, &error),
        }
    }
}

fn human(backup: &Path, restored: &Restored, out: &mut dyn Write) -> io::Result<()> {
    let replaced = match &restored.replaced {
        Some(replaced) => format!(
            "{} is the old database; delete it when you no longer need it",
            text::path(replaced)
        ),
        None => "nothing".to_owned(),
    };
    writeln!(
        out,
        "{} restored from {}\n\n  size      {}\n  points    {}\n  newest    {}\n  replaced  {replaced}",
        text::path(&restored.path),
        text::path(backup),
        BinaryBytes(restored.bytes),
        HumanCount(restored.points),
        text::newest_point(restored.newest_ts),
    )
}

#[derive(Debug, Serialize)]
struct RestoredJson<'a> {
    file: std::borrow::Cow<'a, str>,
    bytes: u64,
    points: u64,
    newest_point: Option<String>,
    replaced: Option<std::borrow::Cow<'a, str>>,
}

fn json(restored: &Restored, out: &mut dyn Write) -> io::Result<()> {
    let summary = RestoredJson {
        file: restored.path.to_string_lossy(),
        bytes: restored.bytes,
        points: restored.points,
        newest_point: restored.newest_ts.map(civil::cst_rfc3339),
        replaced: restored.replaced.as_ref().map(|path| path.to_string_lossy()),
    };
    output::json_line(&summary, out)
}
