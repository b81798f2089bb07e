//! Copies of the database: a snapshot for tools that only read, and a copy put back in the database's place.

pub mod restore;
pub mod snapshot;
