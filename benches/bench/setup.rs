//! What all sections share: the sizes, a directory, and the local server.

use std::path::{Path, PathBuf};

use jdcdn_stats::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use jdcdn_stats::model::{Span, UnixSeconds};
use tempfile::TempDir;

use crate::Result;
use crate::data::{self, Revision};
use crate::program::Account;
use crate::server::Server;

/// 2026-01-01 in UTC+8.
pub(crate) const FIRST_DAY: UnixSeconds = 1_767_196_800;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// For the page.
    Full,
    /// For a try: seconds instead of minutes.
    Small,
}

/// What all sections share.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) size: Size,
    pub(crate) server: Server,
    directory: TempDir,
}

impl Setup {
    pub(crate) fn new() -> Result<Self> {
        let size = size()?;
        let parent = text("DIR").map_or_else(scratch, PathBuf::from);
        std::fs::create_dir_all(&parent)?;
        Ok(Self {
            size,
            server: Server::start()?,
            directory: tempfile::Builder::new()
                .prefix("jdcdn-bench-")
                .tempdir_in(parent)?,
        })
    }

    /// Returns one of two sizes.
    pub(crate) fn pick<T>(&self, full: T, small: T) -> T {
        match self.size {
            Size::Full => full,
            Size::Small => small,
        }
    }

    /// Returns the directory for everything that is measured; it is removed at the end.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns a new directory in it.
    pub(crate) fn scratch(&self, name: &str) -> Result<TempDir> {
        Ok(tempfile::Builder::new()
            .prefix(name)
            .tempdir_in(self.directory())?)
    }

    /// Returns the sizes that were asked for.
    pub(crate) fn sizes(&self) -> String {
        let given = |name: &str| text(name).map(|value| format!(" {name}={value}"));
        let given: Vec<String> = ["DOMAINS", "MONTHS"].into_iter().filter_map(given).collect();
        format!("{:?}{}", self.size, given.concat())
    }

    /// Makes an account in `directory` that asks the local server, with this latency in milliseconds.
    pub(crate) fn account(
        &self,
        directory: &Path,
        domains: usize,
        start: UnixSeconds,
        latency: u64,
        now: UnixSeconds,
    ) -> Result<Account> {
        let endpoint = self.server.endpoint(latency, Revision::First);
        Account::new(directory, &data::names(domains)?, start, endpoint, now)
    }
}

/// Returns how much is to be measured.
pub(crate) fn size() -> Result<Size> {
    match std::env::var("SIZE").as_deref() {
        Err(_) | Ok("" | "full") => Ok(Size::Full),
        Ok("small") => Ok(Size::Small),
        Ok(other) => Err(format!("SIZE: `{other}` is neither small nor full").into()),
    }
}

/// Returns the range of some days from the first one on.
pub(crate) fn first_days(days: usize) -> Result<Span> {
    let end = FIRST_DAY + i64::try_from(days)? * DAY_SECONDS;
    Ok(Span::new(FIRST_DAY, end).ok_or("no day")?)
}

/// Returns the moment at which everything before `end` is available, and nothing else.
pub(crate) const fn just_after(end: UnixSeconds) -> UnixSeconds {
    end + SLOT_SECONDS
}

/// Returns the directory of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the directory for files, and for the results of a try.
pub(crate) fn scratch() -> PathBuf {
    // `target/`, wherever that is.
    let target = Path::new(crate::program::binary()).ancestors().nth(2);
    target
        .map_or_else(std::env::temp_dir, Path::to_owned)
        .join("bench")
}

/// Returns the value of a variable that is set and not empty.
pub(crate) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns whether a variable is set to something other than 0.
pub(crate) fn is_set(name: &str) -> bool {
    text(name).is_some_and(|value| value != "0")
}

/// Returns the words of a variable.
pub(crate) fn list(name: &str) -> Vec<String> {
    let value = text(name).unwrap_or_default();
    value
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns a number of a variable.
pub(crate) fn number(name: &str) -> Result<Option<usize>> {
    let parse = |value: String| {
        value
            .parse()
            .map_err(|_| format!("{name}: `{value}` is not a number"))
    };
    Ok(text(name).map(parse).transpose()?)
}
