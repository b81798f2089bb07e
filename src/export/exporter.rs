//! One export, from the first look to the manifest.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::content::{ContentReader, SetDigests};
use super::csv_part::CsvPart;
use super::directory::Directory;
use super::error::ExportError;
use super::manifest::Manifest;
use super::parquet_part::ParquetPart;
use super::part::{PartFile, WrittenFile};
use super::partition::{Partition, has_room_for};
use super::relation::{DataFormat, Relation, Row};
use crate::model::convert::to_u64;
use crate::model::{Domain, SlotLabel, Span, UnixSeconds, civil, moment};
use crate::nearest::nearest;
use crate::store::{PointInTime, Reader, StoredDomain};

/// What is to be exported, and where to.
#[derive(Debug, Clone)]
pub struct Request {
    /// The directory, which is made if need be.
    pub directory: PathBuf,
    /// The form of the files.
    pub format: DataFormat,
    /// These domains; none: all that the database holds.
    pub domains: Vec<Domain>,
    /// The months that this range touches, whole; `None`: all of them.
    pub range: Option<Span>,
    /// The time of day, for the manifest.
    pub now: UnixSeconds,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Months of domains to look at.
    pub months: u64,
    /// How many of them are done.
    pub done: u64,
    /// Rows written.
    pub rows: u64,
}

/// Files, with what is in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their sizes.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, rows: u64, bytes: u64) {
        self.files += 1;
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What an export did.
#[derive(Debug)]
pub struct Summary {
    /// Files that were written.
    pub written: Tally,
    /// Files whose data has not changed.
    pub unchanged: u64,
    /// Files that were taken away, since the database holds nothing for them any more.
    pub removed: u64,
    /// It was stopped before it had looked at every month.
    pub stopped: bool,
    /// What the directory holds now.
    pub manifest: Manifest,
}

/// Brings a directory up to date with the database as it is at this moment.
///
/// `watch` is told how far it is and may stop it; what is written by then is kept, and listed.
pub fn export(
    reader: &Reader,
    request: &Request,
    watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Summary, ExportError> {
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
    let directory = Directory::claim(&request.directory, form, moment.schema()?, request.now)?;
    let mut request = request.clone();
    if directory.manifest().label != label {
        // A point that moves to another month's file must not be missing in both.
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
        progress: Progress::default(),
        summary: Counters::default(),
        watch,
    };
    let ended = exporter.run(&known);
    let Exporter {
        directory, summary, ..
    } = exporter;
    // Whatever stopped it, what has been written is listed.
    let closed = directory.close();
    let stopped = ended?.is_break();
    Ok(Summary {
        written: summary.written,
        unchanged: summary.unchanged,
        removed: summary.removed,
        stopped,
        manifest: closed?,
    })
}

impl Request {
    /// Whether `domain` is among those that are asked for.
    fn names(&self, domain: &str) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|name| name.as_str() == domain)
    }

    /// Whether the file of `partition` is asked for.
    fn asks_for(&self, partition: &Partition) -> bool {
        let in_range =
            |range: Span| month_of(&partition.month).is_none_or(|month| month.intersect(&range).is_some());
        self.names(&partition.domain) && self.range.is_none_or(in_range)
    }
}

#[derive(Debug, Default)]
struct Counters {
    written: Tally,
    unchanged: u64,
    removed: u64,
}

struct Exporter<'r, W> {
    request: &'r Request,
    moment: PointInTime<'r>,
    /// Which month a point belongs to.
    label: SlotLabel,
    directory: Directory,
    sets: SetDigests,
    /// Files that the database has data for.
    seen: HashSet<Partition>,
    progress: Progress,
    summary: Counters,
    watch: W,
}

impl<W: FnMut(Progress) -> ControlFlow<()>> Exporter<'_, W> {
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

    /// The months with points of each domain that is asked for, and those whose files are broken.
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

    /// Adds the months of `range`, or of all time, that hold points of `domain`. Months and `range` are cut at UTC+8
    /// midnights; the label of a month's first slot may lie after that.
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

    /// Brings the files of one domain and month up to date.
    fn month(&mut self, domain: &StoredDomain, month: Span) -> Result<(), ExportError> {
        let mut reading = ContentReader::new(&domain.name, &mut self.sets);
        let labels = month.moved(self.label.shift());
        self.moment.each_point(domain, labels, |point| {
            reading.add(point);
            Ok::<_, ExportError>(())
        })?;
        for (relation, content) in Relation::ALL.into_iter().zip(reading.finish()) {
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
            DataFormat::Parquet => Part::Parquet(Box::new(ParquetPart::new(file, relation)?)),
            DataFormat::Csv => Part::Csv(Box::new(CsvPart::new(file, relation, &domain.name)?)),
        };
        let labels = month.moved(self.label.shift());
        self.moment.each_point(domain, labels, |point| {
            relation.each_row(point, |row| part.row(row))
        })?;
        part.finish()
    }

    /// Takes away the files that are asked for, but which the database holds nothing for any more.
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

/// A domain that is asked for by name has points, or had some when it was last exported.
fn refuse_unknown(request: &Request, known: &[StoredDomain]) -> Result<(), ExportError> {
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

/// A file in one of the formats.
enum Part {
    Parquet(Box<ParquetPart>),
    Csv(Box<CsvPart>),
}

impl Part {
    fn row(&mut self, row: Row<'_>) -> Result<(), ExportError> {
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

/// The range of `2026-01`, in UTC+8.
fn month_of(name: &str) -> Option<Span> {
    let first = moment::parse_moment(name, 0).ok()?;
    let (start, end) = civil::cst_month_bounds(first)?;
    Span::new(start, end)
}
