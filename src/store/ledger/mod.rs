//! The ledger: what was asked for, and what came of it.
//!
//! It knows domains, time spans and runs. It knows no measured column.

pub(crate) mod coverage;
pub(crate) mod gaps;
pub(crate) mod knowledge;
pub(crate) mod notes;
pub(crate) mod refusals;
pub(crate) mod rejects;
pub(crate) mod runs;
