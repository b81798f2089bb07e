//! One self-contained HTML page about the contents of the database.
//!
//! - [`scope`]: the domains, the days and the time step
//! - [`source`]: the rollups of a domain, or those of the account
//! - [`daily`]: the totals of each domain, and its calendar of completeness
//! - [`series`]: bandwidth and requests over time
//! - [`status`], [`months`], [`quality`]: status codes, the bill, and the quality of the data
//! - [`number`]: numbers as the page stores them
//! - [`report_data`]: the data of the page, as its script reads it
//! - [`page`]: the HTML around it, under a strict content security policy
//! - [`mod@file`]: writes it completely or not at all
//! - [`error`]: the errors
//!
//! The report reads rollups. It reads 5-minute points only if there are at most [`scope::POINT_CELLS`].

pub mod daily;
pub mod error;
pub mod file;
pub mod months;
pub mod number;
pub mod page;
pub mod quality;
pub mod report_data;
pub mod scope;
pub mod series;
pub mod source;
pub mod status;

pub use error::ReportError;
pub use report_data::ReportData;
pub use scope::ReportRequest;
