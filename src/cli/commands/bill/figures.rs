//! The fields of a month. JSON and CSV write the same names and values.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use super::{Bill, words};
use crate::cli::CliError;
use crate::cli::output::separated::SeparatedWriter;
use crate::cli::output::{Cell, Formulas, RowWriter as _};
use crate::model::month_bill::{Measures, MonthBill};
use crate::model::units::{GB, GIB, MBIT, MIBIT, as_real};
use crate::model::{civil, forecast};

type Field = (String, Cell<'static>);

/// Returns every figure of a month with its name, in the order of the columns.
pub(super) fn fields(bill: &MonthBill) -> Vec<Field> {
    let state = &bill.state;
    let open = &state.open;
    let mut fields: Vec<Field> = Vec::with_capacity(64);
    let mut add = |name: &str, cell: Cell<'static>| fields.push((name.to_owned(), cell));
    add("domains", bill.domains.into());
    add("points", bill.points.into());
    add("expected_points", bill.expected_points.into());
    add("period_slots", bill.period_slots.into());
    add("empty_slots", state.empty.into());
    add("complete", i64::from(state.is_complete).into());
    add("can_change", i64::from(state.can_change()).into());
    add("completeness", state.in_words().into());
    for (name, slots) in [
        ("slots_to_come", open.to_come),
        ("slots_not_settled", open.not_settled),
        ("slots_never_asked", open.never_asked),
        ("slots_failed", open.failed),
        ("slots_rejected", open.rejected),
        ("slots_unconfirmed", open.unconfirmed),
        ("slots_beyond_retention", open.beyond_retention),
    ] {
        add(name, slots.into());
    }
    add("bandwidth_95_ts", bill.bandwidth_95_ts.into());
    add(
        "bandwidth_95_cst",
        bill.bandwidth_95_ts.map(civil::cst_second).into(),
    );
    let measures = &bill.measures;
    fields.extend(measured("", Some(measures)));
    fields.extend(bandwidth(
        "bandwidth_95_least",
        Some(Whole(bill.bandwidth_95_least)),
    ));
    fields.extend(measured("forecast_", bill.forecast.as_ref()));
    fields
}

/// Returns measures in all units. Without measures, the fields are there and have no value.
fn measured(prefix: &str, measures: Option<&Measures>) -> Vec<Field> {
    let whole = |value: fn(&Measures) -> i64| measures.map(|measures| Whole(value(measures)));
    let mut fields = Vec::new();
    for (name, value) in [
        ("bandwidth_95", whole(|of| of.bandwidth_95)),
        ("bandwidth_peak", whole(|of| of.bandwidth_peak)),
        ("bandwidth_fourth_peak", whole(|of| of.bandwidth_fourth_peak)),
        (
            "bandwidth_daily_peak_avg",
            measures.map(|of| Fraction(of.bandwidth_daily_peak_avg)),
        ),
    ] {
        fields.extend(bandwidth(&format!("{prefix}{name}"), value));
    }
    let traffic = measures.map(|of| of.traffic_bytes);
    let scaled = |unit: crate::model::units::Unit| {
        traffic.map_or(Cell::Null, |bytes| Cell::Real(unit.of(as_real(bytes))))
    };
    fields.push((format!("{prefix}traffic_bytes"), traffic.into()));
    fields.push((format!("{prefix}traffic_gb"), scaled(GB)));
    fields.push((format!("{prefix}traffic_gib"), scaled(GIB)));
    fields.push((format!("{prefix}pv"), measures.map(|of| of.pv).into()));
    fields
}

/// A bandwidth in bit/s.
#[derive(Clone, Copy)]
enum BitPerSecond {
    Whole(i64),
    Fraction(f64),
}
use BitPerSecond::{Fraction, Whole};

/// Returns a bandwidth in bit/s, in Mbit/s of 10^6, and in Mbit/s of 2^20.
fn bandwidth(name: &str, value: Option<BitPerSecond>) -> [Field; 3] {
    let plain = match value {
        None => Cell::Null,
        Some(Whole(value)) => Cell::Integer(value),
        Some(Fraction(value)) => Cell::Real(value),
    };
    let real = value.map(|value| match value {
        Whole(value) => as_real(value),
        Fraction(value) => value,
    });
    let scaled = |unit: crate::model::units::Unit| real.map_or(Cell::Null, |real| Cell::Real(unit.of(real)));
    [
        (name.to_owned(), plain),
        (format!("{name}_mbit"), scaled(MBIT)),
        (format!("{name}_mibit"), scaled(MIBIT)),
    ]
}

/// Writes a row for the account and one for each domain.
pub(super) fn print_csv(bill: &Bill<'_>, out: &mut dyn Write) -> Result<(), CliError> {
    let month = bill.month.to_string();
    let as_of = bill.bills.as_of.ended_at.map(civil::cst_second);
    let head = ["month_cst", "as_of_cst", "slot_label", "scope", "domain"].map(str::to_owned);
    let names = fields(bill.account).into_iter().map(|(name, _)| name);
    let columns: Vec<String> = head.into_iter().chain(names).collect();
    let mut csv = SeparatedWriter::csv(Formulas::Plain, &columns, out)?;
    let account = std::iter::once((None, bill.account));
    let domains = bill
        .bills
        .domains
        .iter()
        .map(|(name, month)| (Some(name.as_str()), month));
    for (domain, figures) in account.chain(domains) {
        let mut row: Vec<Cell<'_>> = vec![
            month.as_str().into(),
            as_of.as_deref().into(),
            bill.bills.slot_label.as_str().into(),
            if domain.is_some() { "domain" } else { "account" }.into(),
            domain.into(),
        ];
        row.extend(fields(figures).into_iter().map(|(_, cell)| cell));
        csv.row(&row)?;
    }
    csv.finish()?;
    Ok(())
}

/// Writes one JSON object.
pub(super) fn print_json(bill: &Bill<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Json(bill))?;
    writeln!(out)
}

struct Json<'b>(&'b Bill<'b>);
struct Months<'b>(&'b [(String, MonthBill)]);
struct Month<'b>(Option<&'b str>, &'b MonthBill);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Bill {
            month,
            bills,
            account,
            ..
        } = self.0;
        let span = month.span();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("month", &month.to_string())?;
        map.serialize_entry("from", &civil::cst_rfc3339(span.start()))?;
        map.serialize_entry("to", &civil::cst_rfc3339(span.end()))?;
        map.serialize_entry("slot_label", bills.slot_label.as_str())?;
        map.serialize_entry("notice", words::NOTICE)?;
        map.serialize_entry("as_of", &bills.as_of.ended_at.map(civil::cst_rfc3339))?;
        map.serialize_entry("is_running", &bills.is_running)?;
        map.serialize_entry("complete", &account.state.is_complete)?;
        map.serialize_entry("can_change", &account.state.can_change())?;
        map.serialize_entry("state", &words::state(bills.is_running, &account.state))?;
        map.serialize_entry("stale_days", &bills.stale_days)?;
        map.serialize_entry("unfinished_run", &bills.as_of.unfinished)?;
        let method = if account.forecast.is_some() {
            forecast::METHOD
        } else {
            forecast::NOT_ENOUGH
        };
        map.serialize_entry("forecast_method", &bills.is_running.then_some(method))?;
        map.serialize_entry("account", &Month(None, account))?;
        map.serialize_entry("domains", &Months(&bills.domains))?;
        map.serialize_entry("domains_without_figures", &bills.without_figures)?;
        map.end()
    }
}

impl Serialize for Months<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, bill) in self.0 {
            list.serialize_element(&Month(Some(name), bill))?;
        }
        list.end()
    }
}

impl Serialize for Month<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(domain) = self.0 {
            map.serialize_entry("domain", domain)?;
        }
        for (name, cell) in fields(self.1) {
            match (name.as_str(), cell) {
                // The account alone has domains.
                ("domains", Cell::Null) => {}
                ("complete" | "can_change", Cell::Integer(flag)) => {
                    map.serialize_entry(&name, &(flag == 1))?;
                }
                (_, Cell::Integer(number)) => map.serialize_entry(&name, &number)?,
                (_, Cell::Real(number)) => map.serialize_entry(&name, &number)?,
                (_, Cell::Text(text)) => map.serialize_entry(&name, &text)?,
                (_, Cell::Null | Cell::Blob(_)) => map.serialize_entry(&name, &())?,
            }
        }
        if let Some(ts) = self.1.bandwidth_95_ts {
            map.serialize_entry("bandwidth_95_time", &civil::cst_rfc3339(ts))?;
        } else {
            map.serialize_entry("bandwidth_95_time", &())?;
        }
        map.end()
    }
}
