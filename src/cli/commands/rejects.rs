//! `rejects`: the parts of answers that were not usable (a "dead letter" list).

use std::io::{self, Write};

use clap::{Args, Subcommand};

use crate::cli::options::{FormatArgs, OutputFormat};
use crate::cli::output::json::{JsonWriter, Layout};
use crate::cli::output::{self, Cell, RowWriter as _, TableWriter};
use crate::cli::view::text::counted;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::ingest::{self, Chosen, Replayed};
use crate::model::convert::to_u64;
use crate::model::{Domain, Outcome, RunTotals, UnixSeconds, civil, text};
use crate::store::{Finish, NewRun, Reader, Store, StoredReject};

/// How much of a reject's text the list shows, in characters.
const SHOWN_CHARS: usize = 60;

/// List, replay or discard the points that were rejected
///
/// A point that cannot be read or trusted is rejected: it is not stored, but its text is kept. The next fetch of
/// its window replaces it. A newer version of this program may be able to read it.
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
    /// Read rejects again, without a request, and store the points that are good now
    ///
    /// A point is stored if it can be read, lies in its window, and no other reject claims its 5-minute slot. A
    /// stored point is never replaced. Exit code 3: at least one reject remains.
    Replay(ReplayArgs),
    /// Delete rejects
    Discard(ChosenArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only rejects of this domain; list several after one -d, with commas, or with -d again
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<Domain>,
    /// Show the whole text of each; JSON always does
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    output: FormatArgs,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
    #[command(flatten)]
    output: FormatArgs,
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
    /// Lists, replays or discards rejects.
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
        match self.output.format {
            OutputFormat::Human => self.human(&reader, context)?,
            OutputFormat::Json => self.json(&reader, context)?,
        }
        Ok(ExitStatus::SUCCESS)
    }

    fn human(&self, reader: &Reader, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        let columns = ["id", "domain", "time (UTC+8)", "seen (UTC+8)", "reason", "text"];
        let width = context.streams.width;
        let mut out = context.streams.human();
        let mut rows = TableWriter::plain(columns, &mut out).fitting(width, &["seen (UTC+8)"]);
        let mut count = 0_u64;
        let shown = if self.raw { usize::MAX } else { SHOWN_CHARS };
        self.each(reader, |reject| {
            count += 1;
            rows.row(&[
                reject.id.into(),
                reject.domain.as_str().into(),
                second(reject.ts),
                civil::cst_minute(reject.seen_at).into(),
                reject.reason.as_str().into(),
                text::shorten(&reject.raw, shown).into(),
            ])
        })?;
        rows.finish()?;
        out.flush()?;
        // Not data, so a failure to print it is ignored.
        let err = &mut context.streams.stderr;
        let dropped: u64 = reader.dropped_rejects()?.iter().map(|(_, count)| count).sum();
        if dropped > 0 {
            let dropped = counted(dropped, "older reject");
            let _ = writeln!(err, "({dropped} deleted so far to keep at most `keep.rejects`)");
        }
        if count == 0 {
            let _ = writeln!(err, "(nothing is rejected)");
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
        let mut rows = JsonWriter::new(Layout::Array, &columns, context.streams.stdout)?;
        self.each(reader, |reject| {
            rows.row(&[
                reject.id.into(),
                reject.domain.as_str().into(),
                reject.ts.into(),
                reject.ts.map(civil::cst_rfc3339).into(),
                reject.window.start().into(),
                reject.window.end().into(),
                reject.reason.as_str().into(),
                reject.raw.as_str().into(),
                reject.seen_at.into(),
                reject.run_id.into(),
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
        let replayed = ingest::replay(
            &mut store,
            &reader,
            &chosen,
            config.refresh.last_age(),
            &context.clock,
        )?;
        for warning in &replayed.warnings {
            tracing::warn!("the run warns: {warning}");
        }
        match self.output.format {
            OutputFormat::Human => print_replayed(&replayed, &mut context.streams.human())?,
            OutputFormat::Json => output::pretty_json(&replayed, context.streams.stdout)?,
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
            last_age: config.refresh.last_age(),
        })?;
        let message = format!(
            "{} discarded",
            counted(store.discard_rejects(ids.as_deref())?, "reject")
        );
        // A slot that is empty now may complete its day.
        store.roll_up(|_, _| ())?;
        store.finish_run(
            run,
            &Finish {
                outcome: Outcome::Complete,
                finished_at: context.now(),
                totals: RunTotals::default(),
                failures: "[]".to_owned(),
                conclusions: "[]".to_owned(),
                message: Some(message.clone()),
                expected: None,
                asks_for_all: false,
            },
        )?;
        store.confirm(Some(run))?;
        writeln!(context.streams.human(), "{message}")?;
        Ok(ExitStatus::SUCCESS)
    }

    /// Returns the chosen rejects, all of which exist.
    fn existing(&self, reader: &Reader) -> Result<Chosen, CliError> {
        if self.all {
            return Ok(Chosen::All);
        }
        for &id in &self.ids {
            if reader.reject(id)?.is_none() {
                return Err(CliError::usage(format!(
                    "there is no reject {id}: `jdcdn-stats rejects list` lists them"
                )));
            }
        }
        Ok(Chosen::These(self.ids.iter().copied().collect()))
    }
}

/// Opens the database for writing and for reading. It must exist, because a new one has no rejects.
fn open(command: &str, config: &Config, context: &Context<'_, '_>) -> Result<(Store, Reader), CliError> {
    let reader = Reader::open(&config.database)?;
    Ok((Store::open(&config.database, &context.holder(command))?, reader))
}

fn second(ts: Option<UnixSeconds>) -> Cell<'static> {
    ts.map_or_else(|| "-".to_owned(), civil::cst_second).into()
}

fn print_replayed(replayed: &Replayed, out: &mut dyn Write) -> io::Result<()> {
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
    let rows = replayed.kept.iter().map(|kept| {
        [
            kept.id.into(),
            kept.domain.as_str().into(),
            second(kept.ts),
            kept.reason.as_str().into(),
        ]
    });
    output::table(["id", "domain", "time (UTC+8)", "why it remains"], rows, out)?;
    let named = to_u64(replayed.kept.len());
    if replayed.remaining > named {
        let more = replayed.remaining - named;
        writeln!(out, "and {more} more: see `jdcdn-stats rejects list`")?;
    }
    writeln!(
        out,
        "\nto fetch their time again, run `jdcdn-stats backfill --force`; to delete them, run `jdcdn-stats rejects discard`"
    )
}
