//! The differences as CSV: a row for each month, day and point that is different.

use std::io::{self, Write};

use super::changes_writer::{ChangesWriter, Head, change};
use crate::cli::output::separated::SeparatedWriter;
use crate::cli::output::{Cell, Formulas, RowWriter as _};
use crate::model::changes::{DayChange, MonthFigures, PointChange};
use crate::model::civil;
use crate::store::{DomainChanges, MonthChange};

/// Each of these has a column `…_closed` and a column `…_now`.
const FIGURES: [&str; 9] = [
    "points",
    "expected_points",
    "bandwidth",
    "bandwidth_95",
    "bandwidth_peak",
    "bandwidth_fourth_peak",
    "bandwidth_daily_peak_avg",
    "traffic_bytes",
    "pv",
];

type Figures<'c> = [Cell<'c>; FIGURES.len()];

/// Writes the rows.
pub(super) struct Rows<'w> {
    csv: SeparatedWriter<'w>,
    closing: i64,
    month: String,
}

impl<'w> Rows<'w> {
    pub(super) fn new(head: &Head<'_>, out: &'w mut dyn Write) -> io::Result<Self> {
        let key = [
            "closing_id",
            "month_cst",
            "period",
            "domain",
            "date_cst",
            "ts",
            "time_cst",
            "change",
        ];
        let mut columns = key.map(str::to_owned).to_vec();
        for name in FIGURES {
            columns.push(format!("{name}_closed"));
            columns.push(format!("{name}_now"));
        }
        let mut rows = Self {
            csv: SeparatedWriter::csv(Formulas::Plain, &columns, out)?,
            closing: head.closed.head().id,
            month: head.asked.month.to_string(),
        };
        let change = if head.is_comparable { "" } else { "slot_label" };
        rows.month("month", None, change, head.account)?;
        Ok(rows)
    }

    fn row(
        &mut self,
        period: &str,
        domain: Option<&str>,
        (date, ts): (Option<i64>, Option<i64>),
        change: &str,
        figures: (Figures<'_>, Figures<'_>),
    ) -> io::Result<()> {
        let month = self.month.clone();
        let mut row: Vec<Cell<'_>> = vec![
            self.closing.into(),
            month.into(),
            period.into(),
            domain.into(),
            date.map(civil::cst_date).into(),
            ts.into(),
            ts.map(civil::cst_second).into(),
            change.into(),
        ];
        for (closed, now) in figures.0.into_iter().zip(figures.1) {
            row.push(closed);
            row.push(now);
        }
        self.csv.row(&row)
    }

    fn month(
        &mut self,
        period: &str,
        domain: Option<&str>,
        change: &str,
        month: MonthChange,
    ) -> io::Result<()> {
        let figures = (of_month(month.closed), of_month(month.now));
        self.row(period, domain, (None, None), change, figures)
    }
}

impl ChangesWriter for Rows<'_> {
    fn domain(&mut self, name: &str, changes: &DomainChanges) -> io::Result<()> {
        self.month("month", Some(name), "", changes.month)?;
        for day in &changes.days {
            let date = Some(day.midnight);
            self.row("day", Some(name), (date, None), &why(day), of_day(day))?;
            for point in &day.points {
                let times = (date, Some(point.ts));
                self.row("point", Some(name), times, change(point), of_point(point))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.csv.finish()
    }
}

/// Returns why a day is different: `restated`, `late`, `fetched` or `unexplained`, with a space between them.
fn why(day: &DayChange) -> String {
    let mut why = Vec::new();
    if day.restated() > 0 {
        why.push("restated");
    }
    if day.late() > 0 {
        why.push("late");
    }
    if day.fetched_points() > 0 || day.asked_slots() > 0 {
        why.push("fetched");
    }
    if day.is_unexplained() {
        why.push("unexplained");
    }
    why.join(" ")
}

fn of_month(figures: Option<MonthFigures>) -> Figures<'static> {
    let value = |value: fn(&MonthFigures) -> i64| figures.as_ref().map(value).into();
    [
        value(|of| of.points),
        value(|of| of.expected_points),
        Cell::Null,
        value(|of| of.measures.bandwidth_95),
        value(|of| of.measures.bandwidth_peak),
        value(|of| of.measures.bandwidth_fourth_peak),
        figures.map_or(Cell::Null, |of| Cell::Real(of.measures.bandwidth_daily_peak_avg)),
        value(|of| of.measures.traffic_bytes),
        value(|of| of.measures.pv),
    ]
}

fn of_day(day: &DayChange) -> (Figures<'static>, Figures<'static>) {
    let of = |figures: &crate::model::changes::DayFigures| {
        [
            figures.points.into(),
            figures.expected_points.into(),
            Cell::Null,
            Cell::Null,
            figures.bandwidth_peak.into(),
            Cell::Null,
            Cell::Null,
            figures.traffic_bytes.into(),
            figures.pv.into(),
        ]
    };
    (of(&day.closed), of(&day.now))
}

fn of_point(point: &PointChange) -> (Figures<'static>, Figures<'static>) {
    let of = |figures: Option<crate::model::changes::PointFigures>| {
        let mut cells = [const { Cell::Null }; FIGURES.len()];
        let [_, _, bandwidth, .., pv] = &mut cells;
        *bandwidth = figures.map(|of| of.bandwidth).into();
        *pv = figures.map(|of| of.pv).into();
        cells
    };
    (of(point.closed), of(Some(point.now)))
}
