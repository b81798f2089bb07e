//! Checks whether the write-ahead log beside a database belongs to it.
//!
//! SQLite cannot tell. It uses any log of the right name. Beside a copy that replaced the database it mixes the two: at
//! best this shows as damage, at worst as fewer points. The numbers of the commits tell ([`super::commit_number`]): the
//! file is at the commit before the first one of its log, or, if a part of the log was folded in already, at one of
//! those in the log.
//!
//! Only reads, without SQLite. Offsets are those of "Database File Format" and "WAL-mode File Format" of sqlite.org.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Bytes of the log's header, and of that of each page in it.
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;
/// The log's magic number. Its last bit says how its checksums are computed.
const LOG_MAGIC: u32 = 0x377f_0682;

/// The state of a database, as its header shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState {
    /// The number of the last commit in it (offset 60).
    pub(crate) commit: u32,
    /// How often the schema has changed (offset 40). Packing a database (`VACUUM`) counts, so a packed copy differs
    /// from the database whose number it bears.
    schema: u32,
    page_size: u32,
}

/// The first and the last state in a log, in the order of its commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LogStates {
    first: FileState,
    last: FileState,
}

/// Returns whether the log at `log` belongs to the database `main`. A log that is missing or empty does.
pub(crate) fn belongs(main: &File, log: &Path) -> io::Result<bool> {
    let opened = rustix::fs::open(
        log,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let log = match opened {
        Ok(log) => File::from(log),
        Err(rustix::io::Errno::NOENT) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    // A run may begin the log anew while this reads it. Then both are read again. A run commits far less often than
    // this reads.
    for _ in 0..ATTEMPTS {
        let before = (state(main)?, salts(&log)?);
        let Some(main_state) = before.0 else {
            return Ok(true);
        };
        let states = read(&log)?;
        if (state(main)?, salts(&log)?) == before {
            return Ok(states.is_none_or(|states| follows(main_state, states)));
        }
    }
    Ok(true)
}

/// How often a log that a run is changing is read. After that it counts as the run's own.
const ATTEMPTS: usize = 20;

/// Returns whether a log with these states may follow a database in this state.
fn follows(main: FileState, log: LogStates) -> bool {
    let numbers = log.first.commit.saturating_sub(1)..=log.last.commit;
    main.page_size == log.first.page_size && numbers.contains(&main.commit) && main.schema <= log.last.schema
}

/// Returns the state of the file; `None` if it is not a database, or not yet.
pub(crate) fn state(main: &File) -> io::Result<Option<FileState>> {
    let mut header = [0; 64];
    match main.read_exact_at(&mut header, 0) {
        Ok(()) => {}
        Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(header
        .starts_with(b"SQLite format 3\0")
        .then(|| state_in(&header))
        .flatten())
}

/// Returns the state in the first bytes of a database's first page.
fn state_in(page: &[u8]) -> Option<FileState> {
    let page_size = match page.get(16..18)? {
        // 65536 does not fit.
        [0, 1] => 1 << 16,
        [high, low] => u32::from(*high) << 8 | u32::from(*low),
        _ => return None,
    };
    Some(FileState {
        commit: word(page, 60)?,
        schema: word(page, 40)?,
        page_size,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*word))
}

/// Returns the bytes that distinguish one use of the log's file from the next.
fn salts(log: &File) -> io::Result<Option<[u8; 8]>> {
    let mut salts = [0; 8];
    Ok(filled(log, &mut salts, 16)?.then_some(salts))
}

/// Fills `into`; returns false if the file ends before.
fn filled(file: &File, into: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(into, at) {
        Ok(()) => Ok(true),
        Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the states in a log, from the copies of the database's first page in its commits. `None` if it has none,
/// or if SQLite would not read it.
///
/// Like SQLite this stops at the first page with a wrong checksum, and ignores pages after the last commit. After a
/// power loss any part of an unsynced log may be missing; such a log belongs to this file.
fn read(log: &File) -> io::Result<Option<LogStates>> {
    let mut header = [0; 32];
    if !filled(log, &mut header, 0)? || word(&header, 0).is_none_or(|magic| magic & !1 != LOG_MAGIC) {
        return Ok(None);
    }
    let page_size = u64::from(word(&header, 8).unwrap_or(0));
    if !(512..=1 << 16).contains(&page_size) {
        return Ok(None);
    }
    let mut sum = Checksum::of(&header);
    sum.add(header.get(..24).unwrap_or_default());
    if !sum.is_at(&header, 24) {
        return Ok(None);
    }
    let mut found: Option<LogStates> = None;
    let mut uncommitted: Option<FileState> = None;
    let mut at = LOG_HEADER;
    let mut frame = [0; 24];
    let mut page = vec![0; usize::try_from(page_size).unwrap_or_default()];
    // Behind the pages of this use of the file are those of an earlier one, with other salts.
    while filled(log, &mut frame, at)? && frame.get(8..16) == header.get(16..24) {
        if !filled(log, &mut page, at + FRAME_HEADER)? {
            break;
        }
        sum.add(frame.get(..8).unwrap_or_default());
        sum.add(&page);
        if !sum.is_at(&frame, 16) {
            break;
        }
        if word(&frame, 0) == Some(1) {
            uncommitted = state_in(&page);
        }
        // The last page of a commit tells the size of the database.
        if word(&frame, 4) != Some(0)
            && let Some(last) = uncommitted.take()
        {
            let first = found.map_or(last, |found| found.first);
            found = Some(LogStates { first, last });
        }
        at += FRAME_HEADER + page_size;
    }
    Ok(found)
}

/// The running checksum of a log, over its header and every page so far.
#[derive(Debug, Clone, Copy)]
struct Checksum {
    is_big_endian: bool,
    words: (u32, u32),
}

impl Checksum {
    fn of(header: &[u8]) -> Self {
        Self {
            is_big_endian: word(header, 0).is_some_and(|magic| magic & 1 == 1),
            words: (0, 0),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let (mut one, mut two) = self.words;
        let read = if self.is_big_endian {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        let (pairs, _) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in pairs {
            one = one.wrapping_add(read([a, b, c, d])).wrapping_add(two);
            two = two.wrapping_add(read([e, f, g, h])).wrapping_add(one);
        }
        self.words = (one, two);
    }

    /// Returns whether the checksum that is stored at this offset is this one.
    fn is_at(self, bytes: &[u8], at: usize) -> bool {
        word(bytes, at).zip(word(bytes, at + 4)) == Some(self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: FileState = FileState {
        commit: 100,
        schema: 7,
        page_size: 4096,
    };

    fn log(first: u32, last: u32) -> LogStates {
        LogStates {
            first: FileState {
                commit: first,
                ..STATE
            },
            last: FileState {
                commit: last,
                ..STATE
            },
        }
    }

    #[test]
    fn a_log_follows_the_commit_before_it_or_one_that_it_holds() {
        for (first, last, follows_it) in [
            (101, 140, true),
            (100, 100, true),
            (90, 100, true),
            (102, 140, false),
            (90, 99, false),
            (0, 0, false),
        ] {
            assert_eq!(follows(STATE, log(first, last)), follows_it, "{first} {last}");
        }
        // A file from before the numbers.
        assert!(follows(FileState { commit: 0, ..STATE }, log(0, 5)));
    }

    #[test]
    fn a_packed_copy_and_another_page_size_are_other_files() {
        assert!(!follows(FileState { schema: 8, ..STATE }, log(101, 101)));
        assert!(follows(FileState { schema: 6, ..STATE }, log(101, 101)));
        let odd = FileState {
            page_size: 8192,
            ..STATE
        };
        assert!(!follows(odd, log(101, 101)));
    }

    #[test]
    fn bytes_that_are_no_log_are_no_evidence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for bytes in [&b""[..], b"short", &[0xff; 4096]] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&File::open(&path).unwrap()).unwrap(), None);
        }
    }

    #[test]
    fn a_log_that_lost_a_page_at_a_power_failure_is_still_the_files_own() {
        let dir = tempfile::tempdir().unwrap();
        let (main, log) = (dir.path().join("a.db"), dir.path().join("a.db-wal"));
        let database = rusqlite::Connection::open(&main).unwrap();
        let commit = |number: i32| database.pragma_update(None, "user_version", number).unwrap();
        database
            .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
            .unwrap();
        commit(1);
        database
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        (2..=5).for_each(commit);
        let belongs = |bytes: &[u8]| {
            let lossy = dir.path().join("lossy");
            std::fs::write(&lossy, bytes).unwrap();
            super::belongs(&File::open(&main).unwrap(), &lossy).unwrap()
        };
        let whole = std::fs::read(&log).unwrap();
        assert!(belongs(&whole));
        let frames = (whole.len() - 32) / (24 + 4096);
        assert_eq!(frames, 4);
        for frame in 0..frames {
            let page = 32 + frame * (24 + 4096) + 24;
            let mut lossy = whole.clone();
            lossy[page..page + 512].fill(0);
            assert!(belongs(&lossy), "page {frame}");
        }
    }
}
