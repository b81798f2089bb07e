//! Everything that only reads: [`Reader`](reader::Reader), the user's SQL, and what commands show.

mod explain;
pub(crate) mod gaps;
pub(crate) mod limits;
pub(crate) mod overview;
pub(crate) mod parameter;
pub(crate) mod point_in_time;
pub(crate) mod query;
pub(crate) mod reader;
pub(crate) mod rejects;
