//! `sync` within the test's own process: the real plan, decisions, run and store, the simulated API without a socket.
//!
//! One run takes about a millisecond this way, so months of runs fit into a test.

mod ahead;
mod api;

use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jdcdn_stats::clock::{Clock as _, ManualClock};
use jdcdn_stats::ingest::{self, Control, Job, JobSettings, Pace, Progress, Summary};
use jdcdn_stats::model::{Domain, KeepLimits, Refresh, RetryPolicy, Span};
use jdcdn_stats::plan::{Order, PlanSettings};
use jdcdn_stats::simulator::Settings;
use jdcdn_stats::store::{Expected, Holder, Store};
use rusqlite::{Connection, OpenFlags};

use self::api::Api;
pub(crate) use self::api::Fetches;

const DB: &str = "stats.db";
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

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
        std::fs::write(directory.path().join(DB), empty_database()).unwrap();
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
            asks_for_all: true,
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
                first_pause: Duration::ZERO,
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
        Connection::open_with_flags(self.directory.path().join(DB), flags).unwrap()
    }
}

/// A database without rows: a copy takes less time than the migrations.
fn empty_database() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        drop(open(&directory, 0));
        let path = directory.path().join(DB);
        let fold_log = "PRAGMA wal_checkpoint(TRUNCATE)";
        Connection::open(&path)
            .unwrap()
            .query_row(fold_log, [], |_| Ok(()))
            .unwrap();
        std::fs::read(path).unwrap()
    })
}

/// Opens the database, after its last holder has closed it.
fn open(directory: &tempfile::TempDir, started_at: i64) -> Store {
    let holder = Holder {
        command: "sync".to_owned(),
        started_at,
    };
    for _ in 0..10_000 {
        match Store::open(&directory.path().join(DB), &holder) {
            Ok(store) => return store,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    panic!("the database stays locked");
}
