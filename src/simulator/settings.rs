//! How the simulated account and its API behave.

use std::time::Duration;

use secrecy::SecretString;

use super::presence::{Idle, LATE_KINDS, Late};
use super::reading::Reading;
use super::truth::Truth;

/// The signature example of the endpoint's document uses this user name.
const EXAMPLE_USERNAME: &str = "jcloud_00";
/// The key of the same example.
const EXAMPLE_SECRET_KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";

/// The account, the limits of the API, and how well it works.
///
/// The default is an account with `www.a.com` and `www.b.com`, no limits, and no faults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Decides the traffic; see [`Truth`].
    pub seed: u64,
    /// The one user that exists (code 20 for any other).
    pub username: String,
    /// Signs requests together with the UTC+8 date (code 7).
    pub secret_key: SecretString,
    /// Points report three status codes in place of twenty: less to write and to read in long simulations.
    pub few_codes: bool,
    /// Which domains have points in some slots only.
    pub idle: Idle,
    /// Which points appear long after their time.
    pub late: [Late; LATE_KINDS],
    /// The account's domains; any other is refused (code 18).
    pub domains: Vec<String>,
    /// How old, in seconds, the start of a window may be (code 21).
    pub retention_seconds: Option<i64>,
    /// The longest window of one request (codes 42 to 45).
    pub span_limit: Option<SpanLimit>,
    /// How many domains one request may list (code 22); by default as many as the account has.
    pub max_domains: Option<usize>,
    /// Longer windows, in seconds, silently come back as hourly peaks.
    pub hourly_beyond_seconds: Option<i64>,
    /// All answers hold sums of hours, labelled on the full hour, whatever the window: of a window of one slot,
    /// the slot on the full hour holds the sum of its hour, and the others hold nothing.
    pub hourly_always: bool,
    /// Which points a range selects.
    pub reading: Reading,
    /// The most rows an answer holds; the rest is silently cut, in the order of the domains.
    pub row_cap: Option<usize>,
    /// Large requests silently get only the first part of each series.
    pub series_cut: Option<SeriesCut>,
    /// How a domain without a row in the answer is written.
    pub absence: Absence,
    /// How points are written.
    pub row_shape: RowShape,
    /// Whether answers are compressed for clients that accept it.
    pub gzip: bool,
    /// Waiting time before each answer.
    pub latency: Duration,
    /// The share of requests, from 0 to 1, that meet a transient fault of a changing kind.
    ///
    /// A request that repeats one which met such a fault, or asks for a part of its window, is answered: so
    /// whoever retries succeeds.
    pub fault_rate: f64,
    /// The share of requests, from 0 to 1, that are lied to: a refusal without a reason, or an answer with
    /// wrong data. A repeated request may be lied to again.
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
            retention_seconds: None,
            span_limit: None,
            max_domains: None,
            hourly_beyond_seconds: None,
            hourly_always: false,
            reading: Reading::default(),
            row_cap: None,
            series_cut: None,
            absence: Absence::EmptyList,
            row_shape: RowShape::Arrays,
            gzip: true,
            latency: Duration::ZERO,
            fault_rate: 0.0,
            lie_rate: 0.0,
            fault_seed: 1,
        }
    }
}

impl Settings {
    /// The truth that these settings stand for.
    #[must_use]
    pub fn truth(&self) -> Truth {
        let truth = Truth::new(self.seed).with_idle(self.idle).with_late(self.late);
        if self.few_codes {
            truth.with_few_codes()
        } else {
            truth
        }
    }

    /// An account worth looking at: three domains, 90 days kept, 7 days a request, 5 % faults.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            domains: ["www.example.com", "img.example.com", "download.example.com"]
                .map(str::to_owned)
                .to_vec(),
            retention_seconds: Some(90 * 86_400),
            span_limit: Some(SpanLimit::SevenDays),
            latency: Duration::from_millis(15),
            fault_rate: 0.05,
            ..Self::default()
        }
    }
}

/// The longest window of one request, as the documented status codes name them.
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
    /// The limit in days.
    #[must_use]
    pub fn days(self) -> i64 {
        match self {
            Self::OneDay => 1,
            Self::SevenDays => 7,
            Self::ThirtyDays => 30,
            Self::ThirtyOneDays => 31,
        }
    }

    /// The status of a request for more.
    #[must_use]
    pub fn status(self) -> i64 {
        match self {
            Self::OneDay => 43,
            Self::SevenDays => 42,
            Self::ThirtyDays => 45,
            Self::ThirtyOneDays => 44,
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
    /// The largest request that is answered whole.
    pub beyond: usize,
    /// The share of rows that is left, rounded down.
    pub kept_percent: usize,
}

/// How a domain without a row in the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// With `"data": []`.
    EmptyList,
    /// Not at all.
    LeftOut,
}
