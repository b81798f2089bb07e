//! One self-contained HTML page of what the database holds.
//!
//! - [`scope`]: which domains and days, and how finely
//! - [`daily`]: the sums of each domain, and its calendar of completeness
//! - [`series`]: bandwidth and requests over time
//! - [`status`], [`months`], [`ledger`]: status codes, the bill, and what is missing or was changed
//! - [`mod@column`]: how figures are written small
//! - [`data`]: all of it, as the page reads it
//! - [`page`]: the page around it, under a strict content security policy
//! - [`mod@file`]: puts it in its place, whole or not at all
//! - [`error`]: why there is no report
//!
//! Only the rollups are read, never the points of a range without a bound: 5-minute points are taken where
//! [`scope::POINT_CELLS`] holds them.

pub mod column;
pub mod daily;
pub mod data;
pub mod error;
pub mod file;
pub mod ledger;
pub mod months;
pub mod page;
pub mod scope;
pub mod series;
pub mod status;

pub use data::Report;
pub use error::ReportError;
pub use scope::Asked;
