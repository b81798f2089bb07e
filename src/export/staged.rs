//! The new parts of a partition. They replace the old ones together, when all of them are written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::csv_part::CsvPart;
use super::error::ExportError;
use super::footer::Footer;
use super::known_texts::KnownTexts;
use super::manifest::PartEntry;
use super::parquet_part::ParquetPart;
use super::part::{PartFile, WrittenFile};
use super::partition::Partition;
use super::relation::DataFormat;
use super::settings::FileSettings;
use super::table::{Cell, FileTable};
use crate::model::convert::to_u64;

/// When a part is full and the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartLimits {
    /// Rows of a part. Parquet ends a part only at the end of a row group.
    pub rows: u64,
    /// Bytes of a part. A part ends at the first row or row group that reaches them.
    pub bytes: u64,
}

impl Default for PartLimits {
    /// Engines like files of 100 to 300 MB. Status codes compress so well that their parts end by their rows.
    fn default() -> Self {
        Self {
            rows: 1 << 25,
            bytes: 192 << 20,
        }
    }
}

/// Writes the rows of a partition to as many parts as they need.
pub(super) struct StagedRows<'e> {
    root: PathBuf,
    settings: &'e FileSettings,
    limits: PartLimits,
    table: &'e FileTable,
    partition: Partition,
    content: String,
    current: Option<CurrentPart>,
    finished: Vec<StagedPart>,
}

/// A part that is whole.
pub(super) struct StagedPart {
    pub(super) entry: PartEntry,
    file: WrittenFile,
}

struct CurrentPart {
    out: PartWriter,
    rows: u64,
    codes: KnownTexts,
    classes: BTreeSet<String>,
}

/// Writes a file in one of the formats.
enum PartWriter {
    Parquet(Box<ParquetPart>),
    Csv(Box<CsvPart>),
}

impl<'e> StagedRows<'e> {
    pub(super) fn new(
        root: &Path,
        (settings, limits): (&'e FileSettings, PartLimits),
        table: &'e FileTable,
        partition: Partition,
        content: String,
    ) -> Self {
        Self {
            root: root.to_owned(),
            settings,
            limits,
            table,
            partition,
            content,
            current: None,
            finished: Vec::new(),
        }
    }

    /// Adds a row. Rows come in the order of the files.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ExportError> {
        if self
            .current
            .as_ref()
            .is_some_and(|part| part.is_full(self.limits))
        {
            self.finish_part(false)?;
        }
        let part = match &mut self.current {
            Some(part) => part,
            none => none.insert(CurrentPart {
                out: PartWriter::open(
                    PartFile::create(
                        &self.root,
                        &self.partition,
                        self.settings.format,
                        self.finished.len(),
                    )?,
                    self.settings,
                    self.table,
                )?,
                rows: 0,
                codes: KnownTexts::default(),
                classes: BTreeSet::new(),
            }),
        };
        part.rows += 1;
        if let Some((code, class)) = self.table.class
            && let (Some(Cell::Text(code)), Some(Cell::Text(class))) = (cells.get(code), cells.get(class))
            && part.codes.number(code).1
        {
            part.classes.insert(format!("{class} {code}"));
        }
        match &mut part.out {
            PartWriter::Parquet(part) => part.row(cells),
            PartWriter::Csv(part) => part.row(cells),
        }
    }

    /// Ends the last part. Returns all of them; none if there were no rows.
    pub(super) fn finish(mut self) -> Result<Vec<StagedPart>, ExportError> {
        self.finish_part(true)?;
        Ok(self.finished)
    }

    fn finish_part(&mut self, is_last: bool) -> Result<(), ExportError> {
        let Some(part) = self.current.take() else {
            return Ok(());
        };
        let footer = Footer {
            content: self.content.clone(),
            part: self.finished.len(),
            is_last,
            label: self.settings.label,
            domains: self.settings.domains.clone(),
            classes: part.classes,
        };
        let file = match part.out {
            PartWriter::Parquet(part) => part.finish(&footer)?,
            PartWriter::Csv(part) => part.finish()?,
        };
        let footer_crc32 = match self.settings.format {
            DataFormat::Parquet => Footer::bytes(file.unfinished()).map(|bytes| Footer::crc32(&bytes)),
            DataFormat::Csv => None,
        };
        self.finished.push(StagedPart {
            entry: PartEntry {
                rows: part.rows,
                bytes: file.bytes,
                sha256: file.sha256.clone(),
                content: footer.content,
                is_last,
                classes: footer.classes,
                footer_crc32,
            },
            file,
        });
        Ok(())
    }
}

impl StagedPart {
    /// Gives the file its final name.
    pub(super) fn publish(self) -> Result<PartEntry, ExportError> {
        self.file.publish()?;
        Ok(self.entry)
    }
}

impl CurrentPart {
    fn is_full(&self, limits: PartLimits) -> bool {
        let bytes = match &self.out {
            PartWriter::Parquet(part) if !part.is_at_group_end() => return false,
            PartWriter::Parquet(part) => part.bytes(),
            PartWriter::Csv(part) => part.bytes(),
        };
        self.rows >= limits.rows || bytes >= limits.bytes
    }
}

impl PartWriter {
    fn open(file: PartFile, settings: &FileSettings, table: &FileTable) -> Result<Self, ExportError> {
        Ok(match settings.format {
            DataFormat::Parquet => Self::Parquet(Box::new(ParquetPart::new(file, table)?)),
            DataFormat::Csv => Self::Csv(Box::new(CsvPart::new(file, table, settings.bom)?)),
        })
    }
}

/// Returns how many rows and bytes the parts have.
pub(super) fn totals(parts: &[StagedPart]) -> (u64, u64, u64) {
    let rows = parts.iter().map(|part| part.entry.rows).sum();
    let bytes = parts.iter().map(|part| part.entry.bytes).sum();
    (to_u64(parts.len()), rows, bytes)
}
