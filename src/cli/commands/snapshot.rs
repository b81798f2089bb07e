//! `snapshot`: a consistent copy for BI tools.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;

use crate::cli::options::{ReportArgs, ReportFormat};
use crate::cli::pull::runtime;
use crate::cli::{CliError, Context, ExitStatus};
use crate::ingest::RunError;
use crate::interrupt::{self, Signal};
use crate::model::{civil, text};
use crate::store::SnapshotError;
use crate::store::snapshot::{Contents, Published, Snapshot};

/// Write a consistent copy of the database, for BI tools
///
/// The copy is one file without a write-ahead log, so it opens from a read-only mount and for users who may not
/// write beside it. It is of one moment, also while a run writes, which neither waits for it nor is waited for;
/// its rollups tell exactly what its points do, whatever the run had still to do.
///
/// The file gets its name when it is complete and on the disk. Its mode is 0444, less what the umask takes away: 0440
/// under umask 027. With --force it takes the place of an earlier snapshot in one step: who has that open goes on
/// reading it, who opens the path later sees the new one, and nobody sees half of one. A changed modification time
/// means a new snapshot.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats snapshot bi.db
  jdcdn-stats snapshot --force --format json bi.db")]
pub struct SnapshotArgs {
    /// File to write; its directory must exist
    #[arg(value_name = "OUT.db")]
    out: PathBuf,
    /// Replace an earlier snapshot; anything else that stands there is left as it is
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    report: ReportArgs,
}

impl SnapshotArgs {
    /// Writes the snapshot.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let database = context.config(|_| {})?.database;
        let (published, contents) = take(&database, &self.out, self.force)?;
        let out = &mut *context.streams.stdout;
        match self.report.format {
            ReportFormat::Human => human(&database, &published, &contents, out)?,
            ReportFormat::Json => json(&published, &contents, out)?,
        }
        Ok(ExitStatus::SUCCESS)
    }
}

/// Takes the snapshot, unless a signal comes before the copy is complete.
fn take(database: &Path, out: &Path, force: bool) -> Result<(Published, Contents), CliError> {
    let runtime = runtime(1)?;
    let ended = runtime.block_on(async {
        interrupt::careful_to_the_end();
        let snapshot = Snapshot::prepare(database, out, force)?;
        let copying = snapshot.copying();
        let copied = tokio::select! {
            ended = tokio::task::spawn_blocking(move || copying.run()) => ended,
            caught = interrupt::raised() => return Err(stopped(caught)),
        };
        let contents =
            copied.map_err(|_| CliError::new(ExitStatus::FAILED, &RunError::Defect("the copy")))??;
        Ok((snapshot.publish()?, contents))
    });
    // A copy that was given up ends with the process; what it had written is gone already.
    runtime.shutdown_background();
    ended
}

fn stopped(signal: Signal) -> CliError {
    let error = io::Error::other("stopped; no snapshot was written");
    CliError::new(ExitStatus::from(signal), &error)
}

impl From<SnapshotError> for CliError {
    fn from(error: SnapshotError) -> Self {
        let help = error.help();
        let status = match error {
            SnapshotError::Open(error) => return error.into(),
            SnapshotError::Store(error) => return error.into(),
            SnapshotError::Refused { .. } => ExitStatus::USAGE,
            SnapshotError::Output { .. } | SnapshotError::Unsound { .. } => ExitStatus::DATABASE,
        };
        Self::new(status, &error).with_help(help)
    }
}

fn human(database: &Path, published: &Published, contents: &Contents, out: &mut dyn Write) -> io::Result<()> {
    let shown = |path: &Path| text::printable(&path.to_string_lossy());
    writeln!(
        out,
        "snapshot of {} written to {}{}\n",
        shown(database),
        shown(&published.path),
        if published.replaced {
            ", in place of an earlier one"
        } else {
            ""
        }
    )?;
    writeln!(out, "  size     {}", BinaryBytes(published.bytes))?;
    writeln!(out, "  points   {}", HumanCount(contents.points))?;
    let newest = contents.newest_ts.map_or_else(
        || "none".to_owned(),
        |ts| format!("{} (UTC+8)", civil::cst_second(ts)),
    );
    writeln!(out, "  newest   {newest}")?;
    match contents.rolled_up_days {
        0 => writeln!(out, "  rollups  up to date"),
        1 => writeln!(out, "  rollups  brought up to date: 1 day of a domain"),
        days => writeln!(
            out,
            "  rollups  brought up to date: {} days of domains",
            HumanCount(days)
        ),
    }
}

#[derive(Debug, Serialize)]
struct SnapshotJson<'a> {
    file: std::borrow::Cow<'a, str>,
    bytes: u64,
    replaced: bool,
    points: u64,
    newest_point: Option<String>,
    rollups: RollupsJson,
}

#[derive(Debug, Serialize)]
struct RollupsJson {
    brought_up_to_date: bool,
    days: u64,
}

fn json(published: &Published, contents: &Contents, out: &mut dyn Write) -> io::Result<()> {
    let summary = SnapshotJson {
        file: published.path.to_string_lossy(),
        bytes: published.bytes,
        replaced: published.replaced,
        points: contents.points,
        newest_point: contents.newest_ts.map(civil::cst_rfc3339),
        rollups: RollupsJson {
            brought_up_to_date: contents.rolled_up_days > 0,
            days: contents.rolled_up_days,
        },
    };
    serde_json::to_writer(&mut *out, &summary)?;
    writeln!(out)
}
