//! The data of the page, as its script reads it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Serialize;

use super::daily::{self, Calendar, DomainTotals};
use super::error::ReportError;
use super::months::{self, MonthRow};
use super::number::Exact;
use super::quality::{self, Gaps, Restatements};
use super::scope::{self, ReportRequest, Scope, Step};
use super::series::{self, TimeSeries};
use super::source::Source;
use super::status::{self, ClassSeries, CodeRow};
use crate::model::convert::to_u64;
use crate::model::{Refresh, SlotLabel, Span, UnixSeconds, text};
use crate::store::{AsOf, Reader, RunOverview, UnfinishedRun};

/// How many characters of a name are shown. A host name has at most 253.
const SHOWN_NAME: usize = 260;

/// The data of the page.
#[derive(Debug, Default, Serialize)]
pub struct ReportData {
    /// The version of this program.
    pub version: &'static str,
    /// The file name of the database.
    pub database: String,
    /// When the data was read.
    pub made: UnixSeconds,
    /// `end` if the time of a point is the end of its 5 minutes, otherwise `start`.
    pub slot_label: &'static str,
    /// The first UTC+8 midnight of the days shown; `null` if there is nothing to show.
    pub from: Option<UnixSeconds>,
    /// The UTC+8 midnight after them.
    pub to: Option<UnixSeconds>,
    /// The newest point of the domains shown, within those days or later.
    pub newest: Option<UnixSeconds>,
    /// Whether -d chose the domains.
    pub chosen: bool,
    /// The number of domains that were left out because there are too many.
    pub left_out: usize,
    /// The number of rejects.
    pub rejects: u64,
    /// The number of domain-days with stale rollups.
    pub due_days: u64,
    /// The last run.
    pub last_run: Option<RunOverview>,
    /// When the last run ended. Gaps and completeness are as of then.
    pub as_of: Option<UnixSeconds>,
    /// The run that began after that and has not ended.
    pub unfinished: Option<UnfinishedRun>,
    /// The totals of the account; `null` if -d chose domains.
    pub account: Option<DomainRow>,
    /// Bandwidth and requests of the account, by the length of a bucket in seconds.
    pub account_series: BTreeMap<i64, TimeSeries>,
    /// Completeness of the account by day, where that of the domains is shown.
    pub account_calendar: Option<Calendar>,
    /// The domains, the one with the most traffic first.
    pub domains: Vec<DomainRow>,
    /// The length of a bucket of `series`, in seconds.
    pub step: i64,
    /// Bandwidth and requests, by domain.
    pub series: Vec<TimeSeries>,
    /// The length of a bucket of `status`, in seconds.
    pub status_step: i64,
    /// Requests by status class, by domain.
    pub status: Vec<ClassSeries>,
    /// Requests by status code.
    pub codes: Vec<CodeRow>,
    /// The number of codes that were left out because there are too many.
    pub codes_left_out: usize,
    /// Completeness by day, by domain; `null` if that would be too much.
    pub calendar: Option<Vec<Calendar>>,
    /// The months of the account, then those of the domains.
    pub months: Vec<MonthRow>,
    /// The slots without a point.
    pub gaps: Gaps,
    /// The values that a later answer changed.
    pub restatements: Restatements,
}

/// A domain and the totals of its days.
#[derive(Debug, Serialize)]
pub struct DomainRow {
    /// The name, safe to print.
    pub name: String,
    /// The number of points.
    pub points: i64,
    /// The number of slots that were asked for.
    pub expected: i64,
    /// The mean of its points, in whole bit/s.
    pub avg: Option<Exact>,
    /// The highest point, in bit/s.
    pub peak: Option<Exact>,
    /// The time of the highest point.
    pub peak_ts: Option<UnixSeconds>,
    /// Bandwidth summed over time.
    pub traffic: Exact,
    /// Requests.
    pub pv: Exact,
    /// Requests that ended with an origin error. Of the account: those of the domains on the page.
    pub errors: Exact,
    /// The newest point, within the days shown or later.
    pub newest: Option<UnixSeconds>,
}

/// A domain without its days: those of many domains and years are too many to keep.
struct RankedDomain {
    name: String,
    totals: DomainTotals,
}

impl ReportData {
    /// Reads the data of `request`, in one view of the database that no writer changes.
    pub fn read(reader: &Reader, request: &ReportRequest, now: UnixSeconds) -> Result<Self, ReportError> {
        // Ends with this function. Nothing is written, so there is nothing to commit.
        let view = reader.connection().unchecked_transaction()?;
        if !has_rollups(&view)? {
            return Err(ReportError::OldSchema);
        }
        let label = reader.slot_label()?;
        let scope = Scope::find(reader, request, label)?;
        let file_name = reader.path().file_name().unwrap_or_default();
        let mut report = Self {
            version: env!("CARGO_PKG_VERSION"),
            database: text::printable(&file_name.to_string_lossy()),
            made: now,
            slot_label: label.as_str(),
            chosen: !request.domains.is_empty(),
            last_run: reader.last_runs(1)?.pop(),
            ..Self::default()
        };
        AsOf {
            ended_at: report.as_of,
            unfinished: report.unfinished,
            ..
        } = reader.as_of()?;
        if let Some(run) = &mut report.last_run {
            run.command = text::printable(&run.command);
        }
        if let Some(run) = &mut report.unfinished {
            run.command = text::printable(&run.command);
        }
        if let Some(span) = scope.span {
            report.fill(reader, &scope.domains, (span, label), &request.refresh)?;
        } else {
            for name in &scope.domains {
                report.gaps.add(reader, (name, 0), None)?;
            }
        }
        Ok(report)
    }

    fn fill(
        &mut self,
        reader: &Reader,
        names: &[String],
        (span, label): (Span, SlotLabel),
        refresh: &Refresh,
    ) -> Result<(), ReportError> {
        // The relations of the ledger name a slot by its label.
        let labels = span.moved(label.shift());
        self.from = Some(span.start());
        self.to = Some(span.end());
        self.rejects = quality::rejects(reader, self.chosen.then_some(names), labels)?;
        let stale = reader.stale_days_in(span)?;
        let of_these = stale.iter().filter(|(name, _)| names.contains(name));
        self.due_days = to_u64(of_these.map(|(_, days)| days).sum::<i64>());
        let ranked = self.rank(reader, names, span)?;
        let step = Step::finest(ranked.len(), span);
        let status_step = Step::days(ranked.len(), span, scope::STATUS_CELLS);
        self.step = step.seconds();
        self.status_step = status_step.seconds();
        let first = months::first(ranked.len(), span);
        self.months = months::read(reader, (Source::Account, None), &first, span)?;
        let words = months::words(reader, &self.months, (refresh, self.made))?;
        months::explain(&mut self.months, None, &words);
        let has_calendar = Step::days(ranked.len(), span, scope::CELLS) == Step::Days(1);
        self.calendar = has_calendar.then(Vec::new);
        if !self.chosen {
            self.read_account(reader, span, step)?;
        }
        let mut codes = Vec::new();
        let texts = status::texts(reader)?;
        let mut all_errors: i64 = 0;
        for (place, domain) in ranked.iter().enumerate() {
            let name = &domain.name;
            let days = daily::read(reader, Source::Domain(name), span)?;
            self.series
                .push(series::read(reader, name, (span, label), step, &days)?);
            let (by_class, by_code) = status::read(reader, name, span, status_step)?;
            self.status.push(by_class);
            let errors = status::origin_errors(&by_code, &texts);
            all_errors = all_errors.saturating_add(errors);
            codes.push(by_code);
            if let Some(calendars) = &mut self.calendar {
                calendars.push(daily::calendar(span, &days));
            }
            let mut rows = months::read(reader, (Source::Domain(name), Some(place)), &first, span)?;
            months::explain(&mut rows, Some(name), &words);
            self.months.append(&mut rows);
            self.gaps.add(reader, (name, place), Some(labels))?;
            self.restatements.add(reader, (name, place), labels)?;
            let newest = reader.newest_point(name)?;
            self.newest = self.newest.max(newest);
            self.domains.push(domain.row(newest, errors));
        }
        if let Some(account) = &mut self.account {
            account.errors = Exact(all_errors);
        }
        (self.codes, self.codes_left_out) = status::by_domain(&codes, &texts);
        Ok(())
    }

    /// Reads the account. Its steps are those of the page; points are summed in the page.
    fn read_account(&mut self, reader: &Reader, span: Span, step: Step) -> Result<(), ReportError> {
        let days = daily::read(reader, Source::Account, span)?;
        let steps = match step {
            Step::Points | Step::Hours => vec![Step::Hours, Step::Days(1)],
            Step::Days(_) => vec![step],
        };
        for step in steps {
            let series = series::of_account(reader, span, step, &days)?;
            self.account_series.insert(step.seconds(), series);
        }
        self.account_calendar = self.calendar.is_some().then(|| daily::calendar(span, &days));
        let account = RankedDomain {
            name: String::new(),
            totals: DomainTotals::of(&days),
        };
        self.account = Some(account.row(None, 0));
        Ok(())
    }

    /// Returns the domains by traffic, as many as a page may show.
    fn rank(
        &mut self,
        reader: &Reader,
        names: &[String],
        span: Span,
    ) -> Result<Vec<RankedDomain>, ReportError> {
        let mut ranked = Vec::new();
        for name in names {
            let days = daily::read(reader, Source::Domain(name), span)?;
            ranked.push(RankedDomain {
                name: name.clone(),
                totals: DomainTotals::of(&days),
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

impl RankedDomain {
    fn row(&self, newest: Option<UnixSeconds>, errors: i64) -> DomainRow {
        DomainRow {
            name: text::shorten(&self.name, SHOWN_NAME),
            points: self.totals.points,
            expected: self.totals.expected,
            avg: self.totals.average(),
            peak: self.totals.peak.map(|(peak, _)| Exact(peak)),
            peak_ts: self.totals.peak.map(|(_, ts)| ts),
            traffic: Exact(self.totals.traffic_bytes),
            pv: Exact(self.totals.pv),
            errors: Exact(errors),
            newest,
        }
    }
}

fn keep_largest(domains: &mut Vec<RankedDomain>) {
    domains.sort_by(|one, other| {
        let key = |domain: &RankedDomain| Reverse((domain.totals.traffic_bytes, domain.totals.pv));
        key(one).cmp(&key(other)).then_with(|| one.name.cmp(&other.name))
    });
    domains.truncate(scope::DOMAINS);
}

fn has_rollups(view: &Connection) -> rusqlite::Result<bool> {
    view.query_row(
        "SELECT count(*) = 8 FROM sqlite_schema
         WHERE name IN ('origin_hourly', 'origin_daily', 'origin_status_daily', 'origin_monthly', 'origin_codes',
                        'origin_account_hourly', 'origin_account_daily', 'origin_account_monthly')",
        [],
        |row| row.get(0),
    )
}
