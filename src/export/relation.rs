//! The exported relations and their rows.

use serde::{Deserialize, Serialize};

use crate::model::UnixSeconds;
use crate::store::CountedPoint;

/// An exported relation. Its directory has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExportedRelation {
    /// Bandwidth and requests of every point.
    #[serde(rename = "origin_stats")]
    Stats,
    /// Every code of every point, including zeros.
    #[serde(rename = "origin_status_codes")]
    StatusCodes,
}

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataFormat {
    /// Apache Parquet.
    Parquet,
    /// RFC 4180.
    Csv,
}

/// A row without its domain, which is the same in the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportedRow<'r> {
    /// Of [`ExportedRelation::Stats`].
    Stats {
        /// The time of the point.
        ts: UnixSeconds,
        /// In bit/s.
        bandwidth: i64,
        /// Requests.
        pv: i64,
    },
    /// Of [`ExportedRelation::StatusCodes`].
    StatusCode {
        /// The time of the point.
        ts: UnixSeconds,
        /// The code as reported.
        code: &'r str,
        /// How many requests.
        count: i64,
    },
}

impl ExportedRelation {
    /// All relations, in the order of writing.
    pub const ALL: [Self; 2] = [Self::Stats, Self::StatusCodes];

    /// Returns the name in SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stats => "origin_stats",
            Self::StatusCodes => "origin_status_codes",
        }
    }

    /// Passes the rows of `point` in this relation to `take`.
    pub(super) fn each_row<E>(
        self,
        point: &CountedPoint<'_>,
        mut take: impl FnMut(ExportedRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let ts = point.ts;
        match self {
            Self::Stats => take(ExportedRow::Stats {
                ts,
                bandwidth: point.bandwidth,
                pv: point.pv,
            }),
            Self::StatusCodes => point.counts.iter().try_for_each(|(code, count)| {
                take(ExportedRow::StatusCode {
                    ts,
                    code,
                    count: *count,
                })
            }),
        }
    }
}

impl DataFormat {
    /// Returns the name, which is also the file extension.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }

    /// Returns the file name of a partition.
    #[must_use]
    pub const fn part_name(self) -> &'static str {
        match self {
            Self::Parquet => "part-0.parquet",
            Self::Csv => "part-0.csv",
        }
    }
}
