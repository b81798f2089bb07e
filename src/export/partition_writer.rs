//! Writes the partitions that are due: all of a month's points in one pass, and the other relations one by one.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use rusqlite::ToSql;

use super::asked;
use super::directory::ExportDirectory;
use super::error::ExportError;
use super::partition::Partition;
use super::plan::{ExportPlan, PlannedGroup, PlannedMonth, PlannedPartition, ends};
use super::point_cells::PointCells;
use super::progress::{ExportProgress, FileTotals};
use super::relation::{ExportedRelation, RowsOf};
use super::settings::FileSettings;
use super::staged::{PartLimits, StagedPart, StagedRows, totals};
use super::table::FileTable;
use crate::model::convert::to_u64;
use crate::model::status_codes::class;
use crate::model::text::printable;
use crate::store::{PointInTime, StoredDomain};

/// After how many points of a domain an export looks whether it is to stop.
const POINTS_A_LOOK: usize = 512;

/// Why the reading of points ended early.
enum Halt {
    Stopped,
    Failed(ExportError),
}

impl<E: Into<ExportError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// How many files were written, kept and deleted.
#[derive(Debug, Default)]
pub(super) struct ExportCounters {
    pub(super) written: FileTotals,
    pub(super) unchanged: u64,
    pub(super) removed: u64,
}

/// How the files are written.
pub(super) struct OutputForm<'e> {
    pub(super) settings: &'e FileSettings,
    pub(super) limits: PartLimits,
    pub(super) tables: &'e BTreeMap<ExportedRelation, FileTable>,
    /// The class of each code, as the database has it.
    pub(super) classes: HashMap<String, String>,
}

/// Writes the partitions of a plan that the directory does not hold yet.
pub(super) struct PartitionWriter<'e, 'r, W> {
    form: OutputForm<'e>,
    moment: PointInTime<'r>,
    directory: ExportDirectory,
    /// The selected domains with points; read when they are first needed.
    domains: Option<Vec<StoredDomain>>,
    progress: ExportProgress,
    summary: ExportCounters,
    watch: W,
}

impl<'e, 'r, W: FnMut(ExportProgress) -> ControlFlow<()>> PartitionWriter<'e, 'r, W> {
    pub(super) fn new(
        form: OutputForm<'e>,
        moment: PointInTime<'r>,
        directory: ExportDirectory,
        watch: W,
    ) -> Self {
        Self {
            form,
            moment,
            directory,
            domains: None,
            progress: ExportProgress::default(),
            summary: ExportCounters::default(),
            watch,
        }
    }

    /// Returns the directory, and what was done in it.
    pub(super) fn into_parts(self) -> (ExportDirectory, ExportCounters) {
        (self.directory, self.summary)
    }

    /// Writes what is due, and deletes what has vanished from the database.
    pub(super) fn run(
        &mut self,
        plan: &ExportPlan,
        vanished: &[Partition],
    ) -> Result<ControlFlow<()>, ExportError> {
        let due: Vec<_> = plan.groups.iter().map(|group| (group, self.due(group))).collect();
        self.progress.steps = due.iter().map(|(group, due)| steps(group, due)).sum();
        for (group, due) in due {
            let (points, others): (Vec<_>, Vec<_>) = due
                .into_iter()
                .partition(|planned| planned.partition.relation.rows_of() == RowsOf::Points);
            if let Some(month) = group.month.as_ref().filter(|_| !points.is_empty())
                && self.points(month, &points)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
            for planned in others {
                if self.rows(group.month.as_ref(), planned)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        for partition in vanished {
            let removed = self.directory.remove(partition)?;
            self.summary.removed += to_u64(removed);
        }
        self.directory.use_settings();
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the partitions to write, and counts the files of the others.
    fn due<'p>(&mut self, group: &'p PlannedGroup) -> Vec<&'p PlannedPartition> {
        let mut due = Vec::new();
        for planned in &group.partitions {
            let held = self
                .directory
                .holds(&planned.partition, &planned.content)
                .filter(|parts| {
                    let mut classes = parts.iter().flat_map(|part| &part.classes);
                    classes.all(|text| {
                        let known = text.split_once(' ');
                        known.is_some_and(|(class, code)| self.class_of(code) == class)
                    })
                });
            match held {
                Some(parts) => self.summary.unchanged += to_u64(parts.len()),
                None => due.push(planned),
            }
        }
        due
    }

    fn class_of<'a>(&'a self, code: &'a str) -> &'a str {
        self.form
            .classes
            .get(code)
            .map_or_else(|| class(code), String::as_str)
    }

    /// Writes the partitions of points of a month. The points are read once for all of them.
    fn points(
        &mut self,
        month: &PlannedMonth,
        due: &[&PlannedPartition],
    ) -> Result<ControlFlow<()>, ExportError> {
        let Some(span) = month.span() else {
            return Ok(ControlFlow::Continue(()));
        };
        self.directory.begin()?;
        let domains = if let Some(domains) = self.domains.take() {
            domains
        } else {
            let mut domains = self.moment.domains()?;
            let names = self.form.settings.domains.as_ref();
            domains.retain(|domain| names.is_none_or(|names| names.contains(&domain.name)));
            domains
        };
        let mut staged = Vec::new();
        for planned in due {
            if let Some(table) = self.form.tables.get(&planned.partition.relation) {
                staged.push((
                    PointCells::new(table, &self.form.classes).map_err(|what| self.moment.damage(what))?,
                    self.staged(planned, table),
                ));
            }
        }
        let mut kept = month.sums.iter().peekable();
        let labels = span.moved(self.form.settings.label.shift());
        let mut rows = 0;
        for domain in &domains {
            if (self.watch)(self.progress).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let (watch, progress) = (&mut self.watch, self.progress);
            let mut points = 0_usize;
            let walked = self.moment.each_point(domain, labels, |point| {
                points += 1;
                if points.is_multiple_of(POINTS_A_LOOK) && watch(progress).is_break() {
                    return Err(Halt::Stopped);
                }
                for (cells, staged) in &mut staged {
                    rows += cells.each_row(&domain.name, point, |row| staged.row(row))?;
                }
                Ok(())
            });
            let sum = match walked {
                Ok(sum) => sum,
                Err(Halt::Stopped) => return Ok(ControlFlow::Break(())),
                Err(Halt::Failed(error)) => return Err(error),
            };
            let kept = kept.next_if(|(name, _)| *name == domain.name);
            if kept.map_or_else(Default::default, |(_, sum)| *sum) != sum {
                return Err(self.damaged(&domain.name, month));
            }
            self.progress.done += 1;
            self.progress.rows = self.summary.written.rows + rows;
        }
        if let Some((name, _)) = kept.next() {
            return Err(self.damaged(name, month));
        }
        self.domains = Some(domains);
        let mut finished = Vec::new();
        for (planned, (_, staged)) in due.iter().zip(staged) {
            finished.push((*planned, staged.finish()?));
        }
        for (planned, parts) in finished {
            self.publish(planned, parts)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Writes a partition whose rows are no points.
    fn rows(
        &mut self,
        month: Option<&PlannedMonth>,
        planned: &PlannedPartition,
    ) -> Result<ControlFlow<()>, ExportError> {
        let relation = planned.partition.relation;
        let Some(table) = self.form.tables.get(&relation) else {
            return Ok(ControlFlow::Continue(()));
        };
        self.directory.begin()?;
        let sql = table.sql();
        let (first, next) = planned.partition.month.as_deref().map(ends).unwrap_or_default();
        let mut staged = self.staged(planned, table);
        let one = [String::new()];
        let domains = if planned.domains.is_empty() {
            &one[..]
        } else {
            &planned.domains
        };
        for domain in domains {
            if (self.watch)(self.progress).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let parameters: &[&dyn ToSql] = match relation.rows_of() {
                RowsOf::Domains(_) => &[domain, &first, &next],
                RowsOf::Account(_) => &[&first, &next],
                RowsOf::Points | RowsOf::Asked | RowsOf::Table => &[],
            };
            if relation.rows_of() == RowsOf::Asked {
                let asked = month.map(|month| month.asked_of(relation)).unwrap_or_default();
                for day in asked::days(relation, &asked) {
                    staged.row(&asked::cells(table, day))?;
                }
                continue;
            }
            let moment = &self.moment;
            moment.each_row(&sql, parameters, |row| {
                let cells = table.cells(row).map_err(|what| moment.damage(what))?;
                staged.row(&cells)
            })?;
        }
        let parts = staged.finish()?;
        self.publish(planned, parts)?;
        self.progress.done += 1;
        Ok(ControlFlow::Continue(()))
    }

    fn publish(&mut self, planned: &PlannedPartition, parts: Vec<StagedPart>) -> Result<(), ExportError> {
        if parts.is_empty() {
            // The rollups of the month are not computed yet.
            let removed = self.directory.remove(&planned.partition)?;
            self.summary.removed += to_u64(removed);
            return Ok(());
        }
        let (files, rows, bytes) = totals(&parts);
        self.directory.publish(&planned.partition, parts)?;
        let written = &mut self.summary.written;
        written.files += files;
        written.rows = written.rows.saturating_add(rows);
        written.bytes = written.bytes.saturating_add(bytes);
        self.progress.rows = written.rows;
        Ok(())
    }
}

impl<'e, W> PartitionWriter<'e, '_, W> {
    fn damaged(&self, domain: &str, month: &PlannedMonth) -> ExportError {
        let (domain, month) = (printable(domain), &month.name);
        let what =
            format!("the points of `{domain}` in {month} differ from the sums that were kept with them");
        self.moment.damage(what).into()
    }

    fn staged(&self, planned: &PlannedPartition, table: &'e FileTable) -> StagedRows<'e> {
        StagedRows::new(
            self.directory.root(),
            (self.form.settings, self.form.limits),
            table,
            planned.partition.clone(),
            planned.content.clone(),
        )
    }
}

/// Returns how many steps of progress the writing of these partitions takes.
fn steps(group: &PlannedGroup, due: &[&PlannedPartition]) -> u64 {
    let is_of_points = |planned: &&&PlannedPartition| planned.partition.relation.rows_of() == RowsOf::Points;
    let points = due.iter().filter(is_of_points).count();
    let domains = group.month.as_ref().map_or(0, |month| month.sums.len());
    to_u64(due.len() - points + if points > 0 { domains } else { 0 })
}
