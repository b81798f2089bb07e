//! The one writer: opens the database, and commits to the ledger and the measured columns in one transaction.
//!
//! - `store`: opens, locks and confirms the database; `transaction`: how every change is committed
//! - `commit`: what one answer brings; `window`: how it is written
//! - `runs`: the begin, the end and the questions of a run
//! - `roll_up`: brings the rollups up to date; `month_work`: those of one month, `domain_month`: of one
//!   month of a domain, `worked_day`: of one day
//! - `close`: closes a month
//! - `staleness`: which days a change of the ledger makes stale; `shown_days`: what the rollups of
//!   stale days show already
//! - `replay`: what happens to rejects that are read again or given up; `tidy`: deletes old rows
//! - `discovery`: what the listings of the account's domains have shown
//! - `derived`, `summed_tables`: tables that are computed once from the others

mod close;
pub(crate) mod commit;
pub(crate) mod derived;
mod discovery;
mod domain_month;
mod month_work;
pub(crate) mod replay;
pub(crate) mod roll_up;
mod runs;
mod shown_days;
pub(crate) mod staleness;
pub(crate) mod store;
pub(crate) mod summed_tables;
mod tidy;
pub(crate) mod transaction;
mod window;
mod worked_day;
