//! The measured columns: points, status codes, what later answers changed, and the rollups.
//!
//! It knows what a point is. It does not know what was asked for, and it does not use [`super::ledger`].
//!
//! - `points`, `point_rows`, `bulk`, `calendar`: how points are written
//! - `stored`, `walk`: how they are read, with their counts
//! - `codes`, `code_texts`: numbers for status codes and for sets of them, and what the codes mean
//! - `restatements`: what later answers changed
//! - `rollups`, `account_rollups`: the hours, days and months that the points of a domain, and of all domains, add up to
//! - `month_rows`: the rows of months
//! - `rollup_tables`: the relations of all rollups
//! - `closings`: months as they stood when somebody closed them
//! - `month_tops`: the highest points of a month, to rank them
//! - `month_sums`: sums by which a point that was changed from outside is found
//! - `first_points`: where the domains begin
//! - `slot_label`: which hour, day and month a point belongs to
//! - `gap_finder`: slots without a point

pub(crate) mod account_rollups;
pub(crate) mod bulk;
pub(crate) mod calendar;
pub(crate) mod closings;
pub(crate) mod code_texts;
pub(crate) mod codes;
pub(crate) mod first_points;
pub(crate) mod gap_finder;
pub(crate) mod month_rows;
pub(crate) mod month_sums;
pub(crate) mod month_tops;
mod point_rows;
pub(crate) mod points;
pub(crate) mod restatements;
pub(crate) mod rollup_tables;
pub(crate) mod rollups;
pub(crate) mod slot_label;
pub(crate) mod stored;
pub(crate) mod walk;
