//! The API without a socket: a request goes in, a response comes out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::account::Account;
use super::fault::Fault;
use super::fault_schedule::FaultSchedule;
use super::log::{LoggedRequest, RequestOutcome};
use super::request::read_for_log;
use super::responder::{API_PATH, REQUEST_TYPE, Responder};
use super::response::SimulatedResponse;
use super::rule::{FaultScript, Rule};
use super::settings::Settings;
use super::truth::Truth;
use crate::http::HttpRequest;

/// The API as a function, for tests that make more requests than sockets can carry.
///
/// A [`Simulator`](super::Simulator) puts it on a socket.
///
/// ```
/// use jdcdn_stats::simulator::{Delivery, Settings, SimulatedService};
/// let response = SimulatedService::new(Settings::default()).answer(b"{}", 1_767_844_800);
/// assert_eq!((response.http.status, response.delivery), (200, Delivery::Whole));
/// assert_eq!(response.http.body, br#"{"status":3,"msg":"user name required"}"#);
/// ```
#[derive(Debug)]
pub struct SimulatedService {
    settings: Settings,
    account: Mutex<Arc<Account>>,
    truth: Truth,
    faults: Mutex<FaultSchedule>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    sequence: u64,
    requests: Vec<LoggedRequest>,
}

impl SimulatedService {
    /// Returns the API of the account in `settings`.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            truth: settings.truth(),
            account: Mutex::new(Arc::new(Account::new(&settings))),
            faults: Mutex::new(FaultSchedule::new(&settings)),
            log: Mutex::default(),
            settings,
        }
    }

    /// Returns the account and how its API behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes the domains of the account.
    pub fn change_account<R>(&self, change: impl FnOnce(&mut Account) -> R) -> R {
        change(Arc::make_mut(&mut lock(&self.account)))
    }

    /// Returns the truth that the answers report.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.truth
    }

    /// Answers a request with this body at the moment `now`, in Unix seconds.
    ///
    /// Faults, rules and lies strike as they do on a socket, and the request is logged. There is no waiting: the caller
    /// decides about the latency of the settings and the pauses of slow responses.
    #[must_use]
    pub fn answer(&self, body: &[u8], now: i64) -> SimulatedResponse {
        let request = HttpRequest {
            method: "POST".to_owned(),
            path: API_PATH.to_owned(),
            headers: vec![("Content-Type".to_owned(), REQUEST_TYPE.to_owned())],
            body: body.to_vec(),
            ..HttpRequest::default()
        };
        self.respond(&request, now)
    }

    /// Decides on the response, and logs the request.
    pub(crate) fn respond(&self, request: &HttpRequest, now: i64) -> SimulatedResponse {
        let account = Arc::clone(&lock(&self.account));
        let responder = Responder {
            request,
            settings: &self.settings,
            account: &account,
            truth: self.truth,
            now,
        };
        let mut entry = read_for_log(&request.body, self.next_sequence(), now);
        if responder.lists_domains() {
            entry = entry.listing();
        }
        let response = if let Some(status) = responder.misdirected() {
            entry.outcome = RequestOutcome::Http(status);
            responder.page(status)
        } else {
            let fault = lock(&self.faults).next(&entry);
            if *fault == Fault::None {
                let (response, status) = responder.correct();
                entry.outcome = RequestOutcome::Answered(status);
                response
            } else {
                let response = responder.faulty(&fault);
                entry.outcome = RequestOutcome::Faulted(fault);
                response
            }
        };
        lock(&self.log).requests.push(entry);
        response
    }

    /// Returns the requests since the log was cleared, in the order of their arrival. Each is logged before it is
    /// answered.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.log).requests.clone()
    }

    /// Removes all requests from the log.
    pub fn clear_log(&self) {
        lock(&self.log).requests.clear();
    }

    /// Queues faults for the next requests, after those that are queued already.
    pub fn script(&self, script: FaultScript) {
        lock(&self.faults).script.extend(script.0);
    }

    /// Adds a rule after the existing ones. Rules apply when the script has ended.
    pub fn rule(&self, rule: Rule) {
        lock(&self.faults).rules.push(rule);
    }

    /// Removes the rest of the script and all rules. Transient faults and lies continue.
    pub fn clear_faults(&self) {
        let mut faults = lock(&self.faults);
        faults.script.clear();
        faults.rules.clear();
    }

    /// Changes the share of requests that meet a transient fault, and the share that meet a lie.
    pub fn set_rates(&self, fault_rate: f64, lie_rate: f64) {
        let mut faults = lock(&self.faults);
        faults.transient.rate = fault_rate;
        faults.lies.rate = lie_rate;
    }

    /// Ends all faults: the script, the rules, the transient faults and the lies.
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

/// A test that panicked in the condition of a rule must still be able to read the log.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
