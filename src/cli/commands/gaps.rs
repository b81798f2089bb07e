//! `gaps`: every slot without a point, and why.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::cli::options::{DomainArgs, ReportArgs, ReportFormat};
use crate::cli::output::{self, Cell, Format};
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::span::EVER;
use crate::model::{Gap, GapReason, Span, UnixSeconds, civil, moment};
use crate::store::{DomainGaps, Expected, Reader};

/// List the intervals without points, and why they have none
///
/// Looks for them in the stored points, from the configured start (else from the first slot ever
/// asked for) to the newest slot that is available. All times are UTC+8. The reasons:
///
/// - never asked: no run has asked for it
/// - failed: no usable answer came; the next run asks again
/// - empty: the answer held no point; asked for again at each of `refresh.hole_ages`
/// - rejected: its point could not be taken (see `rejects`); asked for again as if it were empty
/// - beyond retention: the API no longer serves it
///
/// Of a domain that is in the database but neither configured nor named with -d, only holes in
/// what was asked for are listed.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "Examples:
  jdcdn-stats gaps
  jdcdn-stats gaps -d www.a.com --from 2026-01 --to 2026-02
  jdcdn-stats gaps --format json"
)]
pub struct GapsArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// Start of the range; forms as in `backfill`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// End of the range (exclusive)
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    report: ReportArgs,
}

impl GapsArgs {
    /// Prints the gaps.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|overrides| self.domains.add_to(overrides))?;
        let now = context.now();
        let time = |flag: &str, given: &Option<String>| {
            let read = given.as_deref().map(|given| moment::parse_moment(given, now));
            read.transpose()
                .map_err(|error| CliError::usage(format!("{flag}: {error}")))
        };
        let (from, to) = (time("--from", &self.from)?, time("--to", &self.to)?);
        let within = Span::new(from.unwrap_or(EVER.start()), to.unwrap_or(EVER.end()))
            .ok_or_else(|| CliError::usage("the range is empty: --to must be later than --from"))?;
        let reader = Reader::open(&config.database)?;
        let mut expected = expected(&config, now);
        expected.from = from.or(expected.from);
        let names = domain_names(&config, &reader, self.domains.domains.is_empty())?;
        let find = |name: &String| reader.find_gaps(name, &expected, within);
        let out = &mut context.streams.stdout;
        match self.report.format {
            ReportFormat::Human => human(&names, find, *out)?,
            ReportFormat::Json => json(&names, find, *out)?,
        }
        Ok(ExitStatus::SUCCESS)
    }
}

/// What is to be complete as of `now`: the configured domains, or those that the command line names.
pub(super) fn expected(config: &Config, now: UnixSeconds) -> Expected {
    let refresh = &config.refresh;
    Expected {
        domains: config.selected_domains.clone(),
        from: config.start,
        until: refresh.horizon(now),
    }
}

/// The configured or named domains, and with `all` every domain of the database beside them, in order.
pub(super) fn domain_names(config: &Config, reader: &Reader, all: bool) -> Result<Vec<String>, CliError> {
    let mut names: Vec<String> = config.selected_domains.iter().map(ToString::to_string).collect();
    if all {
        names.extend(reader.domains()?);
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Slots by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Slots {
    pub(super) never_asked: i64,
    pub(super) failed: i64,
    pub(super) empty: i64,
    pub(super) rejected: i64,
    pub(super) beyond_retention: i64,
}

impl Slots {
    pub(super) fn of(gaps: &[Gap]) -> Self {
        let mut slots = Self::default();
        for gap in gaps {
            *match gap.reason {
                GapReason::NeverAsked => &mut slots.never_asked,
                GapReason::Failed => &mut slots.failed,
                GapReason::Empty => &mut slots.empty,
                GapReason::Rejected => &mut slots.rejected,
                GapReason::BeyondRetention => &mut slots.beyond_retention,
            } += gap.span.slots();
        }
        slots
    }

    fn add(&mut self, other: &Self) {
        self.never_asked += other.never_asked;
        self.failed += other.failed;
        self.empty += other.empty;
        self.rejected += other.rejected;
        self.beyond_retention += other.beyond_retention;
    }
}

fn human<E>(
    names: &[String],
    find: impl Fn(&String) -> Result<DomainGaps, E>,
    out: &mut dyn Write,
) -> Result<(), CliError>
where
    CliError: From<E>,
{
    let mut found = names
        .iter()
        .map(|name| find(name).map(|found| (name, found.gaps)))
        .filter(|found| !found.as_ref().is_ok_and(|(_, gaps)| gaps.is_empty()));
    let Some(first) = found.next() else {
        writeln!(out, "no gaps")?;
        return Ok(());
    };
    let columns = ["domain", "from", "to", "slots", "reason"].map(str::to_owned);
    let mut table = output::writer(Format::Table, &columns, out)?;
    let mut sums = Vec::new();
    for domain in std::iter::once(first).chain(found) {
        let (name, gaps) = domain?;
        for gap in &gaps {
            table.row(&[
                Cell::Text(name),
                Cell::Text(&civil::cst_minute(gap.span.start())),
                Cell::Text(&civil::cst_minute(gap.span.end())),
                Cell::Integer(gap.span.slots()),
                Cell::Text(&gap.reason.as_str().replace('_', " ")),
            ])?;
        }
        sums.push((name.as_str(), Slots::of(&gaps)));
    }
    table.finish()?;
    drop(table);
    let mut total = Slots::default();
    for (_, slots) in &sums {
        total.add(slots);
    }
    writeln!(out, "\nslots without a point, by reason:\n")?;
    let columns = [
        "domain",
        "never asked",
        "failed",
        "empty",
        "rejected",
        "beyond retention",
    ]
    .map(str::to_owned);
    let mut table = output::writer(Format::Table, &columns, out)?;
    for (name, slots) in sums.into_iter().chain([("total", total)]) {
        table.row(&[
            Cell::Text(name),
            Cell::Integer(slots.never_asked),
            Cell::Integer(slots.failed),
            Cell::Integer(slots.empty),
            Cell::Integer(slots.rejected),
            Cell::Integer(slots.beyond_retention),
        ])?;
    }
    table.finish()?;
    Ok(())
}

#[derive(Debug, Serialize)]
struct DomainJson<'a> {
    domain: &'a str,
    from: Option<String>,
    to: Option<String>,
    slots: Slots,
    gaps: Vec<GapJson>,
}

#[derive(Debug, Serialize)]
struct GapJson {
    from: String,
    to: String,
    slots: i64,
    reason: GapReason,
    confirmed: bool,
}

/// Written domain by domain: all gaps of an account may not fit into memory.
fn json<E>(
    names: &[String],
    find: impl Fn(&String) -> Result<DomainGaps, E>,
    out: &mut dyn Write,
) -> Result<(), CliError>
where
    CliError: From<E>,
{
    let mut total = Slots::default();
    write!(out, "{{\"domains\":[")?;
    for (at, name) in names.iter().enumerate() {
        let found = find(name)?;
        let slots = Slots::of(&found.gaps);
        total.add(&slots);
        let gaps = found.gaps.iter().map(|gap| GapJson {
            from: civil::cst_rfc3339(gap.span.start()),
            to: civil::cst_rfc3339(gap.span.end()),
            slots: gap.span.slots(),
            reason: gap.reason,
            confirmed: gap.confirmed,
        });
        let domain = DomainJson {
            domain: name,
            from: found.range.map(|range| civil::cst_rfc3339(range.start())),
            to: found.range.map(|range| civil::cst_rfc3339(range.end())),
            slots,
            gaps: gaps.collect(),
        };
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &domain).map_err(std::io::Error::from)?;
    }
    let total = serde_json::to_string(&total).map_err(std::io::Error::from)?;
    writeln!(out, "],\n\"total\":{total}}}")?;
    Ok(())
}
