//! The settings of the simulated account and its API.

use std::time::Duration;

use secrecy::SecretString;

use super::account::Wording;
use super::presence::{Idle, LATE_KINDS, Late};
use super::range_rule::RangeRule;
use super::time::DAY;
use super::truth::Truth;

/// The signature example of the endpoint's document uses this user name.
const EXAMPLE_USERNAME: &str = "jcloud_00";
/// The key of the same example.
const EXAMPLE_SECRET_KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";

/// The account, the limits of the API, and its faults.
///
/// The default is an account with `www.a.com` and `www.b.com`, no limits, and no faults. Its answers are not marked: it
/// stands for the API.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Decides the traffic; see [`Truth`].
    pub seed: u64,
    /// The only user; any other name gets code 20.
    pub username: String,
    /// The key of the signature; any other key gets code 7.
    pub secret_key: SecretString,
    /// Points report three status codes instead of twenty, which saves time in long simulations.
    pub few_codes: bool,
    /// Which domains have points only in some slots.
    pub idle: Idle,
    /// Which points appear long after their time.
    pub late: [Late; LATE_KINDS],
    /// The domains of the account at the start; any other gets code 18. All of them are served.
    pub domains: Vec<String>,
    /// The most domains on a page of a listing, whatever the request asks for.
    pub max_page_size: Option<usize>,
    /// How a listing writes status and kind.
    pub wording: Wording,
    /// The greatest age of the start of a window, in seconds (code 21).
    pub retention_seconds: Option<i64>,
    /// The longest window of one request (codes 42 to 45).
    pub span_limit: Option<SpanLimit>,
    /// How many domains one request may list (code 22). By default: as many as the account has.
    pub max_domains: Option<usize>,
    /// Windows longer than this, in seconds, are silently answered with hourly peaks.
    pub hourly_beyond_seconds: Option<i64>,
    /// Every answer holds sums of hours, labelled on the full hour. A request for one slot on a full hour gets the sum
    /// of the hour, a request for another slot gets nothing.
    pub hourly_always: bool,
    /// Which points a range selects.
    pub range_rule: RangeRule,
    /// The most rows in an answer. The rest is silently cut, in the order of the domains.
    pub row_cap: Option<usize>,
    /// Large requests silently get only the first part of each series.
    pub series_cut: Option<SeriesCut>,
    /// How the answer lists a domain without rows.
    pub absence: Absence,
    /// How points are written.
    pub row_shape: RowShape,
    /// Whether answers are compressed for clients that accept it.
    pub gzip: bool,
    /// Whether answers are marked, so that nobody takes their figures for real ones.
    pub marked: bool,
    /// Waiting time before each answer.
    pub latency: Duration,
    /// The share of requests, from 0 to 1, that meet a transient fault of a random kind.
    ///
    /// A retry of such a request, or a request for a part of its window, is answered.
    pub fault_rate: f64,
    /// The share of requests, from 0 to 1, that get a lie: a refusal without a reason, or an answer with wrong data. A
    /// retry may get a lie again.
    pub lie_rate: f64,
    /// Decides which requests meet which fault or lie.
    pub fault_seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            few_codes: false,
            idle: Idle::default(),
            late: [Late::default(); LATE_KINDS],
            username: EXAMPLE_USERNAME.to_owned(),
            secret_key: EXAMPLE_SECRET_KEY.into(),
            domains: vec!["www.a.com".to_owned(), "www.b.com".to_owned()],
            max_page_size: None,
            wording: Wording::default(),
            retention_seconds: None,
            span_limit: None,
            max_domains: None,
            hourly_beyond_seconds: None,
            hourly_always: false,
            range_rule: RangeRule::default(),
            row_cap: None,
            series_cut: None,
            absence: Absence::EmptyList,
            row_shape: RowShape::Arrays,
            gzip: true,
            marked: false,
            latency: Duration::ZERO,
            fault_rate: 0.0,
            lie_rate: 0.0,
            fault_seed: 1,
        }
    }
}

impl Settings {
    /// Returns the truth that the answers report.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth {
            idle: self.idle,
            late: self.late,
            few_codes: self.few_codes,
            ..Truth::new(self.seed)
        }
    }

    /// Returns the account of the demo: three domains, 90 days of history, 7 days a request, 5 % transient faults, marked
    /// answers.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            domains: ["www.example.com", "img.example.com", "download.example.com"]
                .map(str::to_owned)
                .to_vec(),
            retention_seconds: Some(90 * DAY),
            span_limit: Some(SpanLimit::SevenDays),
            marked: true,
            latency: Duration::from_millis(15),
            fault_rate: 0.05,
            ..Self::default()
        }
    }
}

/// The longest window of one request, as the documented status codes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanLimit {
    /// Code 43.
    OneDay,
    /// Code 42.
    SevenDays,
    /// Code 45.
    ThirtyDays,
    /// Code 44.
    ThirtyOneDays,
}

impl SpanLimit {
    /// Returns the limit in days, and the status of a request for more.
    #[must_use]
    pub fn days_and_status(self) -> (i64, i64) {
        match self {
            Self::OneDay => (1, 43),
            Self::SevenDays => (7, 42),
            Self::ThirtyDays => (30, 45),
            Self::ThirtyOneDays => (31, 44),
        }
    }
}

/// How a point is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowShape {
    /// `[ts, bandwidth, pv, {code: count}]`, as the endpoint's document says.
    Arrays,
    /// `{"bandwidth": …, "pv": …, code: count, …, "time": ts}`, as the example of a sister endpoint shows.
    Objects,
}

/// Requests for more than `beyond` slots, counted over all domains, get the first part of each series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesCut {
    /// The largest request that is answered completely.
    pub beyond: usize,
    /// The share of rows that stays, rounded down.
    pub kept_percent: usize,
}

/// How the answer lists a domain without rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// With `"data": []`.
    EmptyList,
    /// Not at all.
    LeftOut,
}
