//! Parquet or CSV files for other programs: the lake.
//!
//! ```text
//! DIR/_manifest.json                                the list of the files; written last
//! DIR/origin_stats/month=2026-01/part-0.parquet     all domains of a UTC+8 month, sorted by domain and time
//! DIR/origin_daily/month=2026-01/part-0.parquet     the rollups likewise
//! DIR/origin_codes/part-0.parquet                   a relation without months
//! ```
//!
//! - [`exporter`]: one export, from the comparison to the manifest; [`progress`]: how far it is
//! - `plan`: the partitions that the database has rows for, each with its digest
//! - `asked`: how many slots of each day were asked for
//! - `content`: a digest of what the rows of a partition are made from
//! - `partition_writer`: writes the partitions that are due
//! - [`relation`]: the exported relations
//! - `table`: the columns of a file, and the cells of its rows; `point_cells`: the rows of a point
//! - [`partition`]: the path of the files of one relation and month
//! - `directory`: the directory of an export: its lock, its files, the repair after an interrupted export
//! - `settings`: what all files of a directory have in common
//! - `scan`: the files that lie in it; `held`: what they hold, as far as it can be believed
//! - [`manifest`]: the list of the files in a directory; `footer`: what a Parquet file says about itself
//! - [`staged`]: the new parts of a partition; `part`: one file, written completely or not at all
//! - `parquet_part`, `csv_part`: rows in each format; `known_texts`: numbers for texts that repeat
//! - [`error`]: the errors

mod asked;
mod content;
mod csv_part;
mod directory;
pub mod error;
pub mod exporter;
mod footer;
mod held;
mod known_texts;
pub mod manifest;
mod parquet_part;
mod part;
pub mod partition;
mod partition_writer;
mod plan;
mod point_cells;
pub mod progress;
pub mod relation;
mod scan;
mod settings;
pub mod staged;
mod table;

pub use error::ExportError;
pub use exporter::{ExportRequest, ExportSummary, export};
pub use manifest::Manifest;
pub use progress::{ExportProgress, FileTotals};
pub use relation::{DataFormat, ExportedRelation};
pub use staged::PartLimits;
