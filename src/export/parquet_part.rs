//! Rows as Parquet.
//!
//! The columns are those of the views except `domain`, which is in the path, as readers of the Hive layout expect.
//! `time_utc` is an instant. `time_cst` is the local time in UTC+8, without a zone.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::error::ExportError;
use super::part::{PartFile, WrittenFile};
use super::relation::{ExportedRelation, ExportedRow};
use crate::model::slot::CST_OFFSET_SECONDS;

/// The size of a row group: a month of points is one group, a month of their codes one to three. About 6 MiB in memory.
const ROW_GROUP_ROWS: usize = 1 << 16;

const STATS_SCHEMA: &str = "message origin_stats {
    REQUIRED INT64 ts;
    REQUIRED INT64 time_utc (TIMESTAMP(MICROS, true));
    REQUIRED INT64 time_cst (TIMESTAMP(MICROS, false));
    REQUIRED INT64 bandwidth;
    REQUIRED INT64 pv;
}";

const STATUS_CODES_SCHEMA: &str = "message origin_status_codes {
    REQUIRED INT64 ts;
    REQUIRED INT64 time_utc (TIMESTAMP(MICROS, true));
    REQUIRED INT64 time_cst (TIMESTAMP(MICROS, false));
    REQUIRED BYTE_ARRAY code (STRING);
    REQUIRED INT64 count;
}";

/// Writes one Parquet file.
pub(super) struct ParquetPart {
    relation: ExportedRelation,
    out: SerializedFileWriter<PartFile>,
    rows: RowGroup,
}

/// The rows of the next row group, by column.
#[derive(Default)]
struct RowGroup {
    ts: Vec<i64>,
    first: Vec<i64>,
    second: Vec<i64>,
    codes: Vec<ByteArray>,
}

impl ParquetPart {
    pub(super) fn new(file: PartFile, relation: ExportedRelation) -> std::result::Result<Self, ExportError> {
        let path = file.path().to_owned();
        let open = || {
            let schema = match relation {
                ExportedRelation::Stats => STATS_SCHEMA,
                ExportedRelation::StatusCodes => STATUS_CODES_SCHEMA,
            };
            let schema = Arc::new(parse_message_type(schema)?);
            SerializedFileWriter::new(file, schema, properties(relation)?)
        };
        let out = open().map_err(|cause| ExportError::Parquet { path, cause })?;
        Ok(Self {
            relation,
            out,
            rows: RowGroup::default(),
        })
    }

    pub(super) fn row(&mut self, row: ExportedRow<'_>) -> std::result::Result<(), ExportError> {
        let rows = &mut self.rows;
        match row {
            ExportedRow::Stats { ts, bandwidth, pv } => {
                rows.ts.push(ts);
                rows.first.push(bandwidth);
                rows.second.push(pv);
            }
            ExportedRow::StatusCode { ts, code, count } => {
                rows.ts.push(ts);
                rows.codes.push(code.into());
                rows.second.push(count);
            }
        }
        if rows.ts.len() >= ROW_GROUP_ROWS {
            let flushed = self.flush();
            flushed.map_err(|cause| self.failed(cause))?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> std::result::Result<WrittenFile, ExportError> {
        let path = self.out.inner().path().to_owned();
        let close = || {
            if !self.rows.ts.is_empty() {
                self.flush()?;
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
        let rows = &mut self.rows;
        let mut group = self.out.next_row_group()?;
        let micros = |ahead: i64| {
            let shifted = rows.ts.iter().map(|ts| {
                let micros = ts.checked_add(ahead).and_then(|ts| ts.checked_mul(1_000_000));
                micros.ok_or_else(|| ParquetError::General(format!("the time {ts} has no timestamp")))
            });
            shifted.collect::<Result<Vec<i64>>>()
        };
        integers(&mut group, &rows.ts)?;
        integers(&mut group, &micros(0)?)?;
        integers(&mut group, &micros(CST_OFFSET_SECONDS)?)?;
        match self.relation {
            ExportedRelation::Stats => integers(&mut group, &rows.first)?,
            ExportedRelation::StatusCodes => {
                let mut column = group.next_column()?.ok_or_else(missing)?;
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&rows.codes, None, None)?;
                column.close()?;
            }
        }
        integers(&mut group, &rows.second)?;
        group.close()?;
        rows.ts.clear();
        rows.first.clear();
        rows.second.clear();
        rows.codes.clear();
        Ok(())
    }
}

/// Writes the next column.
fn integers(group: &mut SerializedRowGroupWriter<'_, PartFile>, values: &[i64]) -> Result<()> {
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<Int64Type>().write_batch(values, None, None)?;
    column.close()
}

fn missing() -> ParquetError {
    ParquetError::General("the schema has fewer columns than the rows".to_owned())
}

fn properties(relation: ExportedRelation) -> Result<WriterPropertiesPtr> {
    let sorted = |column| SortingColumn {
        column_idx: column,
        descending: false,
        nulls_first: false,
    };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("jdcdn-stats version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    properties = match relation {
        // Every time occurs once, so a dictionary would only cost space.
        ExportedRelation::Stats => ["ts", "time_utc", "time_cst"]
            .into_iter()
            .fold(properties, |properties, name| {
                properties
                    .set_column_dictionary_enabled(ColumnPath::from(name), false)
                    .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED)
            })
            .set_sorting_columns(Some(vec![sorted(0)])),
        ExportedRelation::StatusCodes => properties.set_sorting_columns(Some(vec![sorted(0), sorted(3)])),
    };
    Ok(Arc::new(properties.build()))
}
