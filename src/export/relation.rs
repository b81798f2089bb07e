//! The exported relations, and the formats of their files.

use serde::{Deserialize, Serialize};

/// An exported relation. Its directory has its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExportedRelation {
    /// Bandwidth and requests of every point.
    #[serde(rename = "origin_stats")]
    Stats,
    /// Every code of every point, including zeros.
    #[serde(rename = "origin_status_codes")]
    StatusCodes,
    /// Hours of the domains.
    #[serde(rename = "origin_hourly")]
    Hourly,
    /// Days of the domains.
    #[serde(rename = "origin_daily")]
    Daily,
    /// Status codes by day.
    #[serde(rename = "origin_status_daily")]
    StatusDaily,
    /// Months of the domains.
    #[serde(rename = "origin_monthly")]
    Monthly,
    /// Hours of the account.
    #[serde(rename = "origin_account_hourly")]
    AccountHourly,
    /// Days of the account.
    #[serde(rename = "origin_account_daily")]
    AccountDaily,
    /// Months of the account.
    #[serde(rename = "origin_account_monthly")]
    AccountMonthly,
    /// How many slots of each day were asked for, by domain. The database has it as ranges, in `origin_coverage`.
    #[serde(rename = "origin_asked")]
    Asked,
    /// How many slots of each day were asked for of any domain.
    #[serde(rename = "origin_account_asked")]
    AccountAsked,
    /// What each code means.
    #[serde(rename = "origin_codes")]
    Codes,
}

/// By which columns the rows of a relation are cut into files and sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowsOf {
    /// Points: by domain and time.
    Points,
    /// A rollup of each domain: by domain, this column, and the code if it has one.
    Domains(&'static str),
    /// A rollup of the account: by this column.
    Account(&'static str),
    /// Days that were asked for: by domain, if there is one, and day.
    Asked,
    /// One small table, by its code. It belongs to no month.
    Table,
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

impl ExportedRelation {
    /// All relations, in the order of writing.
    pub const ALL: [Self; 12] = [
        Self::Stats,
        Self::StatusCodes,
        Self::Hourly,
        Self::Daily,
        Self::StatusDaily,
        Self::Monthly,
        Self::AccountHourly,
        Self::AccountDaily,
        Self::AccountMonthly,
        Self::Asked,
        Self::AccountAsked,
        Self::Codes,
    ];

    /// Returns the name. It is that of the relation in SQL, but for the days that were asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stats => "origin_stats",
            Self::StatusCodes => "origin_status_codes",
            Self::Hourly => "origin_hourly",
            Self::Daily => "origin_daily",
            Self::StatusDaily => "origin_status_daily",
            Self::Monthly => "origin_monthly",
            Self::AccountHourly => "origin_account_hourly",
            Self::AccountDaily => "origin_account_daily",
            Self::AccountMonthly => "origin_account_monthly",
            Self::Asked => "origin_asked",
            Self::AccountAsked => "origin_account_asked",
            Self::Codes => "origin_codes",
        }
    }

    /// Returns by which columns its rows are cut and sorted.
    pub(super) const fn rows_of(self) -> RowsOf {
        match self {
            Self::Stats | Self::StatusCodes => RowsOf::Points,
            Self::Hourly => RowsOf::Domains("hour_cst"),
            Self::Daily | Self::StatusDaily => RowsOf::Domains("date_cst"),
            Self::Monthly => RowsOf::Domains("month_cst"),
            Self::AccountHourly => RowsOf::Account("hour_cst"),
            Self::AccountDaily => RowsOf::Account("date_cst"),
            Self::AccountMonthly => RowsOf::Account("month_cst"),
            Self::Asked | Self::AccountAsked => RowsOf::Asked,
            Self::Codes => RowsOf::Table,
        }
    }

    /// Returns whether its files lie in a directory for each month.
    #[must_use]
    pub fn has_months(self) -> bool {
        self.rows_of() != RowsOf::Table
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

    /// Returns the file name of a part.
    #[must_use]
    pub fn part_name(self, number: usize) -> String {
        format!("part-{number}.{}", self.name())
    }
}
