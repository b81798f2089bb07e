//! Files for other engines: Parquet or CSV, one for each relation, domain and UTC+8 month.
//!
//! ```text
//! DIR/_manifest.json                                          what the files hold; written last
//! DIR/origin_stats/domain=www.a.com/month=2026-01/part-0.parquet
//! DIR/origin_status_codes/domain=www.a.com/month=2026-01/part-0.parquet
//! ```
//!
//! - [`exporter`]: one export from the first look to the manifest
//! - [`relation`]: what is exported, and its rows
//! - [`partition`]: one file's place in the tree
//! - [`content`]: a digest of what the database holds for a file, by which a change is seen
//! - [`manifest`]: what the files of a directory hold
//! - [`directory`]: a directory taken into possession, and what an export that was cut off left in it
//! - `part`: one file, whole or not there
//! - `parquet_part`, `csv_part`: rows in each format
//! - [`error`]: why an export ended early

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
pub use exporter::{Progress, Request, Summary, Tally, export};
pub use manifest::Manifest;
pub use relation::{DataFormat, Relation};
