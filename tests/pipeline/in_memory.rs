//! `sync` within the test's own process: the real plan, decisions, run and store, the simulated API without a socket.
//!
//! One run takes about a millisecond this way, so months of runs fit into a test.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jdcdn_stats::api::{Failure, FailureKind, OriginRequest, Reply, SigningDate, signed_body};
use jdcdn_stats::clock::{Clock as _, ManualClock};
use jdcdn_stats::ingest::{self, Control, Job, JobSettings, Pace, Progress, Summary, Transport};
use jdcdn_stats::model::{Credentials, Domain, KeepLimits, Refresh, RetryPolicy, Span};
use jdcdn_stats::plan::{Order, PlanSettings};
use jdcdn_stats::simulator::{Answered, Arrival, Outcome, Service, Settings, Truth};
use jdcdn_stats::store::{Expected, Holder, Store};
use rusqlite::{Connection, OpenFlags};
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// When each slot of each domain was answered for.
pub(crate) type Fetches = BTreeMap<(String, i64), Vec<i64>>;

/// The API, as many requests as a test wants.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) truth: Truth,
    /// What the API's own clock shows.
    pub(crate) clock: ManualClock,
    service: Arc<Service>,
    credentials: Credentials,
    fetches: Arc<Mutex<Fetches>>,
    /// How many requests are answered before the process dies.
    left: Arc<AtomicU64>,
    death: Arc<Notify>,
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
                answer
            } else {
                self.death.notify_one();
                pending().await
            }
        }
    }
}

impl Api {
    fn new(settings: Settings, clock: ManualClock) -> Self {
        let key = settings.secret_key.expose_secret().to_owned();
        Self {
            truth: settings.truth(),
            clock,
            credentials: Credentials::new(settings.username.clone(), key.into()),
            service: Arc::new(Service::new(settings)),
            fetches: Arc::default(),
            left: Arc::new(AtomicU64::new(u64::MAX)),
            death: Arc::default(),
        }
    }

    fn answer(&self, request: &OriginRequest, date: SigningDate) -> Result<Reply, Failure> {
        let now = self.clock.now();
        let body = signed_body(request.parameters(), &self.credentials, date);
        let answered = self.service.answer(body.expose_secret().as_bytes(), now);
        if std::env::var("JDCDN_TRACE").is_ok() {
            let met = self.service.requests().last().map(|request| request.outcome);
            println!(
                "{met:?} {:?} {}..{} as {}..{}: {}",
                request.domains(),
                request.window().start(),
                request.window().end(),
                request.asked().start(),
                request.asked().end(),
                String::from_utf8_lossy(&answered.body)
                    .chars()
                    .take(600)
                    .collect::<String>()
            );
        }
        let reply = arrived(answered, now)?;
        if reply.body.starts_with(br#"{"status":0,"#) {
            self.note(request, now);
        }
        Ok(reply)
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

    fn met(&self) -> Vec<String> {
        let requests = self.service.requests();
        let names = requests.iter().filter_map(|request| match &request.outcome {
            Outcome::Faulted(name) => Some((*name).to_owned()),
            _ => None,
        });
        names.collect()
    }
}

/// What the client makes of what arrives, as far as it does not read the body.
fn arrived(answered: Answered, now: i64) -> Result<Reply, Failure> {
    let what = || "a test wants it so".to_owned();
    let kind = match (answered.arrival.clone(), answered.http_status) {
        (Arrival::Reset, _) => FailureKind::Interrupted { what: what() },
        (Arrival::Cut, _) => FailureKind::CutShort { what: what() },
        (Arrival::Hang, _) => FailureKind::Timeout { what: what() },
        (Arrival::Blanks { .. }, _) => FailureKind::TooLarge {
            limit: 1,
            unit: "bytes",
            announced: None,
        },
        (_, 200) => {
            return Ok(Reply {
                body: answered.body.into(),
                date: Some(now),
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

/// How a user asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) window: i64,
    pub(crate) domains_per_request: usize,
    pub(crate) concurrency: usize,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            window: DAY,
            domains_per_request: 20,
            concurrency: 4,
        }
    }
}

/// A user who runs `sync`.
pub(crate) struct User {
    pub(crate) api: Api,
    /// What this machine's clock shows.
    pub(crate) clock: ManualClock,
    pub(crate) domains: Vec<Domain>,
    start: i64,
    setup: Setup,
    settings: Settings,
    store: Option<Store>,
    runtime: tokio::runtime::Runtime,
    directory: tempfile::TempDir,
    runs: u64,
    met: Vec<String>,
}

impl User {
    /// Both clocks show `start`, where the configuration begins, too; the default settings.
    pub(crate) fn new(domains: &[&str], start: i64, fault_rate: f64) -> Self {
        let settings = Settings {
            seed: 7,
            fault_seed: 11,
            domains: domains.iter().map(|name| (*name).to_owned()).collect(),
            gzip: false,
            fault_rate,
            ..Settings::default()
        };
        Self::with(settings, start, Setup::default())
    }

    /// A user of this account.
    pub(crate) fn with(settings: Settings, start: i64, setup: Setup) -> Self {
        // A disk would be waited for thrice a run, which proves nothing here.
        let memory = std::path::Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            tempfile::tempdir_in(memory).unwrap()
        } else {
            tempfile::tempdir().unwrap()
        };
        let store = open(&directory, start);
        Self {
            api: Api::new(settings.clone(), ManualClock::new(start)),
            clock: ManualClock::new(start),
            domains: settings
                .domains
                .iter()
                .map(|name| name.parse().unwrap())
                .collect(),
            start,
            setup,
            settings,
            store: Some(store),
            // Waits cost no time: there is no socket that they could wait for.
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap(),
            directory,
            runs: 0,
            met: Vec::new(),
        }
    }

    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// Both clocks show `now`.
    pub(crate) fn at(&self, now: i64) {
        self.clock.set(now);
        self.api.clock.set(now);
    }

    /// From now on the service answers with the truth, and as much of it as is asked for.
    pub(crate) fn be_honest(&mut self) {
        self.met.extend(self.api.met());
        let settings = Settings {
            row_cap: None,
            lie_rate: 0.0,
            fault_rate: 0.0,
            ..self.settings.clone()
        };
        self.api = Api::new(settings, self.api.clock.clone());
    }

    /// The faults that were met, each as often as it was.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.met.clone()
    }

    pub(crate) fn refresh() -> Refresh {
        Refresh {
            available_after: 600,
            ages: vec![HOUR, DAY],
        }
    }

    /// Brings everything up to date.
    pub(crate) fn sync(&mut self) -> Summary {
        self.sync_until(self.clock.now())
    }

    /// As [`User::sync`], as far as `until`.
    pub(crate) fn sync_until(&mut self, until: i64) -> Summary {
        let store = self.store.take().unwrap();
        let job = self.job(&store, until);
        let finished = self.runtime.block_on(self.run(job, store)).unwrap();
        self.store = Some(finished.store);
        finished.summary
    }

    /// As [`User::sync`], but the process dies when it has been answered `requests` times.
    pub(crate) fn sync_and_die(&mut self, requests: u64) {
        let store = self.store.take().unwrap();
        let job = self.job(&store, self.clock.now());
        self.api.left.store(requests, Ordering::Relaxed);
        let death = Arc::clone(&self.api.death);
        let finished = self.runtime.block_on(async {
            tokio::select! {
                finished = self.run(job, store) => Some(finished.unwrap().store),
                () = death.notified() => None,
            }
        });
        self.api.left.store(u64::MAX, Ordering::Relaxed);
        // Tasks that were given up are dropped when the runtime meets them.
        self.runtime.block_on(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
        // What the writer had received is committed; then it lets go of the file.
        self.store = Some(finished.unwrap_or_else(|| open(&self.directory, self.clock.now())));
    }

    fn job(&mut self, store: &Store, until: i64) -> Job {
        let now = self.clock.now();
        self.runs += 1;
        let settings = JobSettings {
            command: "sync",
            domains: self.domains.clone(),
            range: Span::new(self.start, until.max(self.start + 1)).unwrap(),
            named: false,
            plan: PlanSettings {
                window: self.setup.window,
                domains_per_request: self.setup.domains_per_request,
                refresh: Self::refresh(),
                force: false,
                order: Order::NewestFirst,
            },
            hole_ages: vec![HOUR, DAY, 3 * DAY, 7 * DAY, 25 * DAY],
            retention: 28 * DAY,
            expected: Some(Expected {
                domains: self.domains.clone(),
                from: Some(self.start),
                until: Self::refresh().horizon(now.min(until)),
            }),
            pace: Pace {
                concurrency: self.setup.concurrency,
                requests_per_second: None,
                retry: RetryPolicy {
                    attempts: 5,
                    base: Duration::from_millis(1),
                    cap: Duration::from_millis(2),
                },
                seed: self.runs,
                answered_before: false,
            },
            keep: KeepLimits {
                rejects: 10_000,
                runs: 400 * DAY,
            },
            username: self.settings.username.clone(),
        };
        Job::prepare(store, settings, now).unwrap()
    }

    fn run(
        &self,
        job: Job,
        store: Store,
    ) -> impl Future<Output = Result<ingest::Finished, ingest::RunError>> {
        ingest::run(
            job,
            store,
            self.api.clone(),
            Arc::new(self.clock.clone()),
            Control::new(),
            Arc::new(Progress::default()),
        )
    }

    /// The database, for reading.
    pub(crate) fn database(&self) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Connection::open_with_flags(self.directory.path().join("stats.db"), flags).unwrap()
    }
}

/// Opens the database once whoever holds it has let go.
fn open(directory: &tempfile::TempDir, started_at: i64) -> Store {
    let holder = Holder {
        command: "sync".to_owned(),
        started_at,
    };
    for _ in 0..10_000 {
        match Store::open(&directory.path().join("stats.db"), &holder) {
            Ok(store) => return store,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    panic!("the database stays locked");
}
