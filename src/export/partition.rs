//! The path of one file in the directory tree.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::relation::{DataFormat, ExportedRelation};

/// The longest name of a file or directory on Linux and macOS, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// The contents of one file: the rows of a relation for one domain and one UTC+8 month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// The relation.
    pub relation: ExportedRelation,
    /// The domain as stored.
    pub domain: String,
    /// `2026-01`, in UTC+8.
    pub month: String,
}

impl Partition {
    /// Returns the names of the directories above the file.
    #[must_use]
    pub fn directories(&self) -> [String; 3] {
        [
            self.relation.name().to_owned(),
            domain_directory(&self.domain),
            format!("month={}", escaped(&self.month)),
        ]
    }

    /// Returns the path of the file in the directory of the export, separated by `/` on every system.
    #[must_use]
    pub fn file(&self, format: DataFormat) -> String {
        format!("{}/{}", self.directories().join("/"), format.part_name())
    }
}

/// Returns whether the directory name of `domain` is short enough.
#[must_use]
pub fn has_room_for(domain: &str) -> bool {
    domain_directory(domain).len() <= MAX_NAME_BYTES
}

fn domain_directory(domain: &str) -> String {
    format!("domain={}", escaped(domain))
}

/// Escapes a value for a Hive path, which readers undo. Everything except the characters of normal host names becomes
/// `%2A` and so on. Capitals do, too, so that no two domains share a directory on a case-insensitive file system.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_domain_is_its_own_directory() {
        let partition = Partition {
            relation: ExportedRelation::StatusCodes,
            domain: "img_1.a-b.com".to_owned(),
            month: "2026-01".to_owned(),
        };
        assert_eq!(
            partition.file(DataFormat::Csv),
            "origin_status_codes/domain=img_1.a-b.com/month=2026-01/part-0.csv"
        );
    }

    #[test]
    fn no_domain_leads_out_of_the_tree_or_into_the_directory_of_another() {
        for (domain, directory) in [
            ("*.a.com", "domain=%2A.a.com"),
            ("../../x", "domain=..%2F..%2Fx"),
            ("A.com", "domain=%41.com"),
            ("%41.com", "domain=%2541.com"),
            ("a=b", "domain=a%3Db"),
            ("带", "domain=%E5%B8%A6"),
            ("", "domain="),
        ] {
            assert_eq!(domain_directory(domain), directory);
        }
    }

    #[test]
    fn a_name_too_long_for_a_directory_is_known_beforehand() {
        assert!(has_room_for(&"a".repeat(248)));
        assert!(!has_room_for(&"a".repeat(249)));
        assert!(!has_room_for(&"*".repeat(100)));
    }
}
