//! What a month is billed by, for one domain or for the whole account.

use super::open_slots::PeriodState;
use super::slot::UnixSeconds;

/// The measures of a month so far, or at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measures {
    /// The 95 peak, in bit/s.
    pub bandwidth_95: i64,
    /// The highest point, in bit/s.
    pub bandwidth_peak: i64,
    /// The fourth highest point, in bit/s.
    pub bandwidth_fourth_peak: i64,
    /// The mean of the daily peaks, in bit/s.
    pub bandwidth_daily_peak_avg: f64,
    /// In bytes.
    pub traffic_bytes: i64,
    /// Requests.
    pub pv: i64,
}

/// A month of one domain, or of the account.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MonthBill {
    /// For the account: the domains of which a slot was asked for.
    pub domains: Option<i64>,
    /// Stored points. For the account: of all its domains.
    pub points: i64,
    /// Slots that were asked for.
    pub expected_points: i64,
    /// Slots of the whole month.
    pub period_slots: i64,
    /// Whether the figures can still change.
    pub state: PeriodState,
    /// The measures.
    pub measures: Measures,
    /// The `ts` of the point that is the 95 peak, the first of equal ones. `None` if a slot without a point is it.
    pub bandwidth_95_ts: Option<UnixSeconds>,
    /// What the 95 peak is at least at the end of the month, in bit/s, unless a point is restated lower. The
    /// peak, the fourth peak, traffic and requests are then at least what they are now.
    pub bandwidth_95_least: i64,
    /// The measures at the end of a running month. `None` if it is over, or if there are not enough days for a forecast.
    pub forecast: Option<Measures>,
}
