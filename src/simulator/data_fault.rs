//! Everything that can be wrong with the data of one answer.

use super::mutation::Mutation;

/// What is wrong with the data of an answer.
///
/// Where a fault names a domain and a slot that the answer does not hold, it does nothing. Where a domain is
/// optional, none stands for every domain of the answer.
///
/// | the answer | the fault |
/// |---|---|
/// | an asked domain that is not in `data` | `AbsentDomain`, `AbsentDomains`, `NoDomains` |
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
    /// Peaks of longer steps, such as 3600 or 86400 seconds, in place of 5-minute points.
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
    /// One point left out.
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
        /// The share of points that is left, rounded down.
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
    /// Points of these domains in place of those asked for.
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
    /// Something else in place of the entry of a domain.
    Entry {
        /// The domain of the entry.
        domain: String,
        /// What stands there.
        form: EntryForm,
    },
    /// Domain names in upper case.
    UpperCase,
    /// Domain names written differently.
    Spelling {
        /// The domain.
        domain: Option<String>,
        /// How it is written.
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
    /// Every form but the documented one.
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
                let letters = name.char_indices().map(|(position, letter)| match position % 2 {
                    0 => letter.to_ascii_uppercase(),
                    _ => letter,
                });
                letters.collect()
            }
            Self::FinalDot => format!("{name}."),
            Self::Wildcard if name.starts_with('.') => format!("*{name}"),
            Self::Wildcard => name.strip_prefix('*').unwrap_or(name).to_owned(),
        }
    }
}

impl DataFault {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Granularity { .. } => "granularity",
            Self::Mutate { .. } => "mutated point",
            Self::MutateAll { .. } => "mutated points",
            Self::Duplicate { .. } => "duplicate",
            Self::ConflictingDuplicate { .. } => "conflicting duplicate",
            Self::TwoTimes { .. } => "two times",
            Self::Omit { .. } => "omitted point",
            Self::CutSeries { .. } => "cut series",
            Self::RowCap(_) => "row cap",
            Self::OutsideWindow => "outside window",
            Self::Flood { .. } => "flood",
            Self::OtherWindow { .. } => "other window",
            Self::UnaskedDomain(_) => "unasked domain",
            Self::OnlyOtherDomains(_) => "only other domains",
            Self::AbsentDomain(_) => "absent domain",
            Self::AbsentDomains(_) => "absent domains",
            Self::NoDomains => "no domains",
            Self::EmptyDomain(_) => "empty domain",
            Self::NoPoints => "no points",
            Self::Entry { .. } => "entry",
            Self::UpperCase => "upper case",
            Self::Spelling { .. } => "spelling",
            Self::Unordered => "unordered",
        }
    }
}
