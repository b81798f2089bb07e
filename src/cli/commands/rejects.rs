//! `rejects`: what could not be taken, and what becomes of it.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use crate::cli::options::{ReportArgs, ReportFormat};
use crate::cli::output::{self, Cell, Format};
use crate::cli::view::text::counted;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::ingest::{self, Chosen, Replayed};
use crate::model::convert::to_u64;
use crate::model::{Domain, Outcome, RunTotals, civil, text};
use crate::store::{Finish, Holder, NewRun, Reader, Store, StoredReject};

/// How much of a reject's text is shown in a list, in characters.
const SHOWN_CHARS: usize = 60;

/// List what could not be taken, read it again, or give it up
///
/// A point that the API wrote in a way that cannot be trusted is left out, and its text is kept. The next
/// fetch of its window replaces it; a newer version of this program may be able to read it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats rejects list
  jdcdn-stats rejects replay --all
  jdcdn-stats rejects discard --all")]
pub struct RejectsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the rejects with the reason of each
    List(ListArgs),
    /// Read rejects again, without a request, and store what is good now
    ///
    /// A point is stored if it can be read and nothing stands against it: its window, its 5-minute slot, another
    /// reject. A stored point is never replaced. Ends with exit code 3 if any of the rejects remains.
    Replay(ReplayArgs),
    /// Delete rejects
    Discard(ChosenArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only what stands under this domain; several in a row, separated by commas, or with -d again
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<Domain>,
    /// Show the whole text of each; JSON always holds it
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Debug, Args)]
struct ChosenArgs {
    /// Number of a reject, as `list` shows it
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<i64>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl RejectsArgs {
    /// Lists, replays or discards.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        match &self.action {
            Action::List(args) => args.run(context),
            Action::Replay(args) => args.run(context),
            Action::Discard(args) => args.discard(context),
        }
    }
}

impl ListArgs {
    fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let reader = context.reader()?;
        match self.report.format {
            ReportFormat::Human => self.human(&reader, context)?,
            ReportFormat::Json => self.json(&reader, context)?,
        }
        Ok(ExitStatus::SUCCESS)
    }

    fn human(&self, reader: &Reader, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        let columns = ["id", "domain", "time (UTC+8)", "seen (UTC+8)", "reason", "text"].map(str::to_owned);
        let mut rows = output::writer(Format::Table, &columns, context.streams.stdout)?;
        let mut count = 0_u64;
        self.each(reader, |reject| {
            count += 1;
            let shown = if self.raw { usize::MAX } else { SHOWN_CHARS };
            rows.row(&[
                Cell::Integer(reject.id),
                Cell::Text(&reject.domain),
                Cell::Text(&reject.ts.map_or_else(|| "-".to_owned(), civil::cst_second)),
                Cell::Text(&civil::cst_minute(reject.seen_at)),
                Cell::Text(&reject.reason),
                Cell::Text(&text::shorten(&reject.raw, shown)),
            ])
        })?;
        rows.finish()?;
        drop(rows);
        let dropped: u64 = reader.dropped_rejects()?.iter().map(|(_, count)| count).sum();
        if dropped > 0 {
            context.streams.stdout.flush()?;
            let _ = writeln!(
                context.streams.stderr,
                "({} deleted so far to keep at most `keep.rejects`)",
                counted(dropped, "older reject")
            );
        }
        if count == 0 {
            context.streams.stdout.flush()?;
            // Beside the data: nobody is left to tell when that fails.
            let _ = writeln!(context.streams.stderr, "(nothing is rejected)");
        }
        Ok(())
    }

    fn json(&self, reader: &Reader, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        let columns = [
            "id",
            "domain",
            "ts",
            "time",
            "window_start",
            "window_end",
            "reason",
            "raw",
            "seen_at",
            "run_id",
        ];
        let mut rows = output::writer(Format::Json, &columns.map(str::to_owned), context.streams.stdout)?;
        self.each(reader, |reject| {
            let time = reject.ts.map(civil::cst_rfc3339);
            rows.row(&[
                Cell::Integer(reject.id),
                Cell::Text(&reject.domain),
                reject.ts.map_or(Cell::Null, Cell::Integer),
                time.as_deref().map_or(Cell::Null, Cell::Text),
                Cell::Integer(reject.window.start()),
                Cell::Integer(reject.window.end()),
                Cell::Text(&reject.reason),
                Cell::Text(&reject.raw),
                Cell::Integer(reject.seen_at),
                Cell::Integer(reject.run_id),
            ])
        })?;
        Ok(rows.finish()?)
    }

    fn each(
        &self,
        reader: &Reader,
        mut visit: impl FnMut(&StoredReject) -> io::Result<()>,
    ) -> Result<(), CliError> {
        reader.each_reject(|reject| {
            let named = reject.domain.parse::<Domain>();
            if self.domains.is_empty() || named.is_ok_and(|named| self.domains.contains(&named)) {
                visit(&reject)?;
            }
            Ok(())
        })
    }
}

impl ReplayArgs {
    fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|_| {})?;
        let (mut store, reader) = open("rejects replay", &config, context)?;
        let chosen = self.chosen.existing(&reader)?;
        let replayed = ingest::replay(&mut store, &reader, &chosen, last_age(&config), &context.clock)?;
        for warning in &replayed.warnings {
            tracing::warn!("{warning}");
        }
        let out = &mut context.streams.stdout;
        match self.report.format {
            ReportFormat::Human => show(&replayed, *out)?,
            ReportFormat::Json => {
                serde_json::to_writer_pretty(&mut **out, &replayed).map_err(io::Error::from)?;
                writeln!(out)?;
            }
        }
        Ok(if replayed.remaining == 0 {
            ExitStatus::SUCCESS
        } else {
            ExitStatus::PARTIAL
        })
    }
}

impl ChosenArgs {
    fn discard(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|_| {})?;
        let (mut store, reader) = open("rejects discard", &config, context)?;
        let ids = match self.existing(&reader)? {
            Chosen::All => None,
            Chosen::These(ids) => Some(Vec::from_iter(ids)),
        };
        let run = store.begin_run(&NewRun {
            command: "rejects discard".to_owned(),
            started_at: context.now(),
            range: None,
            last_age: last_age(&config),
        })?;
        let discarded = counted(store.discard_rejects(ids.as_deref())?, "reject");
        store.finish_run(
            run,
            &Finish {
                outcome: Outcome::Complete,
                finished_at: context.now(),
                totals: RunTotals::default(),
                failures: "[]".to_owned(),
                conclusions: "[]".to_owned(),
                message: Some(format!("{discarded} discarded")),
                expected: None,
            },
        )?;
        store.confirm(Some(run))?;
        writeln!(context.streams.stdout, "{discarded} discarded")?;
        Ok(ExitStatus::SUCCESS)
    }

    /// The rejects that are meant, each of which is there.
    fn existing(&self, reader: &Reader) -> Result<Chosen, CliError> {
        if self.all {
            return Ok(Chosen::All);
        }
        for &id in &self.ids {
            if reader.reject(id)?.is_none() {
                return Err(CliError::usage(format!(
                    "there is no reject {id}: `jdcdn-stats rejects list` shows those that there are"
                )));
            }
        }
        Ok(Chosen::These(self.ids.iter().copied().collect()))
    }
}

/// The database for writing, and beside that for reading. It must exist: there is nothing to do in a new one.
fn open(command: &str, config: &Config, context: &Context<'_, '_>) -> Result<(Store, Reader), CliError> {
    let reader = Reader::open(&config.database)?;
    let holder = Holder {
        command: command.to_owned(),
        started_at: context.now(),
    };
    Ok((Store::open(&config.database, &holder)?, reader))
}

fn last_age(config: &Config) -> i64 {
    config.refresh.ages.last().copied().unwrap_or(0)
}

fn show(replayed: &Replayed, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(
        out,
        "{} read again: {} stored now, {} stored before, {} remaining",
        counted(replayed.replayed, "reject"),
        replayed.inserted,
        replayed.unchanged,
        replayed.remaining,
    )?;
    if replayed.kept.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let columns = ["id", "domain", "time (UTC+8)", "why it remains"].map(str::to_owned);
    let mut rows = output::writer(Format::Table, &columns, &mut *out)?;
    for kept in &replayed.kept {
        rows.row(&[
            Cell::Integer(kept.id),
            Cell::Text(&kept.domain),
            Cell::Text(&kept.ts.map_or_else(|| "-".to_owned(), civil::cst_second)),
            Cell::Text(&kept.reason),
        ])?;
    }
    rows.finish()?;
    drop(rows);
    let named = to_u64(replayed.kept.len());
    if replayed.remaining > named {
        writeln!(
            out,
            "and {} more: see `jdcdn-stats rejects list`",
            replayed.remaining - named
        )?;
    }
    writeln!(
        out,
        "\nask the API for their time again with `jdcdn-stats backfill --force`, or give them up with \
         `jdcdn-stats rejects discard`"
    )?;
    Ok(())
}
