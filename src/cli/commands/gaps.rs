//! `gaps`: every slot without a point, and why.

use std::io::Write;

use clap::Args;

use crate::cli::options::{DomainArgs, FormatArgs, OpenRangeArgs, OutputFormat};
use crate::cli::output::table::Style;
use crate::cli::output::{Cell, RowWriter as _, TableWriter, WrappingWriter};
use crate::cli::view::as_of::{self, AsOfJson};
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::span::EVER;
use crate::model::{GapReason, SlotsByReason, Span, UnixSeconds, civil};
use crate::store::{AsOf, DomainGaps, Expected, Reader};

/// List the intervals without points, and why they have none
///
/// Lists them as of the end of the last run, as `origin_gaps` does, without reading a point:
/// `check --deep` compares this list with the points. All times are UTC+8. The reasons:
///
/// - never asked: it is configured, and no run has asked for it
/// - failed: no usable answer came; the next run asks again
/// - empty: the answer held no point; asked for again at each of `refresh.hole_ages`
/// - rejected: its point was not usable (see `rejects`); asked for again like an empty slot
/// - beyond retention: the API no longer serves it
///
/// Slots that became available, or were configured, after the last run are counted apart.
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
        let config = context.config_with_followed(|overrides| self.domains.add_to(overrides))?;
        let (from, to) = self.range.ends(context.now())?;
        let within = Span::new(from.unwrap_or(EVER.start()), to.unwrap_or(EVER.end()))
            .ok_or_else(|| CliError::usage("the range lies beyond the end of time"))?;
        let reader = Reader::open(&config.database)?;
        let expected = expected(&config, context.now());
        let names = domain_names(&config, &reader, self.domains.domains.is_empty())?;
        let as_of = reader.as_of()?;
        let find = |name: &str| Ok(reader.listed_gaps(name, &expected, within)?);
        let now = context.now();
        let out = &mut context.streams.result(self.output.format);
        match self.output.format {
            OutputFormat::Human => human((&as_of, now), &names, find, out)?,
            OutputFormat::Json => json(&as_of, &names, find, out)?,
        }
        Ok(ExitStatus::SUCCESS)
    }
}

/// Returns what must be complete as of `now`: the configured and followed domains, or those that the command line names.
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

/// Returns a reason in words.
pub(super) fn in_words(reason: GapReason) -> String {
    reason.as_str().replace('_', " ")
}

fn human(
    (as_of, now): (&AsOf, UnixSeconds),
    names: &[String],
    find: impl Fn(&str) -> Result<DomainGaps, CliError>,
    out: &mut WrappingWriter<'_>,
) -> Result<(), CliError> {
    let width = out.width();
    writeln!(out, "{}\n", as_of::in_words(as_of, now))?;
    let mut sums: Vec<(&str, SlotsByReason)> = Vec::new();
    let mut new_slots = 0;
    let columns = ["domain", "from", "to", "slots", "reason"];
    let mut table = TableWriter::plain(columns, &mut *out).fitting(width, &[]);
    for name in names {
        let found = find(name)?;
        new_slots += found.new_slots;
        let gaps = found.gaps;
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
        return Ok(after((as_of, new_slots), out)?);
    }
    table.finish()?;
    let mut total = SlotsByReason::default();
    for (_, slots) in &sums {
        total += *slots;
    }
    sums.push(("total", total));
    writeln!(out, "\nslots without a point, by reason:\n")?;
    let mut columns = vec!["domain".to_owned()];
    columns.extend(GapReason::ALL.map(in_words));
    let mut table = TableWriter::new(Style::Plain, &columns, &mut *out).fitting(width, &[]);
    for (name, slots) in sums {
        let mut row = vec![Cell::from(name)];
        row.extend(slots.iter().map(|(_, slots)| Cell::from(slots)));
        table.row(&row)?;
    }
    table.finish()?;
    Ok(after((as_of, new_slots), out)?)
}

/// Says how many slots came after the last run, if any did.
fn after((as_of, new_slots): (&AsOf, i64), out: &mut dyn Write) -> std::io::Result<()> {
    as_of::new_slots(as_of, new_slots).map_or(Ok(()), |sentence| writeln!(out, "\n{sentence}"))
}

#[derive(Debug, serde::Serialize)]
struct DomainJson<'a> {
    domain: &'a str,
    from: Option<String>,
    to: Option<String>,
    slots: SlotsByReason,
    new_slots: i64,
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
    as_of: &AsOf,
    names: &[String],
    find: impl Fn(&str) -> Result<DomainGaps, CliError>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let mut total = SlotsByReason::default();
    let as_of = serde_json::to_string(&AsOfJson::from(as_of)).map_err(std::io::Error::from)?;
    write!(
        out,
        "{},\n\"domains\":[",
        as_of.strip_suffix('}').unwrap_or(&as_of)
    )?;
    for (at, name) in names.iter().enumerate() {
        let found = find(name)?;
        let slots = SlotsByReason::of(&found.gaps);
        total += slots;
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
            new_slots: found.new_slots,
            gaps: gaps.collect(),
        };
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &domain).map_err(std::io::Error::from)?;
    }
    let total = serde_json::to_string(&total).map_err(std::io::Error::from)?;
    writeln!(out, "],\n\"total\":{total}}}")?;
    Ok(())
}
