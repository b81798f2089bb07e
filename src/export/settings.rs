//! The settings that all files of a directory share.

use super::relation::DataFormat;
use crate::model::SlotLabel;

/// What all files of a directory have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSettings {
    pub(super) format: DataFormat,
    /// CSV begins with the mark by which spreadsheets know UTF-8.
    pub(super) bom: bool,
    pub(super) label: SlotLabel,
    /// The selected domains, in order; `None` for all.
    pub(super) domains: Option<Vec<String>>,
}
