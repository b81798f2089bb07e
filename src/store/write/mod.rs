//! The one writer: opens the database, and commits to the ledger and the measured columns in one transaction.

pub(crate) mod commit;
pub(crate) mod replay;
pub(crate) mod store;
mod tidy;
