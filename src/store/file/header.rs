//! Whose file this is, read from its first bytes without SQLite. This leaves no trace.
//!
//! The offsets are those of "Database File Format" on sqlite.org.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::store::error::{Result, StoreErrorKind};
use crate::store::file::location::{locate, size, suffixed};
use crate::store::file::open_files::{self, Access};

/// The mark of this program's databases in the header of the file: `JDCS`.
pub const APPLICATION_ID: u32 = 0x4a44_4353;

/// Length of the file's own header and that of the schema's first page.
const HEADER_BYTES: usize = 108;

/// What is at a path that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Nothing, a database without content and without a mark, or a file that SQLite will empty.
    Empty,
    /// A database of this program.
    Ours,
}

/// Returns whether a database of this program is at `path`, which is no link. SQLite would leave files beside another.
#[must_use]
pub fn is_ours(path: &Path) -> bool {
    let found = locate(path).and_then(|located| inspect(&located));
    matches!(found, Ok(Existing::Ours))
}

/// Returns what is at `path`; refuses everything that is not a database of this program.
///
/// The mark is written before anything else and before the write-ahead log is switched on. So every finished file of this
/// program has it in its header.
pub(crate) fn inspect(path: &Path) -> Result<Existing> {
    let header = first_bytes(path).map_err(StoreErrorKind::File)?;
    if header.is_empty() {
        // SQLite would silently delete the log of an empty file.
        return match size(&suffixed(path, "-wal")) {
            Some(1..) => Err(StoreErrorKind::Orphaned),
            _ => Ok(Existing::Empty),
        };
    }
    // 68: application id. 18: write version, 2 for a write-ahead log. 100: kind of the schema's first page, 13 for a
    // leaf. 103: its number of entries.
    let id = header.get(68..72).and_then(|id| id.try_into().ok());
    let (true, Some(id)) = (header.starts_with(b"SQLite format 3\0"), id) else {
        if header.iter().all(|byte| *byte == 0) && undoes_creation(path) {
            return Ok(Existing::Empty);
        }
        return Err(StoreErrorKind::NotADatabase);
    };
    let is_blank = header.get(18) != Some(&2)
        && header.get(100) == Some(&13)
        && header.get(103..105) == Some(&[0, 0][..]);
    match u32::from_be_bytes(id) {
        APPLICATION_ID => Ok(Existing::Ours),
        0 if is_blank => Ok(Existing::Empty),
        application_id => Err(StoreErrorKind::Foreign { application_id }),
    }
}

/// Returns whether the rollback journal beside `path` says that the file was empty before. Then the power failed while the first
/// page was written, and a part of it did not reach the disk. The next writing connection empties the file.
fn undoes_creation(path: &Path) -> bool {
    // 0: the mark of a journal that is in force. 16: the number of pages before.
    let journal = first_bytes(&suffixed(path, "-journal")).unwrap_or_default();
    journal.starts_with(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7") && journal.get(16..20) == Some(&[0; 4])
}

/// Returns as many of the first bytes of a file as it has; none if there is no file.
fn first_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let Some((open, _)) = open_files::open(path, Access::Read)? else {
        return Ok(Vec::new());
    };
    let mut bytes = vec![0; HEADER_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match open.file.read_at(rest, u64::try_from(filled).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Returns whether the database uses a write-ahead log, as every database does that runs write to. Snapshots do not.
pub(crate) fn uses_log(file: &File) -> io::Result<bool> {
    let mut version = [0];
    file.read_exact_at(&mut version, 18).map(|()| version == [2])
}
