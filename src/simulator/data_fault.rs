//! The faults that the data of an answer can have.

use super::mutation::Mutation;

/// A fault in the data of an answer.
///
/// A fault that names a domain or slot which is not in the answer does nothing. Where the domain is optional, `None`
/// means every domain of the answer.
///
/// | the answer | the fault |
/// |---|---|
/// | a requested domain that is not in `data` | `AbsentDomain`, `AbsentDomains`, `NoDomains` |
/// | an empty list | `EmptyDomain`, `NoPoints` |
/// | fewer points than slots | `CutSeries`, `RowCap`, `Omit` |
/// | an entry that is `null`, `{}`, of a wrong type | `Entry` |
/// | one bad figure | `Mutate` with `NaN`, `Infinity`, and so on |
/// | points an hour or a day apart | `Granularity` |
/// | points that all lie outside the range | `OtherWindow` |
/// | only other domains | `OnlyOtherDomains` |
/// | some points outside the window, on the grid | `OutsideWindow`, `Flood` |
/// | points off the grid, in milliseconds, negative | `Mutate`, `MutateAll`, `Flood` with `OffGridTime` and so on |
/// | two values or two times in one slot | `ConflictingDuplicate`, `TwoTimes` |
/// | another spelling of a name | `Spelling`, `UpperCase` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataFault {
    /// Peaks of longer steps, such as 3600 or 86400 seconds, instead of 5-minute points.
    Granularity {
        /// The step.
        seconds: i64,
    },
    /// One point written differently.
    Mutate {
        /// The domain of the point.
        domain: String,
        /// The timestamp of the point.
        slot: i64,
        /// How it is written.
        mutation: Mutation,
    },
    /// Every point written differently.
    MutateAll {
        /// The domain of the points.
        domain: Option<String>,
        /// How they are written.
        mutation: Mutation,
    },
    /// One point twice.
    Duplicate {
        /// The domain of the point.
        domain: String,
        /// The timestamp of the point.
        slot: i64,
    },
    /// One point twice, the second time with one bit/s more.
    ConflictingDuplicate {
        /// The domain of the point.
        domain: String,
        /// The timestamp of the point.
        slot: i64,
    },
    /// One point twice, the second time a minute later.
    TwoTimes {
        /// The domain of the point.
        domain: String,
        /// The timestamp of the point.
        slot: i64,
    },
    /// One point is missing.
    Omit {
        /// The domain of the point.
        domain: String,
        /// The timestamp of the point.
        slot: i64,
    },
    /// Only the first part of a series.
    CutSeries {
        /// The domain that is cut.
        domain: Option<String>,
        /// The share of points that stays, rounded down.
        kept_percent: usize,
    },
    /// Only the first rows of the answer, in the order of its domains.
    RowCap(usize),
    /// The true points just before and just after the window, too.
    OutsideWindow,
    /// This many true points from before the window, too, for the first domain.
    Flood {
        /// How many.
        points: usize,
        /// How they are written.
        mutation: Option<Mutation>,
    },
    /// The true points of another window of the same length, this many seconds later or, if negative, earlier.
    OtherWindow {
        /// The distance.
        seconds: i64,
    },
    /// Points of this domain, too.
    UnaskedDomain(String),
    /// Points of these domains instead of the requested ones.
    OnlyOtherDomains(Vec<String>),
    /// Nothing of this domain.
    AbsentDomain(String),
    /// Nothing of these domains.
    AbsentDomains(Vec<String>),
    /// `"data": []`.
    NoDomains,
    /// This domain with `"data": []`.
    EmptyDomain(String),
    /// Every domain with `"data": []`.
    NoPoints,
    /// Something else instead of the entry of a domain.
    Entry {
        /// The domain of the entry.
        domain: String,
        /// The form of the entry.
        form: EntryForm,
    },
    /// Domain names in upper case.
    UpperCase,
    /// Domain names in another spelling.
    Spelling {
        /// The domain.
        domain: Option<String>,
        /// The spelling.
        spelling: Spelling,
    },
    /// Domains and points out of order.
    Unordered,
}

/// How the entry of a domain is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EntryForm {
    /// As documented.
    #[default]
    Right,
    /// `null`.
    Null,
    /// `{}`.
    EmptyObject,
    /// The name alone, as a string.
    Text,
    /// `0`.
    Number,
    /// `[]`.
    List,
    /// The name, and `"data": null`.
    NullData,
    /// The name, and `"data": {}`.
    ObjectData,
    /// The name, and no `data`.
    WithoutData,
    /// The points, and no name.
    WithoutName,
}

impl EntryForm {
    /// Every form except the documented one.
    pub const WRONG: [Self; 9] = [
        Self::Null,
        Self::EmptyObject,
        Self::Text,
        Self::Number,
        Self::List,
        Self::NullData,
        Self::ObjectData,
        Self::WithoutData,
        Self::WithoutName,
    ];

    /// Returns the text of an entry in a form without points; `name` is the domain as a JSON string.
    pub(crate) fn text(self, name: &str) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::EmptyObject => "{}".to_owned(),
            Self::Text => name.to_owned(),
            Self::Number => "0".to_owned(),
            Self::List => "[]".to_owned(),
            Self::NullData => format!(r#"{{"domain":{name},"data":null}}"#),
            Self::ObjectData => format!(r#"{{"domain":{name},"data":{{}}}}"#),
            Self::Right | Self::WithoutName | Self::WithoutData => format!(r#"{{"domain":{name}}}"#),
        }
    }
}

/// Another way to write the name of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Blanks and a tab around it.
    Blanks,
    /// Every second letter in upper case.
    MixedCase,
    /// A dot at the end.
    FinalDot,
    /// `*.a.com` for `.a.com`, and the other way round; other names stay as they are.
    Wildcard,
}

impl Spelling {
    pub(crate) fn of(self, name: &str) -> String {
        match self {
            Self::Blanks => format!(" {name}\t "),
            Self::MixedCase => {
                let mixed = name.char_indices().map(|(at, letter)| match at % 2 {
                    0 => letter.to_ascii_uppercase(),
                    _ => letter,
                });
                mixed.collect()
            }
            Self::FinalDot => format!("{name}."),
            Self::Wildcard if name.starts_with('.') => format!("*{name}"),
            Self::Wildcard => name.strip_prefix('*').unwrap_or(name).to_owned(),
        }
    }
}
