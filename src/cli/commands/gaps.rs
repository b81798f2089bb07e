//! `gaps`: every slot without a point, and why.

use std::io::Write;

use clap::Args;
use serde::ser::{Serialize, Serializer};

use crate::cli::options::{DomainArgs, FormatArgs, OpenRangeArgs, OutputFormat};
use crate::cli::output::table::Style;
use crate::cli::output::{Cell, RowWriter as _, TableWriter};
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::span::EVER;
use crate::model::{Gap, GapReason, Span, UnixSeconds, civil};
use crate::store::{DomainGaps, Expected, Reader};

/// List the intervals without points, and why they have none
///
/// Compares the stored points with the range from the configured start (else from the first
/// slot ever asked for) to the newest available slot. All times are UTC+8. The reasons:
///
/// - never asked: no run has asked for it
/// - failed: no usable answer came; the next run asks again
/// - empty: the answer held no point; asked for again at each of `refresh.hole_ages`
/// - rejected: its point was not usable (see `rejects`); asked for again like an empty slot
/// - beyond retention: the API no longer serves it
///
/// A domain in the database that is neither configured nor named with -d has no
/// `never asked` gaps.
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
    #[command(flatten)]
    range: OpenRangeArgs,
    #[command(flatten)]
    output: FormatArgs,
}

impl GapsArgs {
    /// Prints the gaps.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|overrides| self.domains.add_to(overrides))?;
        let (from, to) = self.range.ends(context.now())?;
        let within = Span::new(from.unwrap_or(EVER.start()), to.unwrap_or(EVER.end()))
            .ok_or_else(|| CliError::usage("the range lies beyond the end of time"))?;
        let reader = Reader::open(&config.database)?;
        let mut expected = expected(&config, context.now());
        expected.from = from.or(expected.from);
        let names = domain_names(&config, &reader, self.domains.domains.is_empty())?;
        let find = |name: &str| Ok(reader.find_gaps(name, &expected, within)?);
        match self.output.format {
            OutputFormat::Human => human(&names, find, context.streams.stdout)?,
            OutputFormat::Json => json(&names, find, context.streams.stdout)?,
        }
        Ok(ExitStatus::SUCCESS)
    }
}

/// Returns what must be complete as of `now`: the configured domains, or those that the command line names.
pub(super) fn expected(config: &Config, now: UnixSeconds) -> Expected {
    Expected {
        domains: config.selected_domains.clone(),
        from: config.start,
        until: config.refresh.horizon(now),
    }
}

/// Returns the configured or named domains in order, with `all` also every domain of the database.
pub(super) fn domain_names(config: &Config, reader: &Reader, all: bool) -> Result<Vec<String>, CliError> {
    let mut names: Vec<String> = config.selected_domains.iter().map(ToString::to_string).collect();
    if all {
        names.extend(reader.domains()?);
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The number of slots without a point for each reason, in the order of [`GapReason::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SlotsByReason([i64; GapReason::ALL.len()]);

impl SlotsByReason {
    pub(super) fn of<'g>(gaps: impl IntoIterator<Item = &'g Gap>) -> Self {
        let mut slots = Self::default();
        for gap in gaps {
            for (sum, reason) in slots.0.iter_mut().zip(GapReason::ALL) {
                if reason == gap.reason {
                    *sum += gap.span.slots();
                }
            }
        }
        slots
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (GapReason, i64)> {
        GapReason::ALL.into_iter().zip(self.0)
    }

    fn add(&mut self, other: Self) {
        for (sum, slots) in self.0.iter_mut().zip(other.0) {
            *sum += slots;
        }
    }
}

impl Serialize for SlotsByReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(reason, slots)| (reason.as_str(), slots)))
    }
}

/// Returns a reason in words.
pub(super) fn in_words(reason: GapReason) -> String {
    reason.as_str().replace('_', " ")
}

fn human(
    names: &[String],
    find: impl Fn(&str) -> Result<DomainGaps, CliError>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut sums: Vec<(&str, SlotsByReason)> = Vec::new();
    let mut table = TableWriter::plain(["domain", "from", "to", "slots", "reason"], &mut *out);
    for name in names {
        let gaps = find(name)?.gaps;
        for gap in &gaps {
            table.row(&[
                Cell::from(&**name),
                civil::cst_minute(gap.span.start()).into(),
                civil::cst_minute(gap.span.end()).into(),
                gap.span.slots().into(),
                in_words(gap.reason).into(),
            ])?;
        }
        if !gaps.is_empty() {
            sums.push((name, SlotsByReason::of(&gaps)));
        }
    }
    if sums.is_empty() {
        writeln!(out, "no gaps")?;
        return Ok(());
    }
    table.finish()?;
    let mut total = SlotsByReason::default();
    for (_, slots) in &sums {
        total.add(*slots);
    }
    sums.push(("total", total));
    writeln!(out, "\nslots without a point, by reason:\n")?;
    let mut columns = vec!["domain".to_owned()];
    columns.extend(GapReason::ALL.map(in_words));
    let mut table = TableWriter::new(Style::Plain, &columns, out);
    for (name, SlotsByReason(slots)) in sums {
        let mut row = vec![Cell::from(name)];
        row.extend(slots.map(Cell::from));
        table.row(&row)?;
    }
    Ok(table.finish()?)
}

#[derive(Debug, serde::Serialize)]
struct DomainJson<'a> {
    domain: &'a str,
    from: Option<String>,
    to: Option<String>,
    slots: SlotsByReason,
    gaps: Vec<GapJson>,
}

#[derive(Debug, serde::Serialize)]
struct GapJson {
    from: String,
    to: String,
    slots: i64,
    reason: GapReason,
    confirmed: bool,
}

/// Writes one domain at a time: all gaps of an account may not fit into memory.
fn json(
    names: &[String],
    find: impl Fn(&str) -> Result<DomainGaps, CliError>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut total = SlotsByReason::default();
    write!(out, "{{\"domains\":[")?;
    for (at, name) in names.iter().enumerate() {
        let found = find(name)?;
        let slots = SlotsByReason::of(&found.gaps);
        total.add(slots);
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
