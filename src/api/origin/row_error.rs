//! Why a point was not read.

use std::borrow::Cow;

/// Why a point was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowError {
    /// This point cannot be taken.
    Point(Cow<'static, str>),
    /// No point of this answer can be taken any more.
    Answer(&'static str),
}

impl RowError {
    /// Returns the error of a point that has this fault.
    pub(super) fn point(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Point(what.into())
    }

    /// Returns what is wrong.
    pub(super) fn into_text(self) -> Cow<'static, str> {
        match self {
            Self::Point(what) => what,
            Self::Answer(what) => what.into(),
        }
    }
}
