//! The database file itself: how it is found, locked, opened, migrated, checked and copied.
//!
//! Nothing here knows which tables there are, except those that every database file needs: the list of migrations and
//! the sums of whole tables.

pub(crate) mod commit_number;
pub(crate) mod connection;
pub mod health;
pub(crate) mod interruption;
pub mod lock;
mod log_check;
pub(crate) mod main_file;
pub mod migrations;
mod open_files;
pub(crate) mod same_content;
pub(crate) mod staging;
pub(crate) mod table_sums;
pub mod upgrade_copy;
pub(crate) mod volume;
