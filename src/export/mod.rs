//! Parquet or CSV files for other programs, one for each relation, domain and UTC+8 month.
//!
//! ```text
//! DIR/_manifest.json                                          the contents of the files; written last
//! DIR/origin_stats/domain=www.a.com/month=2026-01/part-0.parquet
//! DIR/origin_status_codes/domain=www.a.com/month=2026-01/part-0.parquet
//! ```
//!
//! - [`exporter`]: one export, from the comparison to the manifest
//! - [`relation`]: the exported relations and their rows
//! - [`partition`]: the path of one file
//! - [`content`]: a digest of the rows of a file
//! - [`manifest`]: the contents of the files in a directory
//! - [`directory`]: the directory of an export: its lock, its files, the repair after an interrupted export
//! - `part`: one file, written completely or not at all
//! - `parquet_part`, `csv_part`: rows in each format
//! - [`error`]: the errors

pub mod content;
mod csv_part;
pub mod directory;
pub mod error;
pub mod exporter;
pub mod manifest;
mod parquet_part;
mod part;
pub mod partition;
pub mod relation;

pub use error::ExportError;
pub use exporter::{ExportProgress, ExportRequest, ExportSummary, FileTotals, export};
pub use manifest::Manifest;
pub use relation::{DataFormat, ExportedRelation};
