//! The API without a socket: a request goes in, what arrives of the answer comes out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::delivery::{Delivery, half};
use super::http::HttpRequest;
use super::log::{LoggedRequest, Outcome};
use super::question::Draft;
use super::reply::{Exchange, Reply, misdirected};
use super::rule::{FaultScript, Rule};
use super::schedule::Schedule;
use super::settings::Settings;
use super::truth::Truth;

/// The API as a function, for tests that make more requests than sockets can carry.
///
/// A [`Simulator`](super::Simulator) is the same thing behind a socket.
///
/// ```
/// use jdcdn_stats::simulator::{Arrival, Service, Settings};
/// let answered = Service::new(Settings::default()).answer(b"{}", 1_767_844_800);
/// assert_eq!((answered.http_status, answered.arrival), (200, Arrival::Whole));
/// assert_eq!(answered.body, br#"{"status":3,"msg":"user name required"}"#);
/// ```
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    truth: Truth,
    schedule: Mutex<Schedule>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    sequence: u64,
    requests: Vec<LoggedRequest>,
}

/// What arrives at the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub http_status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The part of the body that arrives; not compressed unless a header says so.
    pub body: Vec<u8>,
    /// How it arrives.
    pub arrival: Arrival,
}

/// How an answer arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// As it should, though maybe slowly.
    Whole,
    /// Not at all: the connection is reset before the head, and the other fields mean nothing.
    Reset,
    /// In part: the connection ends, or is reset, before the length that the head promises.
    Cut,
    /// Not at all, and the connection stays open.
    Hang,
    /// The body goes on with this many MiB of blanks.
    Blanks {
        /// The size in MiB.
        mebibytes: usize,
    },
    /// As it should, and right behind it comes another response.
    Followed(Box<Answered>),
}

impl Answered {
    /// The first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl From<Reply> for Answered {
    fn from(reply: Reply) -> Self {
        let arrival = match reply.delivery {
            Delivery::Whole | Delivery::SlowBody { .. } | Delivery::SlowHead { .. } => Arrival::Whole,
            Delivery::ResetBefore => Arrival::Reset,
            Delivery::ResetMidBody | Delivery::Truncated => {
                return Self {
                    http_status: reply.status,
                    headers: reply.headers,
                    body: half(&reply.body).to_vec(),
                    arrival: Arrival::Cut,
                };
            }
            Delivery::ClosedAfter => Arrival::Cut,
            Delivery::Never => Arrival::Hang,
            Delivery::Blanks { mebibytes } => Arrival::Blanks { mebibytes },
            Delivery::Followed(second) => Arrival::Followed(Box::new(Self::from(*second))),
        };
        Self {
            http_status: reply.status,
            headers: reply.headers,
            body: reply.body,
            arrival,
        }
    }
}

impl Service {
    /// The API of the account in `settings`.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            truth: settings.truth(),
            schedule: Mutex::new(Schedule::new(&settings)),
            log: Mutex::default(),
            settings,
        }
    }

    /// How the account and its API behave.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the answers are made of.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.truth
    }

    /// Answers a request with this body at the moment `now`, in Unix seconds.
    ///
    /// Faults, rules and lies strike as they do on a socket, and the request is logged. Nothing waits: the
    /// latency of the settings and the pauses of slow answers are left out.
    #[must_use]
    pub fn answer(&self, body: &[u8], now: i64) -> Answered {
        self.respond(&HttpRequest::of_api(body), now, |_| None).into()
    }

    /// Decides on the reply to a request from the socket, and logs the request.
    pub(crate) fn reply(&self, request: &HttpRequest, now: i64) -> Reply {
        self.respond(request, now, misdirected)
    }

    fn respond(
        &self,
        request: &HttpRequest,
        now: i64,
        misdirected: impl Fn(&HttpRequest) -> Option<u16>,
    ) -> Reply {
        let exchange = Exchange {
            request,
            settings: &self.settings,
            truth: self.truth,
            now,
        };
        let draft = Draft::read(&request.body, now);
        let mut entry = LoggedRequest {
            sequence: self.next_sequence(),
            domains: draft.domains,
            start: draft.start,
            end: draft.end,
            asked_at: now,
            outcome: Outcome::Answered(0),
        };
        let (reply, outcome) = if let Some(status) = misdirected(request) {
            exchange.misdirect(status)
        } else {
            let fault = lock(&self.schedule).next(&entry);
            exchange.reply(&fault)
        };
        entry.outcome = outcome;
        lock(&self.log).requests.push(entry);
        reply
    }

    /// The requests so far, in the order of their arrival; each is logged before it is answered.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.log).requests.clone()
    }

    /// How many requests came so far, those included that the log has forgotten.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        lock(&self.log).sequence
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        lock(&self.log).requests.clear();
    }

    /// Queues faults for the next requests, behind those already queued.
    pub fn script(&self, script: FaultScript) {
        lock(&self.schedule).append(script);
    }

    /// Adds a rule, behind those already there; rules apply when the script has run out.
    pub fn rule(&self, rule: Rule) {
        lock(&self.schedule).add(rule);
    }

    /// Drops what is left of the script, and all rules.
    pub fn clear_faults(&self) {
        lock(&self.schedule).clear();
    }

    /// Changes what share of the requests meets a transient fault, and what share a lie.
    pub fn set_rates(&self, fault_rate: f64, lie_rate: f64) {
        lock(&self.schedule).set_rates(fault_rate, lie_rate);
    }

    /// From now on nothing goes wrong but what the settings say: no script, no rules, no faults, no lies.
    pub fn be_honest(&self) {
        self.clear_faults();
        self.set_rates(0.0, 0.0);
    }

    fn next_sequence(&self) -> u64 {
        let mut log = lock(&self.log);
        log.sequence += 1;
        log.sequence
    }
}

/// A panic in a rule's condition must not hide the log from the test that wants to look at it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
