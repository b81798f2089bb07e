//! The simulator as a running server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::delivery::{Connection, deliver};
use super::http::{HttpRequest, read_request};
use super::log::{LoggedRequest, Outcome};
use super::question::Draft;
use super::reply::{API_PATH, Exchange, Reply, misdirected};
use super::schedule::{FaultScript, Rule, Schedule};
use super::settings::Settings;
use super::truth::Truth;
use crate::clock::SharedClock;

/// After a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The API on a socket, on a thread of its own; dropping it closes every connection.
///
/// ```
/// use std::sync::Arc;
/// use jdcdn_stats::{clock::SystemClock, simulator::{Settings, Simulator}};
/// let simulator = Simulator::on_loopback(Settings::demo(), Arc::new(SystemClock::new()))?;
/// assert!(simulator.endpoint().starts_with("http://127.0.0.1:"));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropping it stops the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    truth: Truth,
    clock: SharedClock,
    schedule: Mutex<Schedule>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    sequence: u64,
    requests: Vec<LoggedRequest>,
}

impl Simulator {
    /// Serves on `listener`; `clock` decides the signing date, which points exist, and the `Date` header.
    ///
    /// # Errors
    /// When the listener, the runtime or the thread cannot be set up.
    pub fn start(listener: TcpListener, settings: Settings, clock: SharedClock) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            truth: Truth::new(settings.seed),
            schedule: Mutex::new(Schedule::new(&settings)),
            log: Mutex::default(),
            settings,
            clock,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        listener.set_nonblocking(true)?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Serves on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// As [`Simulator::start`], and when no port can be had.
    pub fn on_loopback(settings: Settings, clock: SharedClock) -> io::Result<Self> {
        Self::start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, settings, clock)
    }

    /// The URL to send requests to, such as `http://127.0.0.1:40123/api/origin`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}{API_PATH}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the answers are made of.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.shared.truth
    }

    /// The requests so far, in the order of their arrival; each is logged before it is answered.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.shared.log).requests.clone()
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        lock(&self.shared.log).requests.clear();
    }

    /// Queues faults for the next requests, behind those already queued.
    pub fn script(&self, script: FaultScript) {
        lock(&self.shared.schedule).append(script);
    }

    /// Adds a rule, behind those already there; rules apply when the script has run out.
    pub fn rule(&self, rule: Rule) {
        lock(&self.shared.schedule).add(rule);
    }

    /// Drops what is left of the script, and all rules.
    pub fn clear_faults(&self) {
        lock(&self.shared.schedule).clear();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server has been printed by then, and a second one here would abort.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Decides on the reply, and logs the request.
    fn reply(&self, request: &HttpRequest) -> Reply {
        let now = self.clock.now();
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

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
            // Out of descriptors, or a client that went away at once: others may still come.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    // Only a matter of speed.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        let reply = shared.reply(&request);
        if !shared.settings.latency.is_zero() {
            tokio::time::sleep(shared.settings.latency).await;
        }
        match deliver(&mut stream, &reply).await {
            Ok(Connection::Usable) if request.keep_alive() => {}
            _ => return,
        }
    }
}
