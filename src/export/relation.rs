//! What is exported, and its rows.

use serde::{Deserialize, Serialize};

use crate::model::UnixSeconds;
use crate::store::CountedPoint;

/// A relation that is exported; each has a directory of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Relation {
    /// Bandwidth and requests of every point.
    #[serde(rename = "origin_stats")]
    Stats,
    /// Every code of every point, zeros too.
    #[serde(rename = "origin_status_codes")]
    StatusCodes,
}

/// The form of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataFormat {
    /// Apache Parquet.
    Parquet,
    /// RFC 4180.
    Csv,
}

/// A row, less its domain, which is the same in the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row<'r> {
    /// Of [`Relation::Stats`].
    Stats {
        /// When.
        ts: UnixSeconds,
        /// In bit/s.
        bandwidth: i64,
        /// Requests.
        pv: i64,
    },
    /// Of [`Relation::StatusCodes`].
    StatusCode {
        /// When.
        ts: UnixSeconds,
        /// The code as reported.
        code: &'r str,
        /// How many requests.
        count: i64,
    },
}

impl Relation {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 2] = [Self::Stats, Self::StatusCodes];

    /// Its name in SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stats => "origin_stats",
            Self::StatusCodes => "origin_status_codes",
        }
    }

    /// Hands the rows that `point` has in this relation to `take`.
    pub(super) fn each_row<E>(
        self,
        point: &CountedPoint<'_>,
        mut take: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let ts = point.ts;
        match self {
            Self::Stats => take(Row::Stats {
                ts,
                bandwidth: point.bandwidth,
                pv: point.pv,
            }),
            Self::StatusCodes => point.counts.iter().try_for_each(|(code, count)| {
                take(Row::StatusCode {
                    ts,
                    code,
                    count: *count,
                })
            }),
        }
    }
}

impl DataFormat {
    /// Its name, which is also how its files end.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }

    /// The name of the one file of a partition.
    #[must_use]
    pub const fn part_name(self) -> &'static str {
        match self {
            Self::Parquet => "part-0.parquet",
            Self::Csv => "part-0.csv",
        }
    }
}
