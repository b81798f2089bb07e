//! Everything that a page shows, as it reads it.

use std::cmp::Reverse;

use rusqlite::Connection;
use serde::Serialize;

use super::column::Exact;
use super::daily::{self, Calendar, Day, Totals};
use super::error::ReportError;
use super::ledger::{self, Gaps, Restatements};
use super::months::{self, MonthRow};
use super::scope::{self, Asked, Scope, Step};
use super::series::{self, Series};
use super::status::{self, Classes, CodeRow};
use crate::model::{SlotLabel, Span, UnixSeconds, text};
use crate::store::{ACCOUNT, Reader, RunOverview};

/// How much of a name is shown; a host name has at most 253 characters.
const SHOWN_NAME: usize = 260;

/// Everything that a page shows.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The version of this program.
    pub version: &'static str,
    /// The file name of the database.
    pub database: String,
    /// When it was read.
    pub made: UnixSeconds,
    /// `end` where the time of a point is the end of its 5 minutes, else `start`.
    pub slot_label: &'static str,
    /// The first UTC+8 midnight of the days shown; `null` where there is nothing to show.
    pub from: Option<UnixSeconds>,
    /// The UTC+8 midnight after them.
    pub to: Option<UnixSeconds>,
    /// The newest point of the domains shown, within those days or later.
    pub newest: Option<UnixSeconds>,
    /// Whether -d chose the domains.
    pub chosen: bool,
    /// Domains that were left out because there are too many.
    pub left_out: usize,
    /// Pieces of answers that could not be taken.
    pub rejects: u64,
    /// Domain-days of which the rollups do not yet tell what is committed.
    pub due_days: u64,
    /// The last run.
    pub last_run: Option<RunOverview>,
    /// The domains, those with the most traffic first.
    pub domains: Vec<DomainRow>,
    /// The length of a bucket of `series`, in seconds.
    pub step: i64,
    /// Bandwidth and requests, by domain.
    pub series: Vec<Series>,
    /// The length of a bucket of `status`, in seconds.
    pub status_step: i64,
    /// Requests by status class, by domain.
    pub status: Vec<Classes>,
    /// Requests by status code.
    pub codes: Vec<CodeRow>,
    /// Codes that were left out because there are too many.
    pub codes_left_out: usize,
    /// Completeness by day, by domain; `null` where that would be too much.
    pub calendar: Option<Vec<Calendar>>,
    /// The months of the account, then those of the domains.
    pub months: Vec<MonthRow>,
    /// The slots without a point.
    pub gaps: Gaps,
    /// The values that a later answer changed.
    pub restatements: Restatements,
}

/// A domain and what its days come to.
#[derive(Debug, Serialize)]
pub struct DomainRow {
    /// The name, made safe to print.
    pub name: String,
    /// Points that are there.
    pub points: i64,
    /// Slots that were asked for.
    pub expected: i64,
    /// The mean of its points, in whole bit/s.
    pub avg: Option<Exact>,
    /// The highest point, in bit/s.
    pub peak: Option<Exact>,
    /// When that was.
    pub peak_ts: Option<UnixSeconds>,
    /// Bandwidth summed over time.
    pub traffic: Exact,
    /// Requests.
    pub pv: Exact,
    /// The newest point, within the days shown or later.
    pub newest: Option<UnixSeconds>,
}

struct Ranked {
    name: String,
    days: Vec<Day>,
    totals: Totals,
}

impl Report {
    /// Reads what `asked` wants, in one view of the database that no writer moves.
    pub fn read(reader: &Reader, asked: &Asked, now: UnixSeconds) -> Result<Self, ReportError> {
        // Ends with this function. Nothing is written, so there is nothing to commit.
        let view = reader.connection().unchecked_transaction()?;
        if !has_rollups(&view)? {
            return Err(ReportError::OldSchema);
        }
        let label = reader.slot_label()?;
        let scope = Scope::find(&view, asked, label)?;
        let mut report = Self {
            version: env!("CARGO_PKG_VERSION"),
            database: file_name(reader),
            made: now,
            slot_label: label.as_str(),
            chosen: !asked.domains.is_empty(),
            last_run: reader.last_runs(1)?.pop(),
            ..Self::default()
        };
        if let Some(run) = &mut report.last_run {
            run.command = text::printable(&run.command);
        }
        if let Some(span) = scope.span {
            report.fill(reader, &view, &scope.domains, (span, label))?;
        }
        Ok(report)
    }

    fn fill(
        &mut self,
        reader: &Reader,
        view: &Connection,
        names: &[String],
        (span, label): (Span, SlotLabel),
    ) -> Result<(), ReportError> {
        // The ledger speaks of slots by their labels.
        let labels = span.moved(label.shift());
        self.from = Some(span.start());
        self.to = Some(span.end());
        self.rejects = ledger::rejects(view, self.chosen.then_some(names), labels)?;
        self.due_days = ledger::due_days(view, names, span)?;
        let ranked = self.rank(view, names, span)?;
        let step = Step::finest(ranked.len(), span);
        let status_step = Step::days(ranked.len(), span, scope::STATUS_CELLS);
        self.step = step.seconds();
        self.status_step = status_step.seconds();
        let first = months::first(ranked.len(), span);
        self.months = months::read(view, ACCOUNT, None, &first, span)?;
        let whole_calendar = Step::days(ranked.len(), span, scope::CELLS) == Step::Days(1);
        let mut calendars = Vec::new();
        let mut codes = Vec::new();
        for (place, domain) in ranked.iter().enumerate() {
            let name = &domain.name;
            self.series
                .push(series::read(view, name, (span, label), step, &domain.days)?);
            let (by_class, by_code) = status::read(view, name, span, status_step)?;
            self.status.push(by_class);
            codes.push(by_code);
            if whole_calendar {
                calendars.push(daily::calendar(span, &domain.days));
            }
            self.months
                .extend(months::read(view, name, Some(place), &first, span)?);
            self.gaps.add(view, name, place, labels)?;
            self.restatements.add(view, name, place, labels)?;
            let newest = reader.newest_point(name)?;
            self.newest = self.newest.max(newest);
            self.domains.push(domain.row(newest));
        }
        (self.codes, self.codes_left_out) = status::beside(&codes);
        self.calendar = whole_calendar.then_some(calendars);
        Ok(())
    }

    /// The domains by traffic, as many as a page may show.
    fn rank(&mut self, view: &Connection, names: &[String], span: Span) -> Result<Vec<Ranked>, ReportError> {
        let mut ranked = Vec::new();
        for name in names {
            let days = daily::read(view, name, span)?;
            let totals = Totals::of(&days);
            ranked.push(Ranked {
                name: name.clone(),
                days,
                totals,
            });
            if ranked.len() > 2 * scope::DOMAINS {
                keep_largest(&mut ranked);
            }
        }
        keep_largest(&mut ranked);
        self.left_out = names.len() - ranked.len();
        Ok(ranked)
    }
}

impl Ranked {
    fn row(&self, newest: Option<UnixSeconds>) -> DomainRow {
        DomainRow {
            name: text::shorten(&self.name, SHOWN_NAME),
            points: self.totals.points,
            expected: self.totals.expected,
            avg: self.totals.average(),
            peak: self.totals.peak.map(|(peak, _)| Exact(peak)),
            peak_ts: self.totals.peak.map(|(_, ts)| ts),
            traffic: Exact(self.totals.traffic_bytes),
            pv: Exact(self.totals.pv),
            newest,
        }
    }
}

fn keep_largest(domains: &mut Vec<Ranked>) {
    domains.sort_by(|one, other| {
        let key = |domain: &Ranked| Reverse((domain.totals.traffic_bytes, domain.totals.pv));
        key(one).cmp(&key(other)).then_with(|| one.name.cmp(&other.name))
    });
    domains.truncate(scope::DOMAINS);
}

fn has_rollups(view: &Connection) -> rusqlite::Result<bool> {
    view.query_row(
        "SELECT count(*) = 5 FROM sqlite_schema WHERE name IN
             ('origin_hourly', 'origin_daily', 'origin_status_daily', 'origin_monthly', 'rollup_due')",
        [],
        |row| row.get(0),
    )
}

fn file_name(reader: &Reader) -> String {
    let name = reader.path().file_name().unwrap_or_default();
    text::printable(&name.to_string_lossy())
}
