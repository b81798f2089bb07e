//! The database file itself: how it is found, locked, opened, migrated, checked and copied.
//!
//! Nothing here knows what was asked for or which columns are measured.
//!
//! - `location`, `header`: which files are accepted
//! - [`lock`], `holder`, `main_file`, `open_files`: one writer per database, by name and by inode
//! - `commit_number`, `log_check`: whether the write-ahead log beside a database belongs to it
//! - `connection`, `writable`, `reader`, `statements`: how SQLite opens the file, and short forms for statements
//! - [`migrations`], [`upgrade_copy`], `same_content`: the schema, and the copy before a migration rewrites data
//! - [`health`]: checks without leaving a trace; `volume`: the disk
//! - `table_sums`: sums by which a change from outside is found; `names`: numbers for names
//! - `staging`: the hidden directory in which a file grows until it is complete
//! - `interruption`: when a store stops before its work is done

pub(crate) mod commit_number;
pub(crate) mod connection;
pub(crate) mod header;
pub mod health;
pub(crate) mod holder;
pub(crate) mod interruption;
pub(crate) mod location;
pub mod lock;
mod log_check;
pub(crate) mod main_file;
pub mod migrations;
pub(crate) mod names;
pub(crate) mod open_files;
pub(crate) mod reader;
pub(crate) mod same_content;
pub(crate) mod staging;
pub(crate) mod statements;
pub(crate) mod table_sums;
pub mod upgrade_copy;
pub(crate) mod volume;
pub(crate) mod writable;
