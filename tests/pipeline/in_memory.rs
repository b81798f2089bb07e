//! `sync` within the test's own process: the real plan, run and store, the simulator's truth without a socket.
//!
//! One run takes about a millisecond this way, so months of runs fit into a test.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jdcdn_stats::api::{Failure, FailureKind, OriginRequest, Reply, RetryPolicy, SigningDate};
use jdcdn_stats::clock::{Clock as _, ManualClock};
use jdcdn_stats::ingest::{self, Control, Job, Pace, Progress, Summary, Transport};
use jdcdn_stats::model::{Domain, Span};
use jdcdn_stats::plan::{Order, Plan, PlanSettings, Refresh};
use jdcdn_stats::simulator::{Truth, TruthPoint};
use jdcdn_stats::store::{Expected, Holder, Store};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value, json};

/// When each slot of each domain was answered for.
pub(crate) type Fetches = BTreeMap<(String, i64), Vec<i64>>;

/// The API, as many requests as a test wants.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) truth: Truth,
    /// What the API's own clock shows.
    pub(crate) clock: ManualClock,
    pub(crate) fault_rate: f64,
    rng: Arc<Mutex<fastrand::Rng>>,
    fetches: Arc<Mutex<Fetches>>,
}

impl Transport for Api {
    fn send(
        &self,
        request: &OriginRequest,
        _: SigningDate,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send {
        ready(self.answer(request))
    }
}

impl Api {
    fn answer(&self, request: &OriginRequest) -> Result<Reply, Failure> {
        let now = self.clock.now();
        let window = request.window();
        let data: Vec<Value> = request
            .domains()
            .iter()
            .map(|name| {
                let points = self.truth.domain(name.as_str());
                let points = points.points(window.start(), window.end(), now);
                json!({"domain": name.as_str(), "data": points.map(|point| row(&point)).collect::<Vec<_>>()})
            })
            .collect();
        let mut body = serde_json::to_vec(&json!({"status": 0, "msg": "Successful", "data": data})).unwrap();
        let fault = {
            let mut rng = self.rng.lock().unwrap();
            (rng.f64() < self.fault_rate).then(|| rng.u8(..5))
        };
        let what = || "a test wants it so".to_owned();
        let kind = match fault {
            None => {
                self.note(request, now);
                None
            }
            Some(0) => {
                body.truncate(body.len() / 2);
                None
            }
            Some(1) => Some(FailureKind::Connect { what: what() }),
            Some(2) => Some(FailureKind::Interrupted { what: what() }),
            Some(3) => Some(FailureKind::Http {
                status: 502,
                shown: String::new(),
            }),
            Some(_) => Some(FailureKind::Busy {
                status: 429,
                retry_after: None,
            }),
        };
        match kind {
            None => Ok(Reply {
                body,
                date: Some(now),
            }),
            Some(kind) => Err(kind.into()),
        }
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
}

fn row(point: &TruthPoint) -> Value {
    let codes: Map<String, Value> = point
        .codes
        .iter()
        .map(|(code, count)| ((*code).to_owned(), (*count).into()))
        .collect();
    json!([point.ts, point.bandwidth, point.pv, codes])
}

/// A user who runs `sync` with the default settings.
pub(crate) struct User {
    pub(crate) api: Api,
    /// What this machine's clock shows.
    pub(crate) clock: ManualClock,
    pub(crate) domains: Vec<Domain>,
    start: i64,
    store: Option<Store>,
    runtime: tokio::runtime::Runtime,
    directory: tempfile::TempDir,
    runs: u64,
}

impl User {
    /// Both clocks show `start`, where the configuration begins, too.
    pub(crate) fn new(domains: &[&str], start: i64, fault_rate: f64) -> Self {
        // A disk would be waited for thrice a run, which proves nothing here.
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let holder = Holder {
            command: "sync".to_owned(),
            started_at: start,
        };
        let store = Store::open(&directory.path().join("stats.db"), &holder).unwrap();
        Self {
            api: Api {
                truth: Truth::new(7),
                clock: ManualClock::new(start),
                fault_rate,
                rng: Arc::new(Mutex::new(fastrand::Rng::with_seed(11))),
                fetches: Arc::default(),
            },
            clock: ManualClock::new(start),
            domains: domains.iter().map(|name| name.parse().unwrap()).collect(),
            start,
            store: Some(store),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            directory,
            runs: 0,
        }
    }

    /// Both clocks show `now`.
    pub(crate) fn at(&self, now: i64) {
        self.clock.set(now);
        self.api.clock.set(now);
    }

    pub(crate) fn refresh() -> Refresh {
        Refresh {
            available_after: 600,
            ages: vec![3_600, 86_400],
        }
    }

    pub(crate) fn sync(&mut self) -> Summary {
        let store = self.store.take().unwrap();
        let now = self.clock.now();
        let range = Span::new(self.start, now.max(self.start + 1)).unwrap().to_grid();
        let coverage: Vec<_> = self
            .domains
            .iter()
            .map(|name| (name.clone(), store.coverage(name, range).unwrap()))
            .collect();
        let settings = PlanSettings {
            window: 86_400,
            domains_per_request: 20,
            refresh: Self::refresh(),
            force: false,
            order: Order::NewestFirst,
        };
        self.runs += 1;
        let job = Job {
            command: "sync",
            domains: u64::try_from(self.domains.len()).unwrap(),
            plan: Plan::new(range, &coverage, now, &settings),
            expected: Some(Expected {
                domains: self.domains.clone(),
                from: Some(self.start),
                until: settings.refresh.horizon(now),
            }),
            refresh: settings.refresh,
            pace: Pace {
                concurrency: 4,
                requests_per_second: 0.0,
                retry: RetryPolicy {
                    attempts: 5,
                    base: Duration::from_micros(1),
                    cap: Duration::from_micros(2),
                },
                seed: self.runs,
            },
        };
        let run = ingest::run(
            job,
            store,
            self.api.clone(),
            Arc::new(self.clock.clone()),
            Control::new(),
            Arc::new(Progress::default()),
        );
        let finished = self.runtime.block_on(run).unwrap();
        self.store = Some(finished.store);
        finished.summary
    }

    /// The database, for reading.
    pub(crate) fn database(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Connection::open_with_flags(self.directory.path().join("stats.db"), flags).unwrap()
    }
}
