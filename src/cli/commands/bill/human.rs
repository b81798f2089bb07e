//! A month for people: a line for the account and each domain, then every measure of each. It fits 80 columns.

use std::fmt::Write as _;
use std::io::{self, Write};

use indicatif::HumanCount;

use super::{Bill, glance, words};
use crate::cli::view::text::counted;
use crate::model::convert::to_u64;
use crate::model::month_bill::{Measures, MonthBill};
use crate::model::units::{GB, GIB, MBIT, MIBIT, Unit, as_real, nearest};
use crate::model::{SlotLabel, forecast, text};

const LABEL_WIDTH: usize = 17;
const MIN_WIDTH: usize = 13;
const COLUMNS: [&str; 4] = ["95 peak", "peak", "fourth peak", "mean of peaks"];

/// The four bandwidths of a month in bit/s. `None` where there is nothing to say.
type Bandwidths = [Option<f64>; 4];

/// Prints a month.
pub(super) fn print(bill: &Bill<'_>, out: &mut dyn Write) -> io::Result<()> {
    let bills = bill.bills;
    let title = format!(
        "Bill of {} (China Standard Time, UTC+8), {}",
        bill.month,
        words::as_of(&bills.as_of)
    );
    writeln!(out, "{}\n", words::wrapped(&title, 0))?;
    writeln!(out, "{}\n", words::wrapped(words::NOTICE, 0))?;
    let state = words::state(bills.is_running, &bill.account.state);
    writeln!(out, "{}", words::wrapped(&state, 0))?;
    if bills.is_running {
        let method = if bill.account.forecast.is_some() {
            forecast::METHOD
        } else {
            forecast::NOT_ENOUGH
        };
        writeln!(out, "{}", words::wrapped(method, 0))?;
    }
    for warning in words::warnings(bills.stale_days, &bills.as_of) {
        writeln!(out, "{}", words::wrapped(&warning, 0))?;
    }
    if !bills.without_figures.is_empty() {
        let names: Vec<_> = bills
            .without_figures
            .iter()
            .map(|name| text::printable(name))
            .collect();
        let sentence = format!("Nothing was fetched of: {}.", names.join(", "));
        writeln!(out, "{}", words::wrapped(&sentence, 0))?;
    }
    let layout = Layout {
        widths: widths(bill),
        label: bills.slot_label,
        is_running: bills.is_running,
    };
    let account = bill.account.domains.unwrap_or(0);
    let account = format!("account: {}", counted(to_u64(account), "domain"));
    if bills.domains.len() > 1 {
        writeln!(out)?;
        glance::print(bill, out)?;
    }
    writeln!(out)?;
    layout.header(out)?;
    layout.block(&account, bill.account, out)?;
    if !glance::has_blocks(bill) {
        return writeln!(out, "\n{}", words::wrapped(glance::MORE, 0));
    }
    for (name, month) in &bills.domains {
        writeln!(out)?;
        layout.block(&text::shorten(name, usize::MAX), month, out)?;
    }
    Ok(())
}

/// How the blocks are aligned.
struct Layout {
    widths: [usize; 4],
    label: SlotLabel,
    is_running: bool,
}

impl Layout {
    fn header(&self, out: &mut dyn Write) -> io::Result<()> {
        self.line("", &COLUMNS.map(str::to_owned), out)
    }

    fn line(&self, label: &str, values: &[String; 4], out: &mut dyn Write) -> io::Result<()> {
        let mut line = format!("{label:LABEL_WIDTH$}");
        for (value, width) in values.iter().zip(self.widths) {
            // Writing to a String cannot fail.
            line.push_str("  ");
            let _ = write!(line, "{value:>width$}");
        }
        writeln!(out, "{}", line.trim_end())
    }

    fn block(&self, name: &str, bill: &MonthBill, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{name}")?;
        let bandwidths = bandwidths(&bill.measures);
        self.line("  bit/s", &bandwidths.map(whole), out)?;
        self.scaled("  Mbit/s (10^6)", MBIT, bandwidths, out)?;
        self.scaled("  Mbit/s (2^20)", MIBIT, bandwidths, out)?;
        if self.is_running {
            let least = least(bill);
            self.scaled("  at least (10^6)", MBIT, least, out)?;
            self.scaled("  at least (2^20)", MIBIT, least, out)?;
        }
        if let Some(forecast) = &bill.forecast {
            let bandwidths = self::bandwidths(forecast);
            self.scaled("  forecast (10^6)", MBIT, bandwidths, out)?;
            self.scaled("  forecast (2^20)", MIBIT, bandwidths, out)?;
        }
        let slot = bill.bandwidth_95_ts.map_or_else(
            || "a slot without a point".to_owned(),
            |ts| words::slot(ts, self.label),
        );
        field("95 peak at", &slot, out)?;
        field("traffic", &traffic(bill.measures.traffic_bytes), out)?;
        field("requests", &grouped(bill.measures.pv), out)?;
        if let Some(forecast) = &bill.forecast {
            let end = format!(
                "{}; {} requests",
                traffic(forecast.traffic_bytes),
                grouped(forecast.pv)
            );
            field("forecast", &end, out)?;
        } else if self.is_running {
            field("forecast", "not enough whole days yet", out)?;
        }
        field("state", &bill.state.in_words(), out)
    }

    fn scaled(&self, label: &str, unit: Unit, values: Bandwidths, out: &mut dyn Write) -> io::Result<()> {
        self.line(label, &values.map(|value| in_unit(value, unit)), out)
    }
}

/// Prints a line of a block that is no row of the table.
fn field(label: &str, value: &str, out: &mut dyn Write) -> io::Result<()> {
    let (value, width) = (words::wrapped(value, LABEL_WIDTH + 2), LABEL_WIDTH - 2);
    writeln!(out, "  {label:width$}  {value}")
}

/// Returns the widths of the columns: those of the widest values.
fn widths(bill: &Bill<'_>) -> [usize; 4] {
    let mut widths = [MIN_WIDTH; 4];
    let months = bill.bills.domains.iter().map(|(_, month)| month);
    for month in months.chain([bill.account]) {
        let forecast = month.forecast.as_ref().map(bandwidths);
        for values in [Some(bandwidths(&month.measures)), forecast]
            .into_iter()
            .flatten()
        {
            for (width, value) in widths.iter_mut().zip(values) {
                *width = (*width).max(whole(value).len()).max(in_unit(value, MBIT).len());
            }
        }
    }
    widths
}

fn bandwidths(measures: &Measures) -> Bandwidths {
    [
        Some(as_real(measures.bandwidth_95)),
        Some(as_real(measures.bandwidth_peak)),
        Some(as_real(measures.bandwidth_fourth_peak)),
        Some(measures.bandwidth_daily_peak_avg),
    ]
}

/// Returns what the measures are at least when the month ends. The mean of the daily peaks can fall.
fn least(bill: &MonthBill) -> Bandwidths {
    [
        Some(as_real(bill.bandwidth_95_least)),
        Some(as_real(bill.measures.bandwidth_peak)),
        Some(as_real(bill.measures.bandwidth_fourth_peak)),
        None,
    ]
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| nearest(value).to_string())
}

/// Returns a figure with three decimals and groups of thousands.
fn in_unit(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "-".to_owned(), |value| decimal(unit.of(value), 3))
}

/// Returns a figure with `places` decimals and groups of thousands.
pub(super) fn decimal(value: f64, places: usize) -> String {
    let digits = format!("{value:.places$}");
    match digits.split_once('.') {
        Some((whole, rest)) => format!("{}.{rest}", grouped(whole.parse().unwrap_or(0))),
        None => digits,
    }
}

fn traffic(bytes: i64) -> String {
    let in_unit = |unit: Unit| format!("{} {}", self::in_unit(Some(as_real(bytes)), unit), unit.name);
    format!("{} bytes, {}, {}", grouped(bytes), in_unit(GB), in_unit(GIB))
}

fn grouped(number: i64) -> String {
    HumanCount(to_u64(number)).to_string()
}
