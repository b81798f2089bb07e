//! The database.
//!
//! - [`reader`]: opens it for reading only
//! - [`parameter`]: values for the parameters of a query
//! - [`sql`]: runs one read-only statement and streams its rows
//! - [`explain`]: points at what is wrong in a statement

pub mod explain;
pub mod parameter;
pub mod reader;
pub mod sql;

pub use parameter::Parameter;
pub use reader::{OpenError, Reader};
pub use sql::{Query, SqlError};

/// Marks a SQLite file as one of ours (`PRAGMA application_id`): `JDCS` in ASCII.
pub const APPLICATION_ID: i32 = 0x4a44_4353;
