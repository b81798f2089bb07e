//! The differences for people: a block for each domain, and the account at the end.

use std::io::{self, Write};

use indicatif::HumanCount;

use super::changes_writer::{ChangesWriter, Head};
use super::close::MAX_NOTE_CHARS;
use super::words::wrapped;
use crate::cli::view::text::counted;
use crate::model::changes::{DayChange, MonthFigures, PointChange};
use crate::model::convert::{to_i64, to_u64};
use crate::model::units::{MBIT, as_real};
use crate::model::{civil, text};
use crate::store::{DomainChanges, MonthChange};

/// Writes the blocks.
pub(super) struct Human<'w> {
    out: &'w mut dyn Write,
    account: MonthChange,
    domains: u64,
    is_comparable: bool,
}

impl<'w> Human<'w> {
    pub(super) fn new(head: &Head<'_>, out: &'w mut dyn Write) -> io::Result<Self> {
        let closing = head.closed.head();
        writeln!(
            out,
            "{} since closing {} of {} (China Standard Time, UTC+8)",
            head.asked.month,
            closing.id,
            civil::cst_second(closing.closed_at)
        )?;
        if let Some(note) = &closing.note {
            writeln!(out, "note: {}", text::shorten(note, MAX_NOTE_CHARS))?;
        }
        for warning in &head.warnings {
            writeln!(out, "{}", wrapped(warning, 0))?;
        }
        if !head.is_comparable {
            let sentence = format!(
                "slot_label was {} when the month was closed, and is {} now. Every day has other slots, so days and points \
                 are not compared.",
                closing.slot_label,
                head.closed.label()
            );
            writeln!(out, "{}", wrapped(&sentence, 0))?;
        }
        Ok(Self {
            out,
            account: head.account,
            domains: 0,
            is_comparable: head.is_comparable,
        })
    }

    fn day(&mut self, day: &DayChange) -> io::Result<()> {
        let date = civil::cst_date(day.midnight);
        writeln!(self.out, "  {date}  {}", wrapped(&summary(day), 14))?;
        for point in &day.points {
            writeln!(self.out, "    {}", wrapped(&of_point(point), 6))?;
        }
        Ok(())
    }
}

impl ChangesWriter for Human<'_> {
    fn domain(&mut self, name: &str, changes: &DomainChanges) -> io::Result<()> {
        self.domains += 1;
        let MonthChange { closed, now } = changes.month;
        let about = match (closed, now) {
            (None, _) => " (not in the closing)",
            (_, None) => " (no figures now)",
            _ => "",
        };
        writeln!(self.out, "\n{}{about}", text::shorten(name, usize::MAX))?;
        for day in &changes.days {
            self.day(day)?;
        }
        let unserved = changes.unserved_slots();
        if unserved > 0 {
            let slots = counted(to_u64(unserved), "slot");
            writeln!(
                self.out,
                "  {slots} asked for since, which the API no longer serves"
            )?;
        }
        month(changes.month, self.out)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_comparable && self.domains == 0 {
            writeln!(self.out, "\nno figure has changed since")?;
        }
        let is_same = |month: &MonthChange| match (month.closed, month.now) {
            (Some(closed), Some(now)) => closed == now,
            (closed, now) => closed.is_none() && now.is_none(),
        };
        if self.domains > 0 || !is_same(&self.account) {
            writeln!(self.out, "\naccount")?;
            month(self.account, self.out)?;
        }
        Ok(())
    }
}

/// Returns why a day is different, and what that changed.
fn summary(day: &DayChange) -> String {
    let mut parts = Vec::new();
    let mut add = |count: i64, what: &str| {
        if count > 0 {
            parts.push(format!("{} {what}", HumanCount(to_u64(count))));
        }
    };
    add(to_i64(day.restated()), "restated");
    add(to_i64(day.late()), "came late");
    add(day.fetched_points(), "fetched since");
    if day.fetched_points() <= 0 {
        add(day.asked_slots(), "slots asked for since, without a point");
    }
    if day.is_unexplained() {
        parts.push("no record explains this: run `jdcdn-stats check --deep`".to_owned());
    }
    let figures = [
        pair("points", Some(day.closed.points), Some(day.now.points)),
        pair(
            "asked for",
            Some(day.closed.expected_points),
            Some(day.now.expected_points),
        ),
        pair("bytes", day.closed.traffic_bytes, day.now.traffic_bytes),
        pair("requests", day.closed.pv, day.now.pv),
    ];
    let changed: Vec<String> = figures.into_iter().flatten().collect();
    if changed.is_empty() {
        parts.join(", ")
    } else {
        format!("{}; {}", parts.join(", "), changed.join(", "))
    }
}

/// Returns a figure then and now; `None` if it is the same.
fn pair(name: &str, closed: Option<i64>, now: Option<i64>) -> Option<String> {
    let shown = |value: Option<i64>| value.map_or_else(|| "none".to_owned(), grouped);
    (closed != now).then(|| format!("{name} {} -> {}", shown(closed), shown(now)))
}

fn grouped(number: i64) -> String {
    HumanCount(to_u64(number)).to_string()
}

fn of_point(point: &PointChange) -> String {
    let time = civil::cst_minute(point.ts);
    let Some(closed) = point.closed else {
        let (bandwidth, pv) = (grouped(point.now.bandwidth), grouped(point.now.pv));
        return format!("{time} came late: {bandwidth} bit/s, {pv} requests");
    };
    let mut parts = Vec::new();
    parts.extend(pair("bit/s", Some(closed.bandwidth), Some(point.now.bandwidth)));
    parts.extend(pair("requests", Some(closed.pv), Some(point.now.pv)));
    if point.codes_changed {
        parts.push("status codes".to_owned());
    }
    format!("{time} restated: {}", parts.join(", "))
}

/// A figure of a month and its name.
type Figure<T> = (&'static str, fn(&MonthFigures) -> T);

/// Prints the effect on the month.
fn month(change: MonthChange, out: &mut dyn Write) -> io::Result<()> {
    let (closed, now) = (change.closed, change.now);
    let mut lines = Vec::new();
    let rate = |value: f64| format!("{:.3}", MBIT.of(value));
    let rates: [Figure<f64>; 4] = [
        ("95 peak", |of| as_real(of.measures.bandwidth_95)),
        ("peak", |of| as_real(of.measures.bandwidth_peak)),
        ("fourth peak", |of| as_real(of.measures.bandwidth_fourth_peak)),
        ("mean of peaks", |of| of.measures.bandwidth_daily_peak_avg),
    ];
    for (name, value) in rates {
        let (then, today) = (closed.as_ref().map(value), now.as_ref().map(value));
        if then != today {
            let shown = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), rate);
            lines.push(format!(
                "{name} {} -> {} Mbit/s (10^6)",
                shown(then),
                shown(today)
            ));
        }
    }
    let counts: [Figure<i64>; 4] = [
        ("traffic", |of| of.measures.traffic_bytes),
        ("requests", |of| of.measures.pv),
        ("points", |of| of.points),
        ("asked for", |of| of.expected_points),
    ];
    for (name, value) in counts {
        lines.extend(pair(name, closed.as_ref().map(value), now.as_ref().map(value)));
    }
    let complete = |figures: Option<MonthFigures>| match figures {
        Some(figures) if figures.is_complete => "complete",
        Some(_) => "incomplete",
        None => "none",
    };
    if complete(closed) != complete(now) {
        lines.push(format!("{} -> {}", complete(closed), complete(now)));
    }
    if lines.is_empty() {
        lines.push("the same".to_owned());
    }
    for (at, line) in lines.iter().enumerate() {
        let head = if at == 0 { "the month:" } else { "" };
        writeln!(out, "  {head:10}  {line}")?;
    }
    Ok(())
}
