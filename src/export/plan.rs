//! The partitions that the database has rows for, each with its digest. Reads no point.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use rusqlite::ToSql;
use rusqlite::types::ValueRef;

use super::asked::{self, AskedRanges};
use super::content::{ContentDigest, row_bytes};
use super::error::ExportError;
use super::partition::Partition;
use super::relation::{ExportedRelation, RowsOf};
use super::settings::FileSettings;
use super::table::FileTable;
use crate::model::{Span, UnixSeconds, civil, moment};
use crate::store::{MonthSum, PointInTime, PointSum};

/// The partitions that the database has rows for.
pub(super) struct ExportPlan {
    /// The partitions of each month, and of no month, in order.
    pub(super) groups: Vec<PlannedGroup>,
    /// How many domain-days have rollups that are out of date.
    pub(super) stale_days: usize,
}

/// The partitions of one month.
pub(super) struct PlannedGroup {
    /// The month, if they have one.
    pub(super) month: Option<PlannedMonth>,
    pub(super) partitions: Vec<PlannedPartition>,
}

/// A month, and what the commits keep about it.
#[derive(Debug, Default)]
pub(super) struct PlannedMonth {
    /// `2026-01`, in UTC+8.
    pub(super) name: String,
    /// The sums of the domains with points, in the order of their names.
    pub(super) sums: Vec<(String, PointSum)>,
    /// The domains with a row in `origin_monthly`, in the order of their names.
    rolled_up: Vec<RolledUpMonth>,
    stale: Vec<(String, UnixSeconds)>,
    /// What was asked for, by domain and time.
    asked: AskedRanges,
}

/// A partition with rows.
pub(super) struct PlannedPartition {
    pub(super) partition: Partition,
    /// The digest of its rows.
    pub(super) content: String,
    /// The domains with rows, for rollups of the domains.
    pub(super) domains: Vec<String>,
}

/// A row of `origin_monthly`.
#[derive(Debug)]
struct RolledUpMonth {
    domain: String,
    row: [u8; 32],
    /// Its days follow from its points and from this row.
    is_complete: bool,
}

/// Finds out what is to be exported.
pub(super) struct Planner<'p, 'r> {
    pub(super) moment: &'p PointInTime<'r>,
    pub(super) settings: &'p FileSettings,
    pub(super) tables: &'p BTreeMap<ExportedRelation, FileTable>,
    /// The sums of all domains and months.
    pub(super) sums: &'p [MonthSum],
    /// The number of the last commit.
    pub(super) commit: u32,
}

impl Planner<'_, '_> {
    /// Returns the partitions with rows that `wants` selects.
    pub(super) fn plan(&self, wants: impl Fn(&Partition) -> bool) -> Result<ExportPlan, ExportError> {
        let mut months: BTreeMap<String, PlannedMonth> = BTreeMap::new();
        for sum in self.sums.iter().filter(|sum| self.selects(&sum.domain)) {
            let month = months.entry(civil::cst_month(sum.month)).or_default();
            month.sums.push((sum.domain.clone(), sum.summed));
        }
        self.add_rolled_up(&mut months)?;
        let stale = self.moment.stale_days()?;
        let stale_days = stale.len();
        for (domain, day) in stale {
            if let Some(month) = months.get_mut(&civil::cst_month(day)) {
                month.stale.push((domain, day));
            }
        }
        for (name, asked) in asked::by_month(self.asked()?) {
            if let Some(month) = months.get_mut(&name) {
                month.asked = asked;
            }
        }
        let mut groups = Vec::new();
        for (name, mut month) in months {
            month.name = name;
            month.rolled_up.sort_by(|a, b| a.domain.cmp(&b.domain));
            groups.push(self.group(Some(month), &wants)?);
        }
        groups.push(self.group(None, &wants)?);
        Ok(ExportPlan { groups, stale_days })
    }

    fn selects(&self, domain: &str) -> bool {
        let names = self.settings.domains.as_ref();
        names.is_none_or(|names| names.iter().any(|name| name == domain))
    }

    /// Returns whether the relation is exported: of selected domains there is no account.
    fn exports(&self, relation: ExportedRelation) -> bool {
        let is_of_account =
            matches!(relation.rows_of(), RowsOf::Account(_)) || relation == ExportedRelation::AccountAsked;
        self.settings.domains.is_none() || !is_of_account
    }

    /// Adds the rows of `origin_monthly`: each month that was asked for has one, also without points.
    fn add_rolled_up(&self, months: &mut BTreeMap<String, PlannedMonth>) -> Result<(), ExportError> {
        let Some(table) = self.tables.get(&ExportedRelation::Monthly) else {
            return Ok(());
        };
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        let place = |name: &str| columns.iter().position(|column| *column == name);
        let (domain, month, complete) = (place("domain"), place("month_cst"), place("complete"));
        let sql = format!("SELECT {} FROM origin_monthly", columns.join(", "));
        self.moment.each_row(&sql, &[], |row| {
            let text = |at: Option<usize>| at.and_then(|at| row.get(at)?.as_str().ok());
            let (Some(domain), Some(month)) = (text(domain), text(month)) else {
                return Err(self.moment.damage(table.misfit("domain")).into());
            };
            if self.selects(domain) {
                let mut digest_of_row = [0; 32];
                digest_of_row.copy_from_slice(digest(&SHA256, &row_bytes(row)).as_ref());
                // Without a copy of the name for every row.
                let of_month = match months.get_mut(month) {
                    Some(of_month) => of_month,
                    None => months.entry(month.to_owned()).or_default(),
                };
                of_month.rolled_up.push(RolledUpMonth {
                    domain: domain.to_owned(),
                    row: digest_of_row,
                    is_complete: complete.and_then(|at| row.get(at)) == Some(&ValueRef::Integer(1)),
                });
            }
            Ok(())
        })
    }

    /// Returns the ranges of slots that the selected domains were asked for, by domain and time.
    fn asked(&self) -> Result<AskedRanges, ExportError> {
        let shift = self.settings.label.shift();
        let mut asked = AskedRanges::new();
        let sql = "SELECT domain, start_ts, end_ts FROM origin_coverage ORDER BY domain, start_ts";
        self.moment.each_row(sql, &[], |row| {
            let range = match row {
                [domain, ValueRef::Integer(start), ValueRef::Integer(end)] => {
                    let range = Span::new(*start, *end).map(|range| range.moved(-shift));
                    domain.as_str().ok().zip(range)
                }
                _ => None,
            };
            let Some((domain, range)) = range else {
                let what = "`origin_coverage` has a row that is no range";
                return Err(self.moment.damage(what.to_owned()).into());
            };
            if self.selects(domain) {
                asked.push((domain.to_owned(), range));
            }
            Ok::<_, ExportError>(())
        })?;
        Ok(asked)
    }

    fn group(
        &self,
        month: Option<PlannedMonth>,
        wants: impl Fn(&Partition) -> bool,
    ) -> Result<PlannedGroup, ExportError> {
        let mut partitions = Vec::new();
        for (&relation, table) in self.tables {
            if relation.has_months() != month.is_some() {
                continue;
            }
            let partition = Partition {
                relation,
                month: month.as_ref().map(|month| month.name.clone()),
            };
            if !wants(&partition) {
                continue;
            }
            let planned = match (relation.rows_of(), &month) {
                (RowsOf::Points, Some(month)) if !month.sums.is_empty() => {
                    let mut digest = ContentDigest::new(self.settings, table, &partition);
                    digest.sums(&month.sums);
                    Some((digest.finish(), Vec::new()))
                }
                (RowsOf::Domains(_), Some(month)) if !month.rolled_up.is_empty() => {
                    Some(self.of_domains(table, &partition, month)?)
                }
                (RowsOf::Asked, Some(month)) if self.exports(relation) => {
                    let asked = month.asked_of(relation);
                    let mut digest = ContentDigest::new(self.settings, table, &partition);
                    digest.asked(&asked);
                    (!asked.is_empty()).then(|| (digest.finish(), Vec::new()))
                }
                (RowsOf::Account(_), Some(month)) if self.exports(relation) => {
                    let ends = ends(&month.name);
                    self.of_rows(table, &partition, &[&ends.0, &ends.1])?
                }
                (RowsOf::Table, None) => self.of_rows(table, &partition, &[])?,
                _ => None,
            };
            partitions.extend(planned.map(|(content, domains)| PlannedPartition {
                partition,
                content,
                domains,
            }));
        }
        Ok(PlannedGroup { month, partitions })
    }

    /// Returns the digest of a rollup of the domains, and the domains that may have rows.
    fn of_domains(
        &self,
        table: &FileTable,
        partition: &Partition,
        month: &PlannedMonth,
    ) -> Result<(String, Vec<String>), ExportError> {
        let mut digest = ContentDigest::new(self.settings, table, partition);
        if partition.relation != ExportedRelation::Monthly {
            // The commits note the days that they change. Until the rollups of these days are computed again, they
            // show earlier points.
            digest.sums(&month.sums);
            digest.stale(&month.stale, self.commit);
        }
        if matches!(
            partition.relation,
            ExportedRelation::Monthly | ExportedRelation::Daily
        ) {
            for one in &month.rolled_up {
                digest.bytes(one.domain.as_bytes());
                digest.bytes(&one.row);
            }
        }
        if partition.relation == ExportedRelation::Daily {
            // In a month that is complete, every slot was asked for and every empty one is confirmed, so the points say
            // all about its days. Other days also depend on what was asked for.
            let (first, next) = ends(&month.name);
            let sql = table.sql();
            for one in month.rolled_up.iter().filter(|one| !one.is_complete) {
                let parameters: [&dyn ToSql; 3] = [&one.domain, &first, &next];
                self.moment.each_row(&sql, &parameters, |row| {
                    digest.bytes(&row_bytes(row));
                    Ok::<_, ExportError>(())
                })?;
            }
        }
        let domains = month.rolled_up.iter().map(|one| one.domain.clone()).collect();
        Ok((digest.finish(), domains))
    }

    /// Returns the digest of all rows of a small table; `None` if there are none.
    fn of_rows(
        &self,
        table: &FileTable,
        partition: &Partition,
        parameters: &[&dyn ToSql],
    ) -> Result<Option<(String, Vec<String>)>, ExportError> {
        let mut digest = ContentDigest::new(self.settings, table, partition);
        let mut is_empty = true;
        self.moment.each_row(&table.sql(), parameters, |row| {
            is_empty = false;
            digest.bytes(&row_bytes(row));
            Ok::<_, ExportError>(())
        })?;
        Ok((!is_empty).then(|| (digest.finish(), Vec::new())))
    }
}

impl PlannedMonth {
    /// Returns the starts of its slots.
    pub(super) fn span(&self) -> Option<Span> {
        month_span(&self.name)
    }

    /// Returns the ranges behind a relation of asked days. A domain of which nothing was fetched has no month, but its
    /// slots count for the account.
    pub(super) fn asked_of(&self, relation: ExportedRelation) -> AskedRanges {
        let mut asked = self.asked.clone();
        if relation == ExportedRelation::Asked {
            // They are in the order of their names.
            let find = |name: &str| {
                self.rolled_up
                    .binary_search_by(|one| one.domain.as_str().cmp(name))
            };
            asked.retain(|(domain, _)| find(domain).is_ok());
        }
        asked
    }
}

impl ExportPlan {
    /// Returns the partitions with rows.
    pub(super) fn partitions(&self) -> BTreeSet<Partition> {
        let all = self.groups.iter().flat_map(|group| &group.partitions);
        all.map(|planned| planned.partition.clone()).collect()
    }
}

/// Returns the range of a month such as `2026-01`, in UTC+8.
pub(super) fn month_span(name: &str) -> Option<Span> {
    let first = moment::parse_moment(name, 0).ok()?;
    let (start, end) = civil::cst_month_bounds(first)?;
    Span::new(start, end)
}

/// Returns the texts between which the hours, days and months of a month lie: its own name, and the next one.
pub(super) fn ends(month: &str) -> (String, String) {
    let next = month_span(month).map_or_else(|| month.to_owned(), |span| civil::cst_month(span.end()));
    (month.to_owned(), next)
}
