//! A month at a glance: a line for the account and one for each domain, in one unit.

use std::io::{self, Write};

use super::Bill;
use super::human::decimal;
use crate::model::open_slots::PeriodState;
use crate::model::text;
use crate::model::units::{GB, MBIT, Unit, as_real};

/// The longest name of a domain that fits next to the figures in 80 columns.
const NAME_WIDTH: usize = 24;
/// With more domains than this, and no choice of domains, their lines are all that is shown of them.
const MAX_BLOCKS: usize = 20;

/// What is said instead of the blocks of the domains.
pub(super) const MORE: &str = "To see every measure of a domain in every unit, choose it with -d. For all domains, use \
                               --format csv or --format json.";

/// Returns whether each domain has a block of its own, with every measure in every unit.
pub(super) fn has_blocks(bill: &Bill<'_>) -> bool {
    bill.is_chosen || bill.bills.domains.len() <= MAX_BLOCKS
}

/// Prints the lines: bandwidth in Mbit/s of 10^6 bit/s, traffic in GB, and whether a figure can still change.
pub(super) fn print(bill: &Bill<'_>, out: &mut dyn Write) -> io::Result<()> {
    let domains = &bill.bills.domains;
    let names = domains.iter().map(|(name, _)| text::shorten(name, NAME_WIDTH));
    let names: Vec<String> = std::iter::once("the account".to_owned()).chain(names).collect();
    let months = std::iter::once(bill.account).chain(domains.iter().map(|(_, month)| month));
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut line = |name: &str, [peak_95, peak, traffic, state]: [&str; 4]| {
        let line = format!("{name:width$}  {peak_95:>12}  {peak:>12}  {traffic:>13}  {state}");
        writeln!(out, "{}", line.trim_end())
    };
    line("", ["95 peak", "peak", "traffic", "figures"])?;
    line("", ["Mbit/s", "Mbit/s", "GB", ""])?;
    for (name, month) in names.iter().zip(months) {
        let measures = &month.measures;
        let figures = [
            in_unit(measures.bandwidth_95, MBIT),
            in_unit(measures.bandwidth_peak, MBIT),
            in_unit(measures.traffic_bytes, GB),
        ];
        let [peak_95, peak, traffic] = &figures;
        line(name, [peak_95, peak, traffic, in_a_word(&month.state)])?;
    }
    Ok(())
}

fn in_a_word(state: &PeriodState) -> &'static str {
    if state.is_complete {
        "complete"
    } else if state.can_change() {
        "can change"
    } else {
        "incomplete"
    }
}

/// Returns a figure with one decimal and groups of thousands.
fn in_unit(value: i64, unit: Unit) -> String {
    decimal(unit.of(as_real(value)), 1)
}
