//! The ledger: what was asked for, and what the answers were.
//!
//! It has domains, time spans and runs. It has no measured column, and it does not use [`super::origin`].
//!
//! - `domain_ids`: numbers for domains; `account_domains`: the domains that the API lists
//! - `coverage`, `coverage_rows`: which ranges were fetched, and how old their slots were; how their rows are written
//! - `gaps`, `expected`: slots without a point, and why; what the configuration wants to be complete
//! - `asked`: coverage and gaps together, to judge whether a period is complete
//! - `rejects`: points that could not be stored
//! - `runs`: what each run was asked, and what it committed; `data_source`: whether its figures are real
//! - `notes`, `refusals`, `facts`, `holes`: what is remembered from run to run
//! - `stale_days`: the days whose rollups are out of date

pub(crate) mod account_domains;
pub(crate) mod asked;
pub(crate) mod coverage;
mod coverage_rows;
pub(crate) mod data_source;
pub(crate) mod domain_ids;
pub(crate) mod expected;
pub(crate) mod facts;
pub(crate) mod gaps;
pub(crate) mod holes;
pub(crate) mod notes;
pub(crate) mod refusals;
pub(crate) mod rejects;
pub(crate) mod runs;
pub(crate) mod stale_days;
