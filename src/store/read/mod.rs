//! Everything that only reads, for the commands, the reports and the export.
//!
//! - `query`, `explain`, `parameter`, `limits`: one statement of the user, its values, its errors and its memory
//! - `overview`, `domains`: what the database has, for people
//! - `as_of`: as of when it speaks about gaps
//! - `bill`: what the months are billed by; `changes`: what is different since one was closed
//! - `completeness`: how far a domain is complete, and which months of the account are
//! - `gaps`: the gaps as the commits noted them, or found again in the points
//! - `rejects`: the rejects, and what a replay needs to know
//! - `remembered`: facts, refusals and settings
//! - `point_in_time`: the points as of one moment, in order
//! - `relations`: the rows of the public relations as of that moment

pub(crate) mod as_of;
pub(crate) mod bill;
pub(crate) mod changes;
pub(crate) mod completeness;
pub(crate) mod domains;
mod explain;
pub(crate) mod gaps;
pub(crate) mod limits;
pub(crate) mod overview;
pub(crate) mod parameter;
pub(crate) mod point_in_time;
pub(crate) mod query;
pub(crate) mod rejects;
pub(crate) mod relations;
pub(crate) mod remembered;
