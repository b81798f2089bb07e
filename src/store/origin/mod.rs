//! The measured columns: points, status codes, their changes and their rollups.

pub(crate) mod bulk;
pub(crate) mod calendar;
pub(crate) mod dictionary;
pub(crate) mod month_sums;
pub(crate) mod points;
pub(crate) mod restatements;
pub(crate) mod rollup_rows;
pub(crate) mod rollups;
pub(crate) mod slot_label;
pub(crate) mod stored;
pub(crate) mod walk;
