//! Decides what to ask for: pure functions of a range, the coverage, the time and the settings.
//!
//! - [`mod@due`]: the one rule of what is due, and what a fetch settles
//! - [`cut`]: due ranges into windows
//! - [`holes`]: slots without a point that are asked for again
//! - [`planner`]: ranges of many domains into a plan
//! - [`requests`]: a plan's requests, made as they are taken
//!
//! Backfill, resume and refresh are the same plan: what is asked for depends on what coverage claims, never
//! on which run or window size claimed it.

pub mod cut;
pub mod due;
pub mod holes;
pub mod planner;
pub mod requests;

pub use due::{covered_by, due};
pub use planner::{Plan, PlanSettings, PlanSize};
pub use requests::{Order, PlannedRequest, Requests};
