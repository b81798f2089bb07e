//! Short texts that several views share.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use indicatif::HumanCount;
use serde::{Serialize as _, Serializer};

use crate::model::{Domain, UnixSeconds, civil, text};

/// How many domains a line names. A refused domain is always named, because it stands alone.
const NAMED_DOMAINS: usize = 4;

/// Returns a count with its noun: `1 domain`, `1,000 domains`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        HumanCount(count),
        if count == 1 { "" } else { "s" }
    )
}

/// Returns the domains by name, or the first few and the number of the others.
pub(crate) fn domain_list(domains: &[Domain]) -> String {
    let named: Vec<&str> = domains.iter().take(NAMED_DOMAINS).map(Domain::as_str).collect();
    match domains.len().saturating_sub(NAMED_DOMAINS) {
        0 if named.is_empty() => "some domains".to_owned(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Returns a path without the characters that could act on a terminal.
pub(crate) fn path(path: &Path) -> String {
    text::printable(&path.to_string_lossy())
}

/// Returns the time of the newest point in UTC+8, or `none`.
pub(crate) fn newest_point(ts: Option<UnixSeconds>) -> String {
    ts.map_or_else(
        || "none".to_owned(),
        |ts| format!("{} (UTC+8)", civil::cst_second(ts)),
    )
}

/// Serializes a time, or none, in UTC+8.
pub(crate) fn rfc3339<T, S>(time: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Copy + Into<Option<UnixSeconds>>,
    S: Serializer,
{
    (*time).into().map(civil::cst_rfc3339).serialize(serializer)
}

/// Returns a word of a command line as a shell reads it. A word that holds characters that could act on a terminal is
/// shown without them.
pub(crate) fn shell_word(word: &OsStr) -> String {
    let shown = text::shorten(&word.to_string_lossy(), usize::MAX);
    // It fails only for a zero byte, which no argument holds.
    shlex::try_quote(&shown).map_or_else(|_| shown.clone(), Cow::into_owned)
}
