//! Tells what came of a run.

use std::io::{self, Write};
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};

use super::args::ReportFormat;
use super::exit::ExitStatus;
use crate::ingest::{Signal, Stop, Summary};
use crate::model::{Domain, Outcome, civil, text};

/// A clock that is further off than this is worth a word.
const NOTABLE_SKEW: i64 = 5 * 60;
/// How many domains a failure lists by name on its line.
const NAMED_DOMAINS: usize = 4;

/// How a process ends after such a run.
#[must_use]
pub fn exit_status(summary: &Summary) -> ExitStatus {
    match (&summary.stop, summary.outcome) {
        (Some(Stop::Signal(signal)), _) => signal_status(*signal),
        (Some(Stop::Configuration(_)), _) => ExitStatus::USAGE,
        (_, Outcome::Complete) => ExitStatus::SUCCESS,
        (_, Outcome::Partial) => ExitStatus::PARTIAL,
        (_, Outcome::Refused) => ExitStatus::REFUSED,
        (_, Outcome::Failed | Outcome::Stopped) => ExitStatus::FAILED,
    }
}

/// How a process ends that a signal stopped.
#[must_use]
pub fn signal_status(signal: Signal) -> ExitStatus {
    match signal {
        Signal::Interrupt => ExitStatus::INTERRUPTED,
        Signal::Terminate => ExitStatus::TERMINATED,
    }
}

/// Prints the summary of a run of `command` into `database`.
pub fn print(
    summary: &Summary,
    command: &str,
    database: &Path,
    format: ReportFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        ReportFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, summary)?;
            writeln!(out)
        }
        ReportFormat::Human => human(summary, command, database, out),
    }
}

fn human(summary: &Summary, command: &str, database: &Path, out: &mut dyn Write) -> io::Result<()> {
    let totals = &summary.totals;
    let count = HumanCount;
    let domains = if summary.domains == 1 {
        "1 domain".to_owned()
    } else {
        format!("{} domains", summary.domains)
    };
    writeln!(
        out,
        "{command} {}: {domains}, {} (UTC+8)",
        summary.outcome.as_str(),
        summary.range
    )?;
    writeln!(out)?;
    if totals.windows_planned == 0 {
        writeln!(
            out,
            "  nothing was due: all of it is stored and settled, or not available yet; no request was made"
        )?;
    } else {
        write!(
            out,
            "  windows   {} of {} fetched",
            count(totals.windows_fetched),
            count(totals.windows_planned)
        )?;
        for (number, what) in [
            (totals.windows_failed, "failed"),
            (totals.windows_skipped, "not asked for"),
        ] {
            if number > 0 {
                write!(out, ", {} {what}", count(number))?;
            }
        }
        writeln!(out)?;
        writeln!(
            out,
            "  points    {} received: {} new, {} changed, {} unchanged, {} rejected",
            count(totals.points_received),
            count(totals.points_inserted),
            count(totals.points_updated),
            count(totals.points_unchanged),
            count(totals.points_rejected),
        )?;
        writeln!(
            out,
            "  requests  {}, of which {} repeated a failed one; {} in {:.1} s",
            count(totals.requests),
            count(totals.retries),
            HumanBytes(totals.bytes),
            summary.elapsed.as_secs_f64(),
        )?;
    }
    let database = text::printable(&database.display().to_string());
    writeln!(out, "  database  {database}, run {}", summary.run_id)?;
    notes(summary, out)?;
    failures(summary, out)?;
    how_to_go_on(summary, out)
}

/// `1 domain`, `2 domains`, `1,000 domains`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        HumanCount(count),
        if count == 1 { "" } else { "s" }
    )
}

/// What a person should know beside the numbers.
fn notes(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if let Some(cut) = summary.cut_at {
        writeln!(
            out,
            "  note      the range ends at {}: newer slots are not available yet",
            civil::cst_minute(cut)
        )?;
    }
    if let Some(edge) = summary.beyond_before {
        writeln!(
            out,
            "  note      the API no longer serves anything before {}; that part is marked and not asked for again",
            civil::cst_minute(edge)
        )?;
    }
    if summary.totals.points_rejected > 0 {
        writeln!(
            out,
            "  note      rejected points are in origin_rejects, each with its reason and its text"
        )?;
    }
    if summary.totals.points_odd_codes > 0 {
        writeln!(
            out,
            "  note      of {} points the status codes do not add up to the requests; stored as reported",
            HumanCount(summary.totals.points_odd_codes)
        )?;
    }
    if summary.totals.points_left_out > 0 {
        writeln!(
            out,
            "  note      the answers left out {} stored before; what is stored stays as it was",
            counted(summary.totals.points_left_out, "point")
        )?;
    }
    summary
        .warnings
        .iter()
        .try_for_each(|warning| writeln!(out, "  warning   {warning}"))
}

fn failures(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.failures.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nnot stored:")?;
    for failed in summary.failures.named() {
        let span = failed.span.unwrap_or(summary.range);
        writeln!(out, "  {}, {span}", domain_list(&failed.domains))?;
        writeln!(out, "    {}", failed.error)?;
    }
    if summary.failures.unnamed() > 0 {
        writeln!(out, "  and {} more", HumanCount(summary.failures.unnamed()))?;
    }
    let mut helps: Vec<&str> = summary
        .failures
        .named()
        .iter()
        .filter_map(|failed| failed.help.as_deref())
        .collect();
    helps.sort_unstable();
    helps.dedup();
    helps.iter().try_for_each(|help| writeln!(out, "help: {help}"))
}

/// The domains by name, or the first few and how many more. A refused domain always stands alone and is
/// always named.
pub(super) fn domain_list(domains: &[Domain]) -> String {
    let named: Vec<&str> = domains.iter().take(NAMED_DOMAINS).map(Domain::as_str).collect();
    match domains.len().saturating_sub(NAMED_DOMAINS) {
        0 if named.is_empty() => "some domains".to_owned(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn how_to_go_on(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    match &summary.stop {
        Some(Stop::Credentials { clock_ahead, .. }) => match clock_ahead {
            Some(ahead) if ahead.abs() > NOTABLE_SKEW => {
                let side = if *ahead > 0 { "ahead of" } else { "behind" };
                writeln!(
                    out,
                    "help: this machine's clock is {} s {side} the API's; set it first",
                    ahead.abs()
                )
            }
            Some(_) => writeln!(
                out,
                "help: this machine's clock agrees with the API's, so it is not the clock"
            ),
            None => Ok(()),
        },
        Some(Stop::Outage) => writeln!(
            out,
            "help: too many requests failed, so the run ended early; run the same command again later, what is stored is not asked for again"
        ),
        Some(Stop::Signal(_)) => {
            writeln!(
                out,
                "help: run the same command again to go on; what is stored is not asked for again"
            )
        }
        None if summary.outcome == Outcome::Partial && !summary.failures.is_empty() => {
            writeln!(
                out,
                "help: run the same command again to try only what is missing"
            )
        }
        Some(Stop::Configuration(_) | Stop::Storage) | None => Ok(()),
    }
}
