//! `bill MONTH --changes`: what is different since the month was closed.

use std::io::{self, Write};

use serde::Serialize;

use super::changes_human::Human;
use super::changes_rows::Rows;
use super::changes_writer::{ChangesWriter, Head, change};
use super::{Asked, BillArgs, BillFormat, no_figures, words};
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::changes::{DayChange, MonthFigures, PointChange};
use crate::model::{Domain, civil};
use crate::store::{DomainChanges, MonthChange, Reader};

impl BillArgs {
    /// Prints what is different since the month was closed.
    pub(super) fn changes(
        &self,
        asked: &Asked,
        reader: &Reader,
        context: &mut Context<'_, '_>,
    ) -> Result<ExitStatus, CliError> {
        let Some(closed) = reader.closed_month(asked.month, self.closing)? else {
            let which = self
                .closing
                .map_or_else(String::new, |id| format!(" with number {id}"));
            let message = format!("{} has no closing{which}", asked.month);
            let help = format!("`jdcdn-stats bill {} --close` makes one", asked.month);
            return Err(CliError::failed(message).with_help(Some(help)));
        };
        let domains = closed.domains()?;
        // A name that is not known would look like a domain without changes.
        let is_known = |wanted: &&Domain| domains.iter().any(|(_, name)| name == wanted.as_str());
        if let Some(unknown) = asked.domains.iter().find(|wanted| !is_known(wanted)) {
            return Err(no_figures(asked, unknown.as_str()));
        }
        let head = Head {
            asked,
            account: closed.account()?,
            warnings: words::warnings(closed.stale_days()?, &closed.as_of()?),
            is_comparable: closed.head().slot_label == closed.label(),
            closed: &closed,
        };
        let out = &mut *context.streams.stdout;
        let mut writer: Box<dyn ChangesWriter + '_> = match self.format {
            BillFormat::Human => Box::new(Human::new(&head, out)?),
            BillFormat::Json => Box::new(Json::new(&head, out)?),
            BillFormat::Csv => Box::new(Rows::new(&head, out)?),
        };
        if head.is_comparable {
            for (id, name) in domains {
                if asked.shows(&name)
                    && let Some(changes) = closed.changes(id)?
                {
                    writer.domain(&name, &changes)?;
                }
            }
        }
        writer.finish()?;
        Ok(ExitStatus::SUCCESS)
    }
}

#[derive(Serialize)]
struct HeadJson<'h> {
    month: String,
    closing_id: i64,
    closed_at: String,
    note: Option<&'h str>,
    slot_label_closed: &'static str,
    slot_label_now: &'static str,
    comparable: bool,
    warnings: &'h [String],
    account: MonthJson,
}

#[derive(Serialize)]
struct MonthJson {
    closed: Option<FiguresJson>,
    now: Option<FiguresJson>,
}

#[derive(Serialize)]
struct FiguresJson {
    points: i64,
    expected_points: i64,
    complete: bool,
    bandwidth_95: i64,
    bandwidth_peak: i64,
    bandwidth_fourth_peak: i64,
    bandwidth_daily_peak_avg: f64,
    traffic_bytes: i64,
    pv: i64,
}

#[derive(Serialize)]
struct DomainJson<'d> {
    domain: &'d str,
    month: MonthJson,
    unserved_slots: i64,
    days: Vec<DayJson>,
}

#[derive(Serialize)]
struct DayJson {
    date: String,
    points_closed: i64,
    points_now: i64,
    expected_points_closed: i64,
    expected_points_now: i64,
    traffic_bytes_closed: Option<i64>,
    traffic_bytes_now: Option<i64>,
    pv_closed: Option<i64>,
    pv_now: Option<i64>,
    bandwidth_peak_closed: Option<i64>,
    bandwidth_peak_now: Option<i64>,
    restated: usize,
    late: usize,
    fetched_points: i64,
    fetched_slots: i64,
    explained: bool,
    points: Vec<PointJson>,
}

#[derive(Serialize)]
struct PointJson {
    time: String,
    ts: i64,
    change: &'static str,
    bandwidth_closed: Option<i64>,
    bandwidth_now: i64,
    pv_closed: Option<i64>,
    pv_now: i64,
    codes_changed: bool,
}

impl From<MonthChange> for MonthJson {
    fn from(month: MonthChange) -> Self {
        Self {
            closed: month.closed.map(FiguresJson::from),
            now: month.now.map(FiguresJson::from),
        }
    }
}

impl From<MonthFigures> for FiguresJson {
    fn from(figures: MonthFigures) -> Self {
        let measures = figures.measures;
        Self {
            points: figures.points,
            expected_points: figures.expected_points,
            complete: figures.is_complete,
            bandwidth_95: measures.bandwidth_95,
            bandwidth_peak: measures.bandwidth_peak,
            bandwidth_fourth_peak: measures.bandwidth_fourth_peak,
            bandwidth_daily_peak_avg: measures.bandwidth_daily_peak_avg,
            traffic_bytes: measures.traffic_bytes,
            pv: measures.pv,
        }
    }
}

impl From<&DayChange> for DayJson {
    fn from(day: &DayChange) -> Self {
        Self {
            date: civil::cst_date(day.midnight),
            points_closed: day.closed.points,
            points_now: day.now.points,
            expected_points_closed: day.closed.expected_points,
            expected_points_now: day.now.expected_points,
            traffic_bytes_closed: day.closed.traffic_bytes,
            traffic_bytes_now: day.now.traffic_bytes,
            pv_closed: day.closed.pv,
            pv_now: day.now.pv,
            bandwidth_peak_closed: day.closed.bandwidth_peak,
            bandwidth_peak_now: day.now.bandwidth_peak,
            restated: day.restated(),
            late: day.late(),
            fetched_points: day.fetched_points(),
            fetched_slots: day.asked_slots(),
            explained: !day.is_unexplained(),
            points: day.points.iter().map(PointJson::from).collect(),
        }
    }
}

impl From<&PointChange> for PointJson {
    fn from(point: &PointChange) -> Self {
        Self {
            time: civil::cst_rfc3339(point.ts),
            ts: point.ts,
            change: change(point),
            bandwidth_closed: point.closed.map(|closed| closed.bandwidth),
            bandwidth_now: point.now.bandwidth,
            pv_closed: point.closed.map(|closed| closed.pv),
            pv_now: point.now.pv,
            codes_changed: point.codes_changed,
        }
    }
}

/// One JSON object, whose list `domains` is written as it comes. Closed only when it is complete.
struct Json<'w> {
    out: &'w mut dyn Write,
    domains: u64,
}

impl<'w> Json<'w> {
    fn new(head: &Head<'_>, out: &'w mut dyn Write) -> io::Result<Self> {
        let closing = head.closed.head();
        let json = HeadJson {
            month: head.asked.month.to_string(),
            closing_id: closing.id,
            closed_at: civil::cst_rfc3339(closing.closed_at),
            note: closing.note.as_deref(),
            slot_label_closed: closing.slot_label.as_str(),
            slot_label_now: head.closed.label().as_str(),
            comparable: head.is_comparable,
            warnings: &head.warnings,
            account: head.account.into(),
        };
        let mut text = serde_json::to_string(&json)?;
        // The object goes on.
        text.pop();
        write!(out, "{text},\n\"domains\":[")?;
        Ok(Self { out, domains: 0 })
    }
}

impl ChangesWriter for Json<'_> {
    fn domain(&mut self, name: &str, changes: &DomainChanges) -> io::Result<()> {
        self.out
            .write_all(if self.domains == 0 { b"\n" } else { b",\n" })?;
        self.domains += 1;
        let json = DomainJson {
            domain: name,
            month: changes.month.into(),
            unserved_slots: changes.unserved_slots(),
            days: changes.days.iter().map(DayJson::from).collect(),
        };
        Ok(serde_json::to_writer(&mut *self.out, &json)?)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(b"]}\n")
    }
}
