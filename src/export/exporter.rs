//! One export: compares the database with the directory, writes the changed files and the manifest.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::content::{ContentReader, SetDigests};
use super::csv_part::CsvPart;
use super::directory::ExportDirectory;
use super::error::ExportError;
use super::manifest::Manifest;
use super::parquet_part::ParquetPart;
use super::part::{PartFile, WrittenFile};
use super::partition::{Partition, has_room_for};
use super::relation::{DataFormat, ExportedRelation, ExportedRow};
use crate::model::convert::to_u64;
use crate::model::{Domain, SlotLabel, Span, UnixSeconds, civil, moment};
use crate::nearest::nearest;
use crate::store::{PointInTime, Reader, StoredDomain};

/// What to export, and where to.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The directory; it is created if it does not exist.
    pub directory: PathBuf,
    /// The format of the files.
    pub format: DataFormat,
    /// The domains; empty for all domains of the database.
    pub domains: Vec<Domain>,
    /// Complete months that overlap this range; `None` for all.
    pub range: Option<Span>,
    /// The current time, for the manifest.
    pub now: UnixSeconds,
}

/// The progress of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportProgress {
    /// Domain-months to compare.
    pub months: u64,
    /// Domain-months that are done.
    pub done: u64,
    /// Rows written.
    pub rows: u64,
}

/// The number of files, of their rows and of their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// Files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their sizes.
    pub bytes: u64,
}

impl FileTotals {
    fn add(&mut self, rows: u64, bytes: u64) {
        self.files += 1;
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The result of an export.
#[derive(Debug)]
pub struct ExportSummary {
    /// The files that were written.
    pub written: FileTotals,
    /// How many files were up to date.
    pub unchanged: u64,
    /// How many files were deleted because the database has no data for them any more.
    pub removed: u64,
    /// It was stopped before the last month.
    pub stopped: bool,
    /// The files of the directory.
    pub manifest: Manifest,
}

/// Updates a directory to the current state of the database.
///
/// `watch` receives the progress and may stop the export. The files that were written by then are kept and listed.
pub fn export(
    reader: &Reader,
    request: &ExportRequest,
    watch: impl FnMut(ExportProgress) -> ControlFlow<()>,
) -> Result<ExportSummary, ExportError> {
    let moment = reader.point_in_time()?;
    let label = reader.slot_label()?;
    let known = moment.domains()?;
    if let Some(long) = known
        .iter()
        .find(|domain| request.names(&domain.name) && !has_room_for(&domain.name))
    {
        return Err(ExportError::LongDomain {
            domain: long.name.clone(),
        });
    }
    refuse_unknown(request, &known)?;
    let form = (request.format, label);
    let directory = ExportDirectory::claim(&request.directory, form, moment.schema()?, request.now)?;
    let mut request = request.clone();
    if directory.manifest().label != label {
        // Some points move to the file of another month. Both files must be written.
        request.domains.clear();
        request.range = None;
    }
    let mut exporter = Exporter {
        request: &request,
        moment,
        label,
        directory,
        sets: SetDigests::default(),
        seen: HashSet::new(),
        progress: ExportProgress::default(),
        summary: ExportCounters::default(),
        watch,
    };
    let ended = exporter.run(&known);
    let Exporter {
        directory, summary, ..
    } = exporter;
    // After an error, too, the manifest lists the files that were written.
    let closed = directory.close();
    let stopped = ended?.is_break();
    Ok(ExportSummary {
        written: summary.written,
        unchanged: summary.unchanged,
        removed: summary.removed,
        stopped,
        manifest: closed?,
    })
}

impl ExportRequest {
    /// Returns whether the request includes `domain`.
    fn names(&self, domain: &str) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|name| name.as_str() == domain)
    }

    /// Returns whether the request includes the file of `partition`.
    fn asks_for(&self, partition: &Partition) -> bool {
        let in_range =
            |range: Span| month_of(&partition.month).is_none_or(|month| month.intersect(&range).is_some());
        self.names(&partition.domain) && self.range.is_none_or(in_range)
    }
}

#[derive(Debug, Default)]
struct ExportCounters {
    written: FileTotals,
    unchanged: u64,
    removed: u64,
}

struct Exporter<'r, W> {
    request: &'r ExportRequest,
    moment: PointInTime<'r>,
    /// Decides the month of a point.
    label: SlotLabel,
    directory: ExportDirectory,
    sets: SetDigests,
    /// The files for which the database has data.
    seen: HashSet<Partition>,
    progress: ExportProgress,
    summary: ExportCounters,
    watch: W,
}

impl<W: FnMut(ExportProgress) -> ControlFlow<()>> Exporter<'_, W> {
    fn run(&mut self, known: &[StoredDomain]) -> Result<ControlFlow<()>, ExportError> {
        let plan = self.plan(known)?;
        self.progress.months = to_u64(plan.len());
        for (domain, month) in plan {
            if (self.watch)(self.progress).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.month(domain, month)?;
            self.progress.done += 1;
        }
        self.remove_vanished()?;
        self.directory.relabel(self.label);
        Ok(ControlFlow::Continue(()))
    }

    /// Returns the months to compare: those with points of each requested domain, and those with broken files.
    fn plan<'k>(&self, known: &'k [StoredDomain]) -> Result<Vec<(&'k StoredDomain, Span)>, ExportError> {
        let mut plan = Vec::new();
        for domain in known {
            let mut months = BTreeSet::new();
            if self.request.names(&domain.name) {
                self.add_months(domain, self.request.range, &mut months)?;
            }
            for broken in self.directory.broken() {
                if broken.domain == domain.name
                    && let Some(month) = month_of(&broken.month)
                {
                    self.add_months(domain, Some(month), &mut months)?;
                }
            }
            plan.extend(months.into_iter().map(|month| (domain, month)));
        }
        Ok(plan)
    }

    /// Adds the months of `range`, or of all time, that have points of `domain`. Months and `range` begin at UTC+8
    /// midnights; the label of the first slot of a month may be later.
    fn add_months(
        &self,
        domain: &StoredDomain,
        range: Option<Span>,
        months: &mut BTreeSet<Span>,
    ) -> Result<(), ExportError> {
        let bounds = |ts| {
            let bounds = civil::cst_month_bounds(ts);
            bounds
                .and_then(|(start, end)| Span::new(start, end))
                .ok_or_else(|| ExportError::BeyondCalendar {
                    domain: domain.name.clone(),
                    ts,
                })
        };
        let shift = self.label.shift();
        let mut from = match range {
            Some(range) => bounds(range.start())?.start() + shift,
            None => UnixSeconds::MIN,
        };
        while let Some(first) = self.moment.first_from(domain, from)? {
            let month = bounds(first.saturating_sub(shift))?;
            if range.is_some_and(|range| month.intersect(&range).is_none()) {
                break;
            }
            months.insert(month);
            from = month.end() + shift;
        }
        Ok(())
    }

    /// Updates the files of one domain and month.
    fn month(&mut self, domain: &StoredDomain, month: Span) -> Result<(), ExportError> {
        let mut reading = ContentReader::new(&domain.name, &mut self.sets);
        let labels = month.moved(self.label.shift());
        self.moment.each_point(domain, labels, |point| {
            reading.add(point);
            Ok::<_, ExportError>(())
        })?;
        for (relation, content) in ExportedRelation::ALL.into_iter().zip(reading.finish()) {
            if content.rows == 0 {
                continue;
            }
            let partition = Partition {
                relation,
                domain: domain.name.clone(),
                month: civil::cst_month(month.start()),
            };
            self.seen.insert(partition.clone());
            if self.directory.holds(&partition, &content) {
                self.summary.unchanged += 1;
                continue;
            }
            self.directory.begin_change(&partition)?;
            let file = self.write(domain, month, &partition)?;
            self.summary.written.add(content.rows, file.bytes);
            self.progress.rows = self.summary.written.rows;
            self.directory.put(partition, content, file);
        }
        Ok(())
    }

    fn write(
        &mut self,
        domain: &StoredDomain,
        month: Span,
        partition: &Partition,
    ) -> Result<WrittenFile, ExportError> {
        let file = PartFile::create(self.directory.root(), partition, self.request.format)?;
        let relation = partition.relation;
        let mut part = match self.request.format {
            DataFormat::Parquet => PartWriter::Parquet(Box::new(ParquetPart::new(file, relation)?)),
            DataFormat::Csv => PartWriter::Csv(Box::new(CsvPart::new(file, relation, &domain.name)?)),
        };
        let labels = month.moved(self.label.shift());
        self.moment.each_point(domain, labels, |point| {
            relation.each_row(point, |row| part.row(row))
        })?;
        part.finish()
    }

    /// Deletes the requested files for which the database has no data any more.
    fn remove_vanished(&mut self) -> Result<(), ExportError> {
        let vanished: Vec<Partition> = self
            .directory
            .manifest()
            .files
            .keys()
            .filter(|file| self.request.asks_for(file) || self.directory.broken().contains(file))
            .filter(|file| !self.seen.contains(*file))
            .cloned()
            .collect();
        for partition in vanished {
            self.directory.remove(&partition)?;
            self.summary.removed += 1;
        }
        Ok(())
    }
}

/// Refuses a domain of the request that has no points and is not in the manifest.
fn refuse_unknown(request: &ExportRequest, known: &[StoredDomain]) -> Result<(), ExportError> {
    let before = Manifest::load(&request.directory)?;
    let listed = before.iter().flat_map(|manifest| manifest.files.keys());
    let listed: HashSet<&str> = listed.map(|file| file.domain.as_str()).collect();
    let names = || known.iter().map(|domain| domain.name.as_str());
    let is_known = |name: &str| listed.contains(name) || names().any(|known| known == name);
    let unknown = request.domains.iter().find(|domain| !is_known(domain.as_str()));
    unknown.map_or(Ok(()), |domain| {
        Err(ExportError::UnknownDomain {
            domain: domain.to_string(),
            meant: nearest(domain.as_str(), names()).map(str::to_owned),
        })
    })
}

/// Writes a file in one of the formats.
enum PartWriter {
    Parquet(Box<ParquetPart>),
    Csv(Box<CsvPart>),
}

impl PartWriter {
    fn row(&mut self, row: ExportedRow<'_>) -> Result<(), ExportError> {
        match self {
            Self::Parquet(part) => part.row(row),
            Self::Csv(part) => part.row(row),
        }
    }

    fn finish(self) -> Result<WrittenFile, ExportError> {
        match self {
            Self::Parquet(part) => part.finish(),
            Self::Csv(part) => part.finish(),
        }
    }
}

/// Returns the range of a month such as `2026-01`, in UTC+8.
fn month_of(name: &str) -> Option<Span> {
    let first = moment::parse_moment(name, 0).ok()?;
    let (start, end) = civil::cst_month_bounds(first)?;
    Span::new(start, end)
}
