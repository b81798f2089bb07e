//! One export: compares the database with the directory, writes the partitions that changed, and the manifest.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::asked;
use super::directory::ExportDirectory;
use super::error::ExportError;
use super::manifest::{FoundManifest, Manifest};
use super::partition::Partition;
use super::partition_writer::{OutputForm, PartitionWriter};
use super::plan::{Planner, month_span};
use super::progress::{ExportProgress, FileTotals};
use super::relation::{DataFormat, ExportedRelation, RowsOf};
use super::settings::FileSettings;
use super::staged::PartLimits;
use super::table::FileTable;
use crate::model::convert::to_u64;
use crate::model::{Domain, Span, UnixSeconds};
use crate::nearest::nearest;
use crate::store::{MonthSum, PointInTime, Reader};

/// What to export, and where to.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The directory; it is created if it does not exist.
    pub directory: PathBuf,
    /// The format of the files.
    pub format: DataFormat,
    /// CSV files begin with the mark by which spreadsheets know UTF-8.
    pub bom: bool,
    /// The domains; empty for all domains of the database, and the account.
    pub domains: Vec<Domain>,
    /// Complete months that overlap this range; `None` for all.
    pub range: Option<Span>,
    /// When a part is full.
    pub limits: PartLimits,
    /// The current time, for the manifest.
    pub now: UnixSeconds,
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
    /// How many domain-days have rollups that are out of date, in the database and so in the files.
    pub stale_days: u64,
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
    if request.bom && request.format != DataFormat::Csv {
        return Err(ExportError::MarkInParquet);
    }
    let moment = reader.point_in_time()?;
    let settings = FileSettings {
        format: request.format,
        bom: request.bom,
        label: reader.slot_label()?,
        domains: selection(&request.domains),
    };
    let mut tables = BTreeMap::new();
    for relation in ExportedRelation::ALL {
        let table = match relation.rows_of() {
            RowsOf::Asked => asked::table(relation),
            _ => FileTable::new(relation, moment.columns(relation.name())?),
        };
        tables.extend(table.map(|table| (relation, table)));
    }
    let sums = sums(&moment, &settings)?;
    refuse_unknown(request, &settings, &sums)?;
    let directory = ExportDirectory::claim(&request.directory, &settings, moment.schema()?, request.now)?;
    // Other settings may move points to the file of another month. Then both files must be written.
    let range = request.range.filter(|_| !directory.is_of_other_settings());
    let planner = Planner {
        moment: &moment,
        settings: &settings,
        tables: &tables,
        sums: &sums,
        commit: moment.commit_number()?,
    };
    let wants = |partition: &Partition| {
        let month = partition.month.as_deref().and_then(month_span);
        let in_range = |range: Span| month.is_none_or(|month| month.intersect(&range).is_some());
        range.is_none_or(in_range) || directory.broken().contains(partition)
    };
    let plan = planner.plan(wants)?;
    let with_rows = plan.partitions();
    let listed = directory.manifest().files.keys().chain(directory.broken());
    let vanished: Vec<Partition> = listed
        .filter(|partition| wants(partition) && !with_rows.contains(*partition))
        .cloned()
        .collect();
    let form = OutputForm {
        settings: &settings,
        limits: request.limits,
        tables: &tables,
        classes: classes(&moment, &tables)?,
    };
    let mut writer = PartitionWriter::new(form, moment, directory, watch);
    let ended = writer.run(&plan, &vanished);
    let (directory, summary) = writer.into_parts();
    // After an error, too, the manifest lists the files that were written.
    let closed = directory.close();
    let stopped = ended?.is_break();
    Ok(ExportSummary {
        written: summary.written,
        unchanged: summary.unchanged,
        removed: summary.removed,
        stopped,
        stale_days: to_u64(plan.stale_days),
        manifest: closed?,
    })
}

/// Returns the selected domains in order; `None` for all.
fn selection(domains: &[Domain]) -> Option<Vec<String>> {
    let mut names: Vec<String> = domains.iter().map(Domain::to_string).collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then_some(names)
}

/// Returns the sums of all domains and months. A database of an earlier version keeps none: they are computed from its
/// points.
fn sums(moment: &PointInTime<'_>, settings: &FileSettings) -> Result<Vec<MonthSum>, ExportError> {
    if let Some(sums) = moment.month_sums()? {
        return Ok(sums);
    }
    moment.computed_month_sums(settings.label).map_err(Into::into)
}

/// Returns the class of each code, as far as the database says it.
fn classes(
    moment: &PointInTime<'_>,
    tables: &BTreeMap<ExportedRelation, FileTable>,
) -> Result<HashMap<String, String>, ExportError> {
    let mut classes = HashMap::new();
    let Some(table) = tables.get(&ExportedRelation::Codes) else {
        return Ok(classes);
    };
    if table.columns.iter().any(|column| column.name == "class") {
        moment.each_row("SELECT code, class FROM origin_codes", &[], |row| {
            if let [code, class] = row
                && let (Ok(code), Ok(class)) = (code.as_str(), class.as_str())
            {
                classes.insert(code.to_owned(), class.to_owned());
            }
            Ok::<_, ExportError>(())
        })?;
    }
    Ok(classes)
}

/// Refuses a domain of the request that has no points, unless the directory is one of this selection.
fn refuse_unknown(
    request: &ExportRequest,
    settings: &FileSettings,
    sums: &[MonthSum],
) -> Result<(), ExportError> {
    let names = || sums.iter().map(|sum| sum.domain.as_str());
    let unknown = request
        .domains
        .iter()
        .find(|domain| !names().any(|name| name == domain.as_str()));
    let Some(unknown) = unknown else {
        return Ok(());
    };
    if let FoundManifest::Manifest(before) = Manifest::load(&request.directory)?
        && before.settings.domains == settings.domains
    {
        return Ok(());
    }
    Err(ExportError::UnknownDomain {
        domain: unknown.to_string(),
        meant: nearest(unknown.as_str(), names()).map(str::to_owned),
    })
}
