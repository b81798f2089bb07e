//! What a Parquet file says about itself in its footer. It is written with the file, so it cannot be lost or go with
//! another file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use parquet::file::metadata::{ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy};

use crate::model::SlotLabel;

/// The begin of every key of this program.
const PREFIX: &str = "jdcdn-stats.";

/// The end of a Parquet file: the size of the footer in four bytes, and these.
const MAGIC: &[u8; 4] = b"PAR1";
/// A larger footer is none of this program: that of 60 MB of status codes has 0.2 MB.
const MAX_BYTES: u32 = 16 << 20;

/// What the footer of a part says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    /// The digest of the rows of all parts.
    pub(super) content: String,
    /// The number of the part.
    pub(super) part: usize,
    /// No part follows.
    pub(super) is_last: bool,
    /// Decides the month of a point.
    pub(super) label: SlotLabel,
    /// The domains that were selected; `None` for all.
    pub(super) domains: Option<Vec<String>>,
    /// The class of each code in the rows, such as `2xx 200`, if they have classes.
    pub(super) classes: BTreeSet<String>,
}

impl Footer {
    /// Returns the keys and values for the file.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let domains = serde_json::json!(self.domains).to_string();
        let classes = serde_json::json!(self.classes).to_string();
        [
            ("content", self.content.clone()),
            ("part", self.part.to_string()),
            ("last", self.is_last.to_string()),
            ("slot_label", self.label.to_string()),
            ("domains", domains),
            ("classes", classes),
        ]
        .map(|(key, value)| ([PREFIX, key].concat(), value))
        .into()
    }

    fn from_pairs(pairs: &BTreeMap<&str, &str>) -> Option<Self> {
        Some(Self {
            content: (*pairs.get("content")?).to_owned(),
            part: pairs.get("part")?.parse().ok()?,
            is_last: pairs.get("last")?.parse().ok()?,
            label: pairs.get("slot_label")?.parse().ok()?,
            domains: serde_json::from_str(pairs.get("domains")?).ok()?,
            classes: serde_json::from_str(pairs.get("classes")?).ok()?,
        })
    }

    /// Returns what the footer of a file says, and how many rows the file has. `None` if the file is not whole, or no
    /// export wrote it.
    pub(super) fn read(path: &Path) -> Option<(Self, u64)> {
        let file = File::open(path).ok()?;
        let options = ParquetMetaDataOptions::new()
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
        let metadata = ParquetMetaDataReader::new()
            .with_metadata_options(Some(options))
            .parse_and_finish(&file)
            .ok()?;
        let metadata = metadata.file_metadata();
        let pairs = metadata.key_value_metadata()?.iter().filter_map(|pair| {
            let key = pair.key.strip_prefix(PREFIX)?;
            Some((key, pair.value.as_deref()?))
        });
        let rows = u64::try_from(metadata.num_rows()).ok()?;
        Some((Self::from_pairs(&pairs.collect())?, rows))
    }

    /// Returns the bytes of the footer of a file, to see by their checksum that it is known. `None` if it has none.
    pub(super) fn bytes(path: &Path) -> Option<Vec<u8>> {
        let file = File::open(path).ok()?;
        let ends = file.metadata().ok()?.len();
        let mut end = [0; 8];
        file.read_exact_at(&mut end, ends.checked_sub(8)?).ok()?;
        let (size, magic) = end.split_first_chunk()?;
        let size = u32::from_le_bytes(*size);
        if magic != MAGIC || size > MAX_BYTES {
            return None;
        }
        let mut footer = vec![0; usize::try_from(size).ok()?];
        file.read_exact_at(&mut footer, ends.checked_sub(8 + u64::from(size))?)
            .ok()?;
        Some(footer)
    }

    /// Returns whether these bytes of a footer name this content and this label.
    pub(super) fn names(bytes: &[u8], content: &str, label: SlotLabel) -> bool {
        let label = label.to_string();
        [("content", content), ("slot_label", &label)]
            .into_iter()
            .all(|(key, value)| {
                // As Thrift's compact protocol writes it: the value follows its key, with its type and its length.
                let mut pair = [PREFIX, key].concat().into_bytes();
                pair.push(0x18);
                pair.extend(u8::try_from(value.len()));
                pair.extend(value.bytes());
                memchr::memmem::find(bytes, &pair).is_some()
            })
    }

    /// Returns CRC-32 of the bytes of a footer. Every export computes it for every file, and SHA-256 was a tenth of an export with
    /// nothing new.
    pub(super) fn crc32(footer: &[u8]) -> u32 {
        let mut crc = flate2::Crc::new();
        crc.update(footer);
        crc.sum()
    }
}
