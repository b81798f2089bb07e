//! Rows as Parquet.
//!
//! The columns are those of the relation. `time_utc` is an instant. `time_cst` and `hour_cst` are local times in UTC+8,
//! without a zone. Rows are sorted by domain, so an engine finds a domain by the smallest and largest value that each
//! row group states.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::error::ExportError;
use super::footer::Footer;
use super::known_texts::KnownTexts;
use super::part::{PartFile, WrittenFile};
use super::relation::ExportedRelation;
use super::table::{Cell, ColumnKind, FileTable};
use crate::model::convert::to_usize;

/// The size of a row group: enough rows for engines to work on several at once, and about 6 MiB in memory.
pub(super) const ROW_GROUP_ROWS: usize = 1 << 17;

/// How many texts are handed to the encoder at once.
const TEXTS_AT_ONCE: usize = 1 << 13;

/// Writes one Parquet file.
pub(super) struct ParquetPart {
    out: SerializedFileWriter<PartFile>,
    columns: Vec<ColumnRows>,
    /// The rows that are not yet written.
    waiting: usize,
}

/// The rows of the next row group in one column.
struct ColumnRows {
    kind: ColumnKind,
    values: Values,
    /// For each row 1, or 0 for NULL; only of columns that may hold NULL.
    present: Option<Vec<i16>>,
}

enum Values {
    Long(Vec<i64>),
    Double(Vec<f64>),
    Day(Vec<i32>),
    Text(Texts),
}

/// Texts that repeat: each is stored once.
#[derive(Default)]
struct Texts {
    rows: Vec<u32>,
    known: KnownTexts,
}

impl ParquetPart {
    pub(super) fn new(file: PartFile, table: &FileTable) -> std::result::Result<Self, ExportError> {
        let path = file.path().to_owned();
        let open = || {
            let schema = Arc::new(parse_message_type(&schema(table))?);
            SerializedFileWriter::new(file, schema, properties(table)?)
        };
        let out = open().map_err(|cause| ExportError::Parquet { path, cause })?;
        Ok(Self {
            out,
            columns: table
                .columns
                .iter()
                .map(|column| ColumnRows::new(column.kind, column.nullable))
                .collect(),
            waiting: 0,
        })
    }

    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> std::result::Result<(), ExportError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            let pushed = column.push(*cell);
            if let Err(cause) = pushed {
                return Err(self.failed(cause));
            }
        }
        self.waiting += 1;
        if self.waiting >= ROW_GROUP_ROWS {
            let flushed = self.flush();
            flushed.map_err(|cause| self.failed(cause))?;
        }
        Ok(())
    }

    /// Returns the size of the file so far. It grows by whole row groups.
    pub(super) fn bytes(&self) -> u64 {
        self.out.inner().bytes()
    }

    /// Returns whether a row group is complete.
    pub(super) fn is_at_group_end(&self) -> bool {
        self.waiting == 0
    }

    pub(super) fn finish(mut self, footer: &Footer) -> std::result::Result<WrittenFile, ExportError> {
        let path = self.out.inner().path().to_owned();
        let close = || {
            if self.waiting > 0 {
                self.flush()?;
            }
            for (key, value) in footer.pairs() {
                self.out.append_key_value_metadata(KeyValue::new(key, value));
            }
            self.out.into_inner()
        };
        close()
            .map_err(|cause| ExportError::Parquet { path, cause })?
            .finish()
    }

    fn failed(&self, cause: ParquetError) -> ExportError {
        ExportError::Parquet {
            path: self.out.inner().path().to_owned(),
            cause,
        }
    }

    /// Writes the collected rows as a row group.
    fn flush(&mut self) -> Result<()> {
        let mut group = self.out.next_row_group()?;
        for column in &mut self.columns {
            column.write(&mut group)?;
        }
        group.close()?;
        self.waiting = 0;
        Ok(())
    }
}

impl ColumnRows {
    fn new(kind: ColumnKind, nullable: bool) -> Self {
        let values = match kind {
            ColumnKind::Integer | ColumnKind::LocalTime | ColumnKind::Instant => Values::Long(Vec::new()),
            ColumnKind::Real => Values::Double(Vec::new()),
            ColumnKind::Date => Values::Day(Vec::new()),
            ColumnKind::Text => Values::Text(Texts::default()),
        };
        Self {
            kind,
            values,
            present: nullable.then(Vec::new),
        }
    }

    fn push(&mut self, cell: Cell<'_>) -> Result<()> {
        match (&mut self.values, cell) {
            (_, Cell::Null) if self.present.is_some() => {}
            (Values::Long(values), Cell::Integer(number)) => values.push(number),
            (Values::Long(values), Cell::Time(second)) => {
                let micros = second.checked_mul(1_000_000);
                values.push(micros.ok_or_else(|| general(format!("the time {second} has no timestamp")))?);
            }
            (Values::Double(values), Cell::Real(number)) => values.push(number),
            (Values::Day(values), Cell::Date(days)) => values.push(days),
            (Values::Text(texts), Cell::Text(text)) => texts.push(text),
            _ => return Err(general(format!("{cell:?} is no {:?}", self.kind))),
        }
        if let Some(present) = &mut self.present {
            present.push(i16::from(cell != Cell::Null));
        }
        Ok(())
    }

    /// Writes the rows as the next column, and forgets them.
    fn write(&mut self, group: &mut SerializedRowGroupWriter<'_, PartFile>) -> Result<()> {
        let present = self.present.as_deref();
        match &mut self.values {
            Values::Long(values) => write::<Int64Type>(group, values, present)?,
            Values::Double(values) => write::<DoubleType>(group, values, present)?,
            Values::Day(values) => write::<Int32Type>(group, values, present)?,
            Values::Text(texts) => texts.write(group, present)?,
        }
        if let Some(present) = &mut self.present {
            present.clear();
        }
        Ok(())
    }
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.rows.push(self.known.number(text).0);
    }

    fn write(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, PartFile>,
        present: Option<&[i16]>,
    ) -> Result<()> {
        let mut column = group.next_column()?.ok_or_else(missing)?;
        let typed = column.typed::<ByteArrayType>();
        let known: Vec<ByteArray> = self
            .known
            .texts()
            .iter()
            .map(|text| ByteArray::from(&**text))
            .collect();
        let text = |number: &u32| known.get(to_usize(*number)).cloned().unwrap_or_default();
        match present {
            None => {
                for rows in self.rows.chunks(TEXTS_AT_ONCE) {
                    let texts: Vec<ByteArray> = rows.iter().map(text).collect();
                    typed.write_batch(&texts, None, None)?;
                }
            }
            Some(present) => {
                let mut rows = self.rows.iter();
                for levels in present.chunks(TEXTS_AT_ONCE) {
                    let some = levels.iter().filter(|level| **level > 0).count();
                    let texts: Vec<ByteArray> = rows.by_ref().take(some).map(text).collect();
                    typed.write_batch(&texts, Some(levels), None)?;
                }
            }
        }
        column.close()?;
        *self = Self::default();
        Ok(())
    }
}

/// Writes the next column, and forgets its values.
fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, PartFile>,
    values: &mut Vec<T::T>,
    present: Option<&[i16]>,
) -> Result<()> {
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, present, None)?;
    column.close()?;
    values.clear();
    Ok(())
}

fn missing() -> ParquetError {
    general("the schema has fewer columns than the rows".to_owned())
}

fn general(text: String) -> ParquetError {
    ParquetError::General(text)
}

/// Returns the schema of the files in Parquet's own language.
fn schema(table: &FileTable) -> String {
    let columns = table.columns.iter().map(|column| {
        let (physical, logical) = match column.kind {
            ColumnKind::Integer => ("INT64", ""),
            ColumnKind::Real => ("DOUBLE", ""),
            ColumnKind::Text => ("BYTE_ARRAY", " (STRING)"),
            ColumnKind::Date => ("INT32", " (DATE)"),
            ColumnKind::LocalTime => ("INT64", " (TIMESTAMP(MICROS, false))"),
            ColumnKind::Instant => ("INT64", " (TIMESTAMP(MICROS, true))"),
        };
        let repetition = if column.nullable { "OPTIONAL" } else { "REQUIRED" };
        format!("{repetition} {physical} {}{logical};\n", column.name)
    });
    format!(
        "message {} {{\n{}}}",
        table.relation.name(),
        columns.collect::<String>()
    )
}

fn properties(table: &FileTable) -> Result<WriterPropertiesPtr> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("jdcdn-stats version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    if table.relation == ExportedRelation::Stats {
        // Every time occurs once in a domain, so a dictionary would only cost space.
        for name in ["ts", "time_utc", "time_cst"] {
            properties = properties
                .set_column_dictionary_enabled(ColumnPath::from(name), false)
                .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
        }
    }
    let keys = ["domain", "ts", "hour_cst", "date_cst", "month_cst", "code"];
    let sorted = keys.iter().filter_map(|key| {
        let at = table.columns.iter().position(|column| column.name == *key)?;
        Some(SortingColumn {
            column_idx: i32::try_from(at).ok()?,
            descending: false,
            nulls_first: false,
        })
    });
    Ok(Arc::new(
        properties.set_sorting_columns(Some(sorted.collect())).build(),
    ))
}
