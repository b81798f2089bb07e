//! How far an export is, and what it has written.

/// The progress of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportProgress {
    /// Months of domains to write, and other relations.
    pub steps: u64,
    /// How many of them are done.
    pub done: u64,
    /// Rows written.
    pub rows: u64,
}

/// The number of files, of their rows and of their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// Files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their sizes.
    pub bytes: u64,
}
