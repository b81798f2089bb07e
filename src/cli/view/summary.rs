//! The summary of a run.

use std::io::{self, Write};
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};

use crate::api::CLOCK_ADVICE;
use crate::cli::ExitStatus;
use crate::cli::options::OutputFormat;
use crate::cli::output;
use crate::cli::view::conclusions;
use crate::cli::view::text::{self, counted, domain_list};
use crate::ingest::{Stop, Summary};
use crate::model::{DataSource, Outcome, civil};

/// Returns how a process ends after such a run.
#[must_use]
pub fn exit_status(summary: &Summary) -> ExitStatus {
    match (&summary.stop, summary.outcome) {
        (Some(Stop::Signal(signal)), _) => ExitStatus::from(*signal),
        (Some(Stop::Configuration(_) | Stop::OtherSource { .. }), _) => ExitStatus::USAGE,
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
    format: OutputFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        OutputFormat::Json => output::pretty_json(summary, out),
        OutputFormat::Human => human(summary, command, database, out),
    }
}

fn human(summary: &Summary, command: &str, database: &Path, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{command} {}: {}, {} (UTC+8)\n",
        summary.outcome.as_str(),
        counted(summary.domains, "domain"),
        summary.range
    )?;
    let mut lines = counters(summary);
    let run = format!("{}, run {}", text::path(database), summary.run_id);
    lines.push(("database", run));
    lines.extend(notes(summary));
    for (label, line) in lines {
        writeln!(out, "  {label:<9} {line}")?;
    }
    failures(summary, out)?;
    next_steps(summary)
        .iter()
        .try_for_each(|help| writeln!(out, "help: {help}"))
}

/// Returns the counters of the run, one line a subject.
fn counters(summary: &Summary) -> Vec<(&'static str, String)> {
    let totals = &summary.totals;
    let count = HumanCount;
    let mut lines = vec![windows(summary)];
    if totals.requests == 0 {
        return lines;
    }
    if totals.slots_asked > 0 || totals.slots_failed > 0 {
        let confirmed = match totals.slots_empty {
            0 => String::new(),
            _ => format!(" ({} confirmed)", count(totals.holes_confirmed)),
        };
        let line = format!(
            "{} asked, {} empty{confirmed}, {} rejected, {} failed",
            count(totals.slots_asked),
            count(totals.slots_empty),
            count(totals.slots_rejected),
            count(totals.slots_failed)
        );
        lines.push(("slots", line));
    }
    let surplus = match totals.points_surplus {
        0 => String::new(),
        surplus => format!("; {} surplus", count(surplus)),
    };
    let line = format!(
        "{} received: {} new, {} changed, {} unchanged, {} rejected{surplus}",
        count(totals.points_received),
        count(totals.points_inserted),
        count(totals.points_updated),
        count(totals.points_unchanged),
        count(totals.points_rejected),
    );
    lines.push(("points", line));
    lines.push(("requests", requests(summary)));
    lines
}

fn windows(summary: &Summary) -> (&'static str, String) {
    let totals = &summary.totals;
    if totals.windows_planned == 0 {
        let line = match (totals.requests, summary.failures.is_empty()) {
            (0, true) => {
                "nothing was due: all of it is stored and settled, or not available yet; no request was made"
            }
            (0, false) => "no request was made: the API refused what is due, and it is not time to ask again",
            _ => {
                "nothing new was due; empty slots, or slots marked as no longer served, were asked for again"
            }
        };
        return ("windows", line.to_owned());
    }
    let skipped = skipped(summary);
    let [fetched, planned] = [totals.windows_fetched, totals.windows_planned].map(HumanCount);
    let parts = [
        (totals.windows_failed, "failed"),
        (totals.windows_skipped, skipped),
    ]
    .into_iter();
    let parts = parts.filter(|(number, _)| *number > 0);
    let parts: Vec<_> = parts
        .map(|(number, what)| format!(", {} {what}", HumanCount(number)))
        .collect();
    let line = format!("{fetched} of {planned} fetched{}", parts.concat());
    ("windows", line)
}

/// Returns why planned windows were not asked for.
fn skipped(summary: &Summary) -> &'static str {
    let is_refused = summary.failures.named().iter().any(|failed| failed.is_refusal);
    match (&summary.stop, is_refused, summary.beyond_before) {
        (Some(_), false, None) => "not reached",
        (Some(_), true, None) => "refused or not reached",
        (Some(_), _, Some(_)) => "no longer served or not reached",
        (None, false, Some(_)) => "no longer served",
        (None, true, Some(_)) => "refused or no longer served",
        (None, true, None) => "of refused domains",
        (None, false, None) => "skipped",
    }
}

fn requests(summary: &Summary) -> String {
    let totals = &summary.totals;
    let mut repeated = Vec::new();
    if totals.retries > 0 {
        let noun = if totals.retries == 1 { "retry" } else { "retries" };
        repeated.push(format!("{} {noun}", HumanCount(totals.retries)));
    }
    if totals.confirmations > 0 {
        repeated.push(counted(totals.confirmations, "confirmation"));
    }
    let repeated = if repeated.is_empty() {
        String::new()
    } else {
        format!(" ({})", repeated.join(", "))
    };
    format!(
        "{}{repeated}; {} in {:.1} s",
        HumanCount(totals.requests),
        HumanBytes(totals.bytes),
        summary.elapsed.as_secs_f64(),
    )
}

/// Returns what a person should know besides the counters.
fn notes(summary: &Summary) -> Vec<(&'static str, String)> {
    let totals = &summary.totals;
    let mut notes = Vec::new();
    if let Some(cut) = summary.cut_at {
        let cut = civil::cst_minute(cut);
        notes.push((
            "note",
            format!("the range ends at {cut}: newer slots are not available yet"),
        ));
    }
    if let Some(edge) = summary.beyond_before {
        let edge = civil::cst_minute(edge);
        notes.push((
            "note",
            format!("the API no longer serves anything before {edge}; those slots are marked and skipped"),
        ));
    }
    let concluded = conclusions::lines(&summary.conclusions).into_iter();
    notes.extend(concluded.map(|(_, line)| ("concluded", line)));
    if summary.conclusions.unnamed() > 0 {
        let more = HumanCount(summary.conclusions.unnamed());
        notes.push(("concluded", format!("and {more} more, not listed")));
    }
    if totals.points_rejected > 0 {
        let where_to_look = "rejected points are in origin_rejects, with the reason and the original text";
        notes.push(("note", where_to_look.to_owned()));
    }
    if totals.points_odd_codes > 0 {
        let points = counted(totals.points_odd_codes, "point");
        notes.push((
            "note",
            format!("{points} with status codes that do not add up to the requests; stored as reported"),
        ));
    }
    if totals.points_left_out > 0 {
        let points = counted(totals.points_left_out, "stored point");
        notes.push(("note", format!("{points} missing from the new answers; kept")));
    }
    notes.extend(summary.warnings.iter().map(|line| ("warning", line.clone())));
    notes
}

fn failures(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.failures.is_empty() {
        return Ok(());
    }
    let named = summary.failures.named();
    writeln!(out, "\nnot stored:")?;
    for failed in named {
        let span = failed.span.unwrap_or(summary.range);
        writeln!(
            out,
            "  {}, {span}\n    {}",
            domain_list(&failed.domains),
            failed.error
        )?;
    }
    if summary.failures.unnamed() > 0 {
        writeln!(out, "  and {} more", HumanCount(summary.failures.unnamed()))?;
    }
    Ok(())
}

/// Returns what to do after a run that did not store everything. No line contradicts another.
fn next_steps(summary: &Summary) -> Vec<String> {
    let mut steps = advice(summary);
    let refused = summary.stop.as_ref().and_then(Stop::denial).is_some();
    if refused && summary.totals.windows_fetched > 0 {
        let help = "the API answered in this run before it refused: run the same command again later, what is stored \
                    is not asked for again";
        let if_it_lasts = steps
            .into_iter()
            .map(|step| format!("if it still refuses: {step}"));
        steps = std::iter::once(help.to_owned()).chain(if_it_lasts).collect();
    }
    match &summary.stop {
        Some(stop @ Stop::Credentials { clock, .. }) => match stop.explaining_clock() {
            Some(ahead) => {
                let side = if ahead > 0 { "ahead of" } else { "behind" };
                let seconds = ahead.unsigned_abs();
                steps.push(format!(
                    "this machine's clock is {seconds} s {side} the API's; set it first"
                ));
            }
            None => steps.extend(clock.map(|clock| {
                let agrees = if clock.is_large() { "shows the same date as" } else { "agrees with" };
                format!("this machine's clock {agrees} the API's, so the clock is not the cause")
            })),
        },
        Some(Stop::Outage) => steps.push(
            "too many requests failed, so the run ended early; run the same command again later, what is stored is not \
             asked for again"
                .to_owned(),
        ),
        Some(Stop::Signal(_)) => steps.push(
            "run the same command again to go on; what is stored is not asked for again".to_owned(),
        ),
        None if summary.outcome == Outcome::Partial && can_be_fetched(summary) => {
            steps.push("run the same command again to fetch only what is missing".to_owned());
        }
        Some(Stop::OtherSource { answers }) => steps.push(own_database(*answers).to_owned()),
        Some(Stop::Configuration(_) | Stop::Storage | Stop::Defect) | None => {}
    }
    steps
}

/// Returns the advice that comes with the failures, each once.
fn advice(summary: &Summary) -> Vec<String> {
    let knows_clock_is_right = matches!(
        &summary.stop,
        Some(stop @ Stop::Credentials { clock: Some(_), .. }) if stop.explaining_clock().is_none()
    );
    let named = summary.failures.named().iter();
    let helps = named.filter_map(|failed| failed.help.as_deref());
    let mut helps: Vec<String> = helps
        .map(|help| {
            if knows_clock_is_right {
                help.replace(CLOCK_ADVICE, "")
            } else {
                help.to_owned()
            }
        })
        .collect();
    helps.sort_unstable();
    helps.dedup();
    helps
}

/// Whether the same command, run again now, could store more. What the API refuses is not asked for again before its
/// time, or is refused once more.
fn can_be_fetched(summary: &Summary) -> bool {
    let failures = &summary.failures;
    failures.unnamed() > 0 || failures.named().iter().any(|failed| !failed.is_refusal)
}

/// Returns what to do about answers that must not be mixed with those in the database.
fn own_database(answers: DataSource) -> &'static str {
    match answers {
        DataSource::Simulator => {
            "the simulator answers, and the database holds figures of the API, so this answer was not stored; use another \
             database for the simulator (`--db`), or set `endpoint` (JDCDN_ENDPOINT) to the address of the API"
        }
        DataSource::Api => {
            "the API answers, and the database holds invented figures of the simulator, so this answer was not stored; use \
             another database for the account (`--db`)"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ingest::decide::Conclusions;
    use crate::ingest::summary::Failures;
    use crate::model::{RunTotals, Span};

    fn shown(totals: RunTotals, beyond_before: Option<i64>) -> Vec<String> {
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
        let lines = shown(totals, Some(300));
        assert_eq!(
            lines.get(..4).unwrap(),
            [
                "  windows   2 of 3 fetched, 1 no longer served",
                "  slots     1,152 asked, 12 empty (10 confirmed), 0 rejected, 0 failed",
                "  points    0 received: 0 new, 0 changed, 0 unchanged, 0 rejected; 7 surplus",
                "  requests  9 (1 retry, 5 confirmations); 0 B in 1.2 s",
            ]
        );
    }

    #[test]
    fn a_run_that_only_asked_for_holes_says_that_it_made_requests() {
        let holes = RunTotals {
            requests: 1,
            confirmations: 1,
            ..RunTotals::default()
        };
        assert!(shown(holes, None).concat().contains("nothing new was due"));
        assert!(
            shown(RunTotals::default(), None)
                .concat()
                .contains("no request was made")
        );
    }
}
