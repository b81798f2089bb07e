//! `restore`: puts a copy in the database's place.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;

use crate::cli::options::{ReportArgs, ReportFormat};
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::{civil, text};
use crate::store::{Holder, RestoreError, Restored, restore};

/// Put a copy in the database's place
///
/// BACKUP is a snapshot, a copy from before an upgrade (`DATABASE.before-vN`), or a copy of the database with its
/// `-wal` file beside it. It is checked first and stays as it is. The database is held as by a run, so no run can write
/// to it meanwhile. Then the copy takes its place in one step, and the side files of the old database go away.
///
/// The database that was replaced is kept as `DATABASE.replaced-DATE-TIME`. Delete it when you no longer need it. What
/// the copy lacks is fetched by the next run, as far as the service still has it.
///
/// Ends with 5 if the copy is damaged or is no copy, and with 75 if a run holds the database; then nothing has changed.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats restore bi.db
  jdcdn-stats restore --db stats.db stats.db.before-v8")]
pub struct RestoreArgs {
    /// Copy to restore
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    #[command(flatten)]
    report: ReportArgs,
}

impl RestoreArgs {
    /// Restores the copy.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let database = context.config(|_| {})?.database;
        let holder = Holder {
            command: "restore".to_owned(),
            started_at: context.now(),
        };
        let restored = restore::restore(&self.backup, &database, &holder)?;
        let out = &mut *context.streams.stdout;
        match self.report.format {
            ReportFormat::Human => human(&self.backup, &restored, out)?,
            ReportFormat::Json => json(&restored, out)?,
        }
        Ok(ExitStatus::SUCCESS)
    }
}

impl From<RestoreError> for CliError {
    fn from(error: RestoreError) -> Self {
        let help = Some("the database is as it was");
        match error {
            RestoreError::Database(error) => error.into(),
            RestoreError::Copy(_) => Self::new(ExitStatus::DATABASE, &error).with_help(help),
            RestoreError::Same | RestoreError::Missing => Self::new(ExitStatus::USAGE, &error),
        }
    }
}

fn human(backup: &Path, restored: &Restored, out: &mut dyn Write) -> io::Result<()> {
    let shown = |path: &Path| text::printable(&path.to_string_lossy());
    writeln!(out, "{} restored from {}\n", shown(&restored.path), shown(backup))?;
    writeln!(out, "  size      {}", BinaryBytes(restored.bytes))?;
    writeln!(out, "  points    {}", HumanCount(restored.points))?;
    let newest = restored.newest_ts.map_or_else(
        || "none".to_owned(),
        |ts| format!("{} (UTC+8)", civil::cst_second(ts)),
    );
    writeln!(out, "  newest    {newest}")?;
    match &restored.replaced {
        Some(replaced) => writeln!(
            out,
            "  replaced  {} is the database as it was; delete it when you no longer need it",
            shown(replaced)
        ),
        None => writeln!(out, "  replaced  nothing"),
    }
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
    serde_json::to_writer(&mut *out, &summary)?;
    writeln!(out)
}
