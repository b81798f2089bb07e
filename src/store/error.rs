//! Why a database cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::model::text;
pub use crate::store::error_kind::StoreErrorKind;

/// The result of a part of the store, without the path of the database. [`Store`](super::Store) and
/// [`Reader`](super::Reader) add the path.
pub(crate) type Result<T, E = StoreErrorKind> = std::result::Result<T, E>;

/// A failure, and the database that it concerns.
///
/// After any of them, drop the [`Store`](super::Store). A commit that reported an I/O error may be stored all the same;
/// only a new connection can tell.
#[derive(Debug)]
pub struct StoreError {
    path: PathBuf,
    kind: StoreErrorKind,
}

/// Who has to act on a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Nobody: another run or program uses the database. Try again later.
    InUse,
    /// The user: the database, its disk or its permissions need attention.
    Unusable,
    /// The authors of this program.
    Defect,
    /// Nobody: the process was asked to end. The store is as it was before, and may be used on.
    Interrupted,
}

impl StoreError {
    pub(crate) fn new(path: &Path, kind: StoreErrorKind) -> Self {
        Self {
            path: path.to_owned(),
            kind,
        }
    }

    /// Returns the path of the database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }

    /// Returns what went wrong, by value.
    #[must_use]
    pub fn into_kind(self) -> StoreErrorKind {
        self.kind
    }

    /// Returns whether the process was asked to end. The store is as it was before, and may be used on.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        self.class() == ErrorClass::Interrupted
    }

    /// Returns who has to act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self.kind {
            StoreErrorKind::Locked(_) | StoreErrorKind::LockedElsewhere | StoreErrorKind::InUse => {
                ErrorClass::InUse
            }
            StoreErrorKind::InvariantViolation(_) => ErrorClass::Defect,
            StoreErrorKind::Interrupted => ErrorClass::Interrupted,
            _ => ErrorClass::Unusable,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "database `{}`: {}",
            text::printable_path(&self.path),
            self.kind
        )
    }
}

/// The message includes the kind's own, so the chain of causes goes on with the cause of the kind.
impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_says_who_has_to_act() {
        let class = |kind| StoreError::new(Path::new("x.db"), kind).class();
        assert_eq!(class(StoreErrorKind::Locked(None)), ErrorClass::InUse);
        assert_eq!(class(StoreErrorKind::Orphaned), ErrorClass::Unusable);
        assert_eq!(class(StoreErrorKind::ReadOnly), ErrorClass::Unusable);
        assert_eq!(
            class(StoreErrorKind::InvariantViolation(String::new())),
            ErrorClass::Defect
        );
        assert_eq!(class(StoreErrorKind::Interrupted), ErrorClass::Interrupted);
    }

    #[test]
    fn the_message_names_the_file_and_prints_safely() {
        let error = StoreError::new(Path::new("a\u{1b}.db"), StoreErrorKind::Locked(None));
        assert_eq!(
            error.to_string(),
            "database `a\\u{1b}.db`: it is in use by another run; wait until that run ends"
        );
    }
}
