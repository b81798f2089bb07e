//! Facts about the service that its answers have shown.

use std::fmt;

use super::slot::UnixSeconds;

/// A fact about the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// Its value. Its meaning depends on the [name](FactName).
    pub value: i64,
    /// When it was learned.
    pub learned_at: UnixSeconds,
}

/// The subject of a fact. `Display` gives the text that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactName {
    /// Age in seconds of the oldest slot that was served lately.
    OldestServedAge,
    /// Age in seconds of the youngest slot that was refused as too old.
    YoungestRefusedAge,
    /// Points less than an hour apart were served.
    SubHourPoints,
    /// How many points an answer held that was complete.
    CompletePoints,
    /// A request of this user name was answered.
    Answered(String),
    /// The edge of retention was probed.
    RetentionProbed,
    /// The account's domains were asked for: 1 if the listing was believed, else 0.
    ListingTried,
    /// How many domains the last listing had that was believed.
    ListingRead,
    /// How many seconds this machine's clock was ahead of the API's, in whole minutes.
    ClockAhead,
    /// The number of the last run that stored everything that was due, of all domains and from the start on. It was
    /// learned when that run ended.
    LastSuccess,
}

impl fmt::Display for FactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OldestServedAge => f.write_str("oldest_served_age"),
            Self::YoungestRefusedAge => f.write_str("youngest_refused_age"),
            Self::SubHourPoints => f.write_str("sub_hour_points"),
            Self::CompletePoints => f.write_str("complete_points"),
            Self::Answered(user) => write!(f, "answered:{user}"),
            Self::RetentionProbed => f.write_str("retention_probed"),
            Self::ListingTried => f.write_str("listing_tried"),
            Self::ListingRead => f.write_str("listing_read"),
            Self::ClockAhead => f.write_str("clock_ahead"),
            Self::LastSuccess => f.write_str("last_success"),
        }
    }
}
