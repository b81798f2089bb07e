//! The path of the files of one relation and month.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::relation::{DataFormat, ExportedRelation};

/// How the directory of a month begins. Engines read the rest of its name as a column.
pub(super) const MONTH_PREFIX: &str = "month=";

/// The rows of a relation in one UTC+8 month, or all of them if the relation has no months. They lie in one or more
/// files, the parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// The relation.
    pub relation: ExportedRelation,
    /// `2026-01`, in UTC+8.
    pub month: Option<String>,
}

impl Partition {
    /// Returns the names of the directories above the files.
    #[must_use]
    pub fn directories(&self) -> Vec<String> {
        let relation = self.relation.name().to_owned();
        let month = self.month.iter().map(|month| [MONTH_PREFIX, month].concat());
        std::iter::once(relation).chain(month).collect()
    }

    /// Returns the path of a part in the directory of the export, separated by `/` on every system.
    #[must_use]
    pub fn file(&self, format: DataFormat, number: usize) -> String {
        format!("{}/{}", self.directories().join("/"), format.part_name(number))
    }
}

/// A file whose name is that of a part, or of an unfinished part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartName {
    pub(super) format: DataFormat,
    pub(super) number: usize,
    pub(super) is_unfinished: bool,
}

impl PartName {
    /// Reads a file name; `None` for every other name.
    pub(super) fn parse(name: &Path) -> Option<Self> {
        let name = name.to_str()?;
        let hidden = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
        let (stem, extension) = hidden.unwrap_or(name).split_once('.')?;
        let format = match extension {
            "parquet" => DataFormat::Parquet,
            "csv" => DataFormat::Csv,
            _ => return None,
        };
        let number: usize = stem.strip_prefix("part-")?.parse().ok()?;
        // `part-007` is not a name that an export gives.
        (format.part_name(number) == hidden.unwrap_or(name)).then_some(Self {
            format,
            number,
            is_unfinished: hidden.is_some(),
        })
    }
}

/// Returns whether `text` is written like a month, such as `2026-01`.
pub(super) fn is_month(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.rsplit_once('-')
        .is_some_and(|(year, month)| year.len() >= 4 && digits(year) && month.len() == 2 && digits(month))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_without_months_has_its_file_right_in_its_directory() {
        let partition = |relation, month: Option<&str>| Partition {
            relation,
            month: month.map(str::to_owned),
        };
        assert_eq!(
            partition(ExportedRelation::StatusCodes, Some("2026-01")).file(DataFormat::Csv, 3),
            "origin_status_codes/month=2026-01/part-3.csv"
        );
        assert_eq!(
            partition(ExportedRelation::Codes, None).file(DataFormat::Parquet, 0),
            "origin_codes/part-0.parquet"
        );
    }

    #[test]
    fn only_names_that_an_export_gives_are_taken_for_parts() {
        let parsed = |name: &str| {
            PartName::parse(Path::new(name)).map(|part| (part.format, part.number, part.is_unfinished))
        };
        assert_eq!(parsed("part-12.parquet"), Some((DataFormat::Parquet, 12, false)));
        assert_eq!(parsed(".part-0.csv.tmp"), Some((DataFormat::Csv, 0, true)));
        for other in [
            "part-00.parquet",
            "part-.parquet",
            "part-1.parquet.tmp",
            ".part-1.parquet",
            "part-00000-4f.snappy.parquet",
            "part-1.txt",
            "part-+1.csv",
            "notes.txt",
        ] {
            assert_eq!(parsed(other), None, "{other}");
        }
    }

    #[test]
    fn a_month_is_written_with_two_digits() {
        assert!(is_month("2026-01") && is_month("0999-12"));
        for other in ["2026-1", "2026", "26-01", "2026-01-01", "-2026-01", "__HIVE__"] {
            assert!(!is_month(other), "{other}");
        }
    }
}
