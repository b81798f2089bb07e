//! The output that several commands share.
//!
//! - `as_of`: as of when the database speaks
//! - [`plan`]: the requests of a dry run
//! - [`progress`]: a bar on a terminal, a line now and then elsewhere
//! - [`summary`]: the result of a run; `conclusions`: its conclusions, one line a kind
//! - `text`: short texts, such as a count with its noun

pub(crate) mod as_of;
pub(crate) mod conclusions;
pub mod plan;
pub mod progress;
pub mod summary;
pub(crate) mod text;
