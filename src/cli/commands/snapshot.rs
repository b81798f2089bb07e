//! `snapshot`: a consistent copy for BI tools.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use serde::Serialize;

use crate::cli::options::{FormatArgs, OutputFormat};
use crate::cli::output;
use crate::cli::runtime::runtime;
use crate::cli::view::text::{self, counted};
use crate::cli::{CliError, Context, ExitStatus};
use crate::ingest::RunError;
use crate::interrupt;
use crate::model::civil;
use crate::store::SnapshotError;
use crate::store::snapshot::{Contents, Published, Snapshot};

/// Write a consistent copy of the database, for BI tools
///
/// The copy is one file without a write-ahead log. It opens from a read-only mount, and for users who may not write
/// to its directory. It shows one moment of the database, also while a run writes; neither waits for the other. Its
/// rollups always agree with its points.
///
/// The file gets its name when it is complete and on the disk. Its mode is 0444, less the umask: 0440 under umask
/// 027. With --force it replaces an earlier snapshot in one step. A program that has the old file open goes on
/// reading it, and nobody sees half a file. A changed modification time means a new snapshot.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats snapshot bi.db
  jdcdn-stats snapshot --force --format json bi.db")]
pub struct SnapshotArgs {
    /// File to write; its directory must exist
    #[arg(value_name = "OUT.db")]
    out: PathBuf,
    /// Replace an earlier snapshot; any other file is kept
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: FormatArgs,
}

impl SnapshotArgs {
    /// Writes the snapshot.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let database = context.config(|_| {})?.database;
        let (published, contents) = take(&database, &self.out, self.force)?;
        let out = &mut context.streams.result(self.output.format);
        match self.output.format {
            OutputFormat::Human => human(&database, &published, &contents, out)?,
            OutputFormat::Json => json(&published, &contents, out)?,
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
            signal = interrupt::raised() => {
                let error = io::Error::other("stopped; no snapshot was written");
                return Err(CliError::new(signal.into(), &error));
            }
        };
        let contents = copied.map_err(|_| CliError::from(RunError::Defect("the copy")))??;
        Ok((snapshot.publish()?, contents))
    });
    // A copy that was given up ends with the process; its file is already gone.
    runtime.shutdown_background();
    ended
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
    let replaced = if published.replaced {
        ", in place of an earlier one"
    } else {
        ""
    };
    let rollups = match contents.rolled_up_days {
        0 => "up to date".to_owned(),
        days => format!("brought up to date: {}", counted(days, "domain-day")),
    };
    writeln!(
        out,
        "snapshot of {} written to {}{replaced}\n\n  size     {}\n  points   {}\n  newest   {}\n  rollups  {rollups}",
        text::path(database),
        text::path(&published.path),
        BinaryBytes(published.bytes),
        HumanCount(contents.points),
        text::newest_point(contents.newest_ts),
    )
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
    output::json_line(&summary, out)
}
