//! Tells what came of a run.

use std::io::{self, Write};
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};

use crate::cli::ExitStatus;
use crate::cli::options::ReportFormat;
use crate::cli::view::conclusions;
use crate::cli::view::text::{counted, domain_list};
use crate::ingest::{Stop, Summary};
use crate::model::{Outcome, civil, text};

/// How a process ends after such a run.
#[must_use]
pub fn exit_status(summary: &Summary) -> ExitStatus {
    match (&summary.stop, summary.outcome) {
        (Some(Stop::Signal(signal)), _) => ExitStatus::from(*signal),
        (Some(Stop::Configuration(_)), _) => ExitStatus::USAGE,
        (_, Outcome::Complete) => ExitStatus::SUCCESS,
        (_, Outcome::Partial) => ExitStatus::PARTIAL,
        (_, Outcome::Refused) => ExitStatus::REFUSED,
        (_, Outcome::Failed | Outcome::Stopped) => ExitStatus::FAILED,
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
    windows(summary, out)?;
    if totals.requests > 0 {
        slots(summary, out)?;
        write!(
            out,
            "  points    {} received: {} new, {} changed, {} unchanged, {} rejected",
            count(totals.points_received),
            count(totals.points_inserted),
            count(totals.points_updated),
            count(totals.points_unchanged),
            count(totals.points_rejected),
        )?;
        if totals.points_surplus > 0 {
            write!(out, "; {} surplus", count(totals.points_surplus))?;
        }
        writeln!(out)?;
        requests(summary, out)?;
    }
    let database = text::printable(&database.display().to_string());
    writeln!(out, "  database  {database}, run {}", summary.run_id)?;
    notes(summary, out)?;
    failures(summary, out)?;
    how_to_go_on(summary, out)
}

fn windows(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let totals = &summary.totals;
    if totals.windows_planned == 0 {
        let what = match (totals.requests, summary.failures.is_empty()) {
            (0, true) => {
                "nothing was due: all of it is stored and settled, or not available yet; no request was made"
            }
            (0, false) => "no request was made: the API refused what is due, and it is not time to ask again",
            _ => {
                "nothing new was due; slots without a point, or marked as no longer served, were asked for again"
            }
        };
        return writeln!(out, "  {what}");
    }
    write!(
        out,
        "  windows   {} of {} fetched",
        HumanCount(totals.windows_fetched),
        HumanCount(totals.windows_planned)
    )?;
    for (number, what) in [
        (totals.windows_failed, "failed"),
        (totals.windows_skipped, why_skipped(summary)),
    ] {
        if number > 0 {
            write!(out, ", {} {what}", HumanCount(number))?;
        }
    }
    writeln!(out)
}

/// What a window is called that was neither fetched nor failed.
fn why_skipped(summary: &Summary) -> &'static str {
    if summary.stop.is_some() {
        "not reached"
    } else if summary.beyond_before.is_some() {
        "no longer served"
    } else {
        "skipped"
    }
}

/// The slots of all domains in the answers, and what the answers said of them.
fn slots(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let totals = &summary.totals;
    if totals.slots_asked == 0 && totals.slots_failed == 0 {
        return Ok(());
    }
    write!(
        out,
        "  slots     {} asked, {} empty",
        HumanCount(totals.slots_asked),
        HumanCount(totals.slots_empty)
    )?;
    if totals.slots_empty > 0 {
        write!(out, " ({} confirmed)", HumanCount(totals.holes_confirmed))?;
    }
    writeln!(
        out,
        ", {} rejected, {} failed",
        HumanCount(totals.slots_rejected),
        HumanCount(totals.slots_failed)
    )
}

fn requests(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let totals = &summary.totals;
    let mut of_which = Vec::new();
    if totals.retries > 0 {
        let noun = if totals.retries == 1 { "retry" } else { "retries" };
        of_which.push(format!("{} {noun}", HumanCount(totals.retries)));
    }
    if totals.confirmations > 0 {
        of_which.push(counted(totals.confirmations, "confirmation"));
    }
    let of_which = if of_which.is_empty() {
        String::new()
    } else {
        format!(", of which {}", of_which.join(", "))
    };
    writeln!(
        out,
        "  requests  {}{of_which}; {} in {:.1} s",
        HumanCount(totals.requests),
        HumanBytes(totals.bytes),
        summary.elapsed.as_secs_f64(),
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
    for (_, line) in conclusions::lines(&summary.conclusions) {
        writeln!(out, "  concluded {line}")?;
    }
    if summary.conclusions.unnamed() > 0 {
        writeln!(
            out,
            "  concluded {} more, which are counted only",
            HumanCount(summary.conclusions.unnamed())
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

fn how_to_go_on(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.totals.windows_fetched > 0 && summary.stop.as_ref().and_then(Stop::denial).is_some() {
        writeln!(
            out,
            "help: the API answered in this run before it refused; run the same command again later, what is stored is not asked for again"
        )?;
    }
    match &summary.stop {
        Some(stop @ Stop::Credentials { clock_ahead, .. }) => match stop.explaining_clock() {
            Some(ahead) => {
                let side = if ahead > 0 { "ahead of" } else { "behind" };
                writeln!(
                    out,
                    "help: this machine's clock is {} s {side} the API's; set it first",
                    ahead.abs()
                )
            }
            None if clock_ahead.is_some() => writeln!(
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
        Some(Stop::Configuration(_) | Stop::Storage | Stop::Defect) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ingest::decide::Conclusions;
    use crate::ingest::summary::Failures;
    use crate::model::{RunTotals, Span};

    fn lines(totals: RunTotals, beyond_before: Option<i64>) -> Vec<String> {
        let summary = Summary {
            run_id: 1,
            outcome: Outcome::Complete,
            range: Span::new(0, 86_400).unwrap(),
            cut_at: None,
            domains: 2,
            totals,
            elapsed: Duration::from_millis(1_200),
            failures: Failures::default(),
            conclusions: Conclusions::default(),
            stop: None,
            beyond_before,
            warnings: Vec::new(),
            stale_days: 0,
        };
        let mut out = Vec::new();
        human(&summary, "backfill", Path::new("x.db"), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().skip(2).map(str::to_owned).collect()
    }

    #[test]
    fn slots_without_a_point_and_extra_requests_are_counted_in_lines_of_their_own() {
        let totals = RunTotals {
            windows_planned: 3,
            windows_fetched: 2,
            windows_skipped: 1,
            slots_asked: 1_152,
            slots_empty: 12,
            holes_confirmed: 10,
            points_surplus: 7,
            requests: 9,
            retries: 1,
            confirmations: 5,
            ..RunTotals::default()
        };
        let told = lines(totals, Some(300));
        assert_eq!(
            told.get(..4).unwrap(),
            [
                "  windows   2 of 3 fetched, 1 no longer served",
                "  slots     1,152 asked, 12 empty (10 confirmed), 0 rejected, 0 failed",
                "  points    0 received: 0 new, 0 changed, 0 unchanged, 0 rejected; 7 surplus",
                "  requests  9, of which 1 retry, 5 confirmations; 0 B in 1.2 s",
            ]
        );
    }

    #[test]
    fn a_run_that_only_asked_for_holes_does_not_say_that_it_asked_nothing() {
        let holes = RunTotals {
            requests: 1,
            confirmations: 1,
            ..RunTotals::default()
        };
        assert!(lines(holes, None).concat().contains("nothing new was due"));
        assert!(
            lines(RunTotals::default(), None)
                .concat()
                .contains("no request was made")
        );
    }
}
