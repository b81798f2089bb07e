//! The simulated API without a socket.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jdcdn_stats::api::{Failure, FailureKind, OriginRequest, Reply, SigningDate, signed_body};
use jdcdn_stats::clock::{Clock as _, ManualClock};
use jdcdn_stats::ingest::Transport;
use jdcdn_stats::model::Credentials;
use jdcdn_stats::simulator::{
    Delivery, Fault, RequestOutcome, Settings, SimulatedResponse, SimulatedService, Truth,
};
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;

/// When each slot of each domain was answered for.
pub(crate) type Fetches = BTreeMap<(String, i64), Vec<i64>>;

/// The API, as many requests as a test wants.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) truth: Truth,
    /// What the API's own clock shows.
    pub(crate) clock: ManualClock,
    service: Arc<SimulatedService>,
    credentials: Credentials,
    fetches: Arc<Mutex<Fetches>>,
    /// How many requests are answered before the process dies.
    pub(super) left: Arc<AtomicU64>,
    pub(super) death: Arc<Notify>,
    /// How long an answer takes.
    pub(super) latency: Duration,
    /// How many blanks follow the figures of an answer.
    pub(super) blanks: usize,
    /// How many requests are in flight, and the most that were.
    pub(super) in_flight: Arc<Mutex<(usize, usize)>>,
}

impl Transport for Api {
    fn send(
        &self,
        request: &OriginRequest,
        date: SigningDate,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send {
        let lives = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok();
        let answer = lives.then(|| self.answer(request, date));
        async move {
            if let Some(answer) = answer {
                if !self.latency.is_zero() {
                    self.enter();
                    tokio::time::sleep(self.latency).await;
                    self.in_flight.lock().unwrap().0 -= 1;
                }
                answer
            } else {
                self.death.notify_one();
                pending().await
            }
        }
    }
}

impl Api {
    pub(super) fn new(settings: Settings, clock: ManualClock) -> Self {
        let key = settings.secret_key.expose_secret().to_owned();
        Self {
            truth: settings.truth(),
            clock,
            credentials: Credentials::new(settings.username.clone(), key.into()),
            service: Arc::new(SimulatedService::new(settings)),
            fetches: Arc::default(),
            left: Arc::new(AtomicU64::new(u64::MAX)),
            death: Arc::default(),
            latency: Duration::ZERO,
            blanks: 0,
            in_flight: Arc::default(),
        }
    }

    fn answer(&self, request: &OriginRequest, date: SigningDate) -> Result<Reply, Failure> {
        let now = self.clock.now();
        let body = signed_body(request.parameters(), &self.credentials, date);
        let mut response = self.service.answer(body.expose_secret().as_bytes(), now);
        if std::env::var("JDCDN_TRACE").is_ok() {
            let met = self
                .service
                .requests()
                .last()
                .map(|request| request.outcome.clone());
            println!(
                "{met:?} {:?} {}..{} as {}..{}: {}",
                request.domains(),
                request.window().start(),
                request.window().end(),
                request.asked().start(),
                request.asked().end(),
                String::from_utf8_lossy(&response.http.body)
                    .chars()
                    .take(600)
                    .collect::<String>()
            );
        }
        let blanks = response.http.body.len() + self.blanks;
        response.http.body.resize(blanks, b' ');
        let reply = arrived(response, now)?;
        if reply.body.starts_with(br#"{"status":0,"#) {
            self.note(request, now);
        }
        Ok(reply)
    }

    fn enter(&self) {
        let mut in_flight = self.in_flight.lock().unwrap();
        in_flight.0 += 1;
        in_flight.1 = in_flight.1.max(in_flight.0);
    }

    fn note(&self, request: &OriginRequest, now: i64) {
        let mut fetches = self.fetches.lock().unwrap();
        let window = request.window();
        for name in request.domains() {
            for slot in (window.start()..window.end()).step_by(300) {
                fetches.entry((name.to_string(), slot)).or_default().push(now);
            }
        }
    }

    pub(crate) fn fetches(&self) -> Fetches {
        self.fetches.lock().unwrap().clone()
    }

    /// From now on nothing goes wrong.
    pub(crate) fn be_honest(&self) {
        self.service.be_honest();
    }

    pub(super) fn met(&self) -> Vec<String> {
        let requests = self.service.requests().into_iter();
        let names = requests.filter_map(|request| match request.outcome {
            RequestOutcome::Faulted(fault) => Some(name_of(&fault)),
            _ => None,
        });
        names.collect()
    }
}

/// The name of the variant.
fn name_of(fault: &Fault) -> String {
    let text = format!("{fault:?}");
    let variant = text.strip_prefix("Data(").unwrap_or(&text);
    variant
        .split([' ', '(', ')'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// What the client makes of what arrives, as far as it does not read the body.
fn arrived(response: SimulatedResponse, now: i64) -> Result<Reply, Failure> {
    let what = || "a test wants it so".to_owned();
    let kind = match (response.delivery, response.http.status) {
        (Delivery::Reset, _) => FailureKind::Interrupted { what: what() },
        (Delivery::Cut { .. }, _) => FailureKind::CutShort { what: what() },
        (Delivery::Hang, _) => FailureKind::Timeout { what: what() },
        (Delivery::Blanks { .. }, _) => FailureKind::TooLarge {
            limit: 1,
            unit: "bytes",
            announced: None,
        },
        (_, 200) => {
            return Ok(Reply {
                body: response.http.body.into(),
                date: Some(now),
                peer: None,
                source: jdcdn_stats::model::DataSource::Api,
            });
        }
        (_, status @ (429 | 503)) => FailureKind::Busy {
            status,
            retry_after: None,
        },
        (_, status @ 300..400) => FailureKind::Redirected {
            status,
            host: String::new(),
        },
        (_, 201..300) => FailureKind::NotTheAnswer { what: what() },
        (_, status) => FailureKind::Http {
            status,
            shown: String::new(),
        },
    };
    Err(Failure {
        kind,
        date: Some(now),
    })
}
