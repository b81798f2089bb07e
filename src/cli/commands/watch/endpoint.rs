//! The HTTP endpoint for monitoring: `GET /metrics` and `GET /healthz`.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::database_status::{DatabaseStatus, unreadable};
use super::health::Heartbeat;
use super::metrics::Metrics;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::http::{HttpRequest, HttpResponse, http_date, read_head};
use crate::ingest::Progress;
use crate::model::duration::show_duration;

const METRICS: &str = "/metrics";
const HEALTH: &str = "/healthz";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
/// How many connections are open at most. One more closes the oldest one that is not being answered, so idle
/// connections cannot block a request.
const MAX_CONNECTIONS: usize = 64;
/// How long a request may take to arrive.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection may last.
const CONNECTION_LIMIT: Duration = Duration::from_secs(30);
/// How long the rest of a request is read after its response. Closing before that would reset the connection, and the
/// client might lose the response.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// The longest request head, in bytes.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// The pause after a connection could not be accepted, for example because no descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The address to listen on. A port alone means this machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MetricsAddress(SocketAddr);

impl MetricsAddress {
    /// Starts to listen.
    pub(super) fn bind(self) -> io::Result<std::net::TcpListener> {
        let listener = std::net::TcpListener::bind(self.0)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

impl std::fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let port = text.strip_prefix(':').unwrap_or(text).parse();
        let local = port.map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        local.or_else(|_| text.parse()).map(Self).map_err(|_| {
            "give a port, such as 9187, or an address and a port, such as 0.0.0.0:9187".to_owned()
        })
    }
}

/// The pages `/metrics` and `/healthz`.
#[derive(Debug)]
pub(super) struct MetricsPage {
    pub(super) metrics: Metrics,
    pub(super) heartbeat: Heartbeat,
    /// The run that is under way.
    run: Mutex<Option<Arc<Progress>>>,
    config: Mutex<Arc<Config>>,
    /// Held while the page is rendered: one client reads the database at a time.
    rendering: Mutex<()>,
    clock: SharedClock,
}

impl MetricsPage {
    pub(super) fn new(config: Arc<Config>, clock: SharedClock) -> Self {
        Self {
            metrics: Metrics::new(clock.now()),
            heartbeat: Heartbeat::new(),
            run: Mutex::default(),
            config: Mutex::new(config),
            rendering: Mutex::new(()),
            clock,
        }
    }

    /// Switches to the domains and the database of `config`.
    pub(super) fn configure(&self, config: Arc<Config>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Shows the progress of a run from now on.
    pub(super) fn run_began(&self, progress: Arc<Progress>) {
        *self.run() = Some(progress);
        self.metrics.run_began(self.clock.now());
    }

    /// Counts the requests of a run that has ended.
    pub(super) fn run_ended(&self) {
        if let Some(progress) = self.run().take() {
            self.metrics.requests_ended(&progress.counts());
        }
    }

    fn run(&self) -> MutexGuard<'_, Option<Arc<Progress>>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns why this process cannot do its work; `None` if it can. Reads the database.
    fn trouble(&self) -> Option<String> {
        if let Some(silence) = self.heartbeat.missing_for() {
            return Some(format!("no sign of life for {}", show_duration(silence)));
        }
        unreadable(&self.config())
    }

    /// Returns the page as of now; reads the database.
    fn render(&self) -> String {
        let _alone = self.rendering.lock().unwrap_or_else(PoisonError::into_inner);
        let config = self.config();
        let now = self.clock.now();
        // Held, so that the end of the run is not counted in between.
        let run = self.run();
        if let Some(progress) = &*run {
            self.metrics.progress(&progress.counts());
        }
        drop(run);
        let database = DatabaseStatus::read(&config, now)
            .inspect_err(|error| tracing::debug!("the metrics leave out the database: {error}"))
            .ok();
        self.metrics.render(&config, database.as_ref(), now)
    }
}

/// Answers on `listener` until it is dropped.
pub(super) async fn serve(listener: TcpListener, page: Arc<MetricsPage>) {
    let mut connections = Connections::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.make_room().await;
                connections.add(stream, Arc::clone(&page));
            }
            // Closing a connection frees a descriptor.
            Err(_) if connections.close_oldest() => {}
            Err(error) => {
                tracing::debug!("a request for the metrics was lost: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The open connections, oldest first.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    open: Vec<OpenConnection>,
}

struct OpenConnection {
    task: AbortHandle,
    /// Its page is being rendered.
    is_answered: Arc<AtomicBool>,
}

impl Connections {
    fn add(&mut self, stream: TcpStream, page: Arc<MetricsPage>) {
        let is_answered = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_answered);
        let task = self.tasks.spawn(async move {
            // Nobody is left to report an error to: the client went away, or is too slow.
            let _ = timeout(CONNECTION_LIMIT, converse(stream, page, &flag)).await;
        });
        self.open.push(OpenConnection { task, is_answered });
    }

    /// Returns when there is room for one more connection.
    async fn make_room(&mut self) {
        self.remove_ended();
        while self.open.len() >= MAX_CONNECTIONS {
            // All are being answered. That takes a few milliseconds each.
            if !self.close_oldest() {
                self.tasks.join_next().await;
            }
            self.remove_ended();
        }
    }

    /// Closes the oldest connection that is not being answered. Returns false if there is none.
    fn close_oldest(&mut self) -> bool {
        self.remove_ended();
        let idle = |connection: &OpenConnection| !connection.is_answered.load(Ordering::Relaxed);
        let Some(at) = self.open.iter().position(idle) else {
            return false;
        };
        self.open.remove(at).task.abort();
        tracing::debug!("closed the oldest idle connection for the metrics: there are too many");
        true
    }

    fn remove_ended(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|connection| !connection.task.is_finished());
    }
}

/// Answers one request on `stream`.
async fn converse(mut stream: TcpStream, page: Arc<MetricsPage>, is_answered: &AtomicBool) -> io::Result<()> {
    let mut buffer = Vec::new();
    let request = match timeout(
        REQUEST_LIMIT,
        read_head(&mut stream, &mut buffer, MAX_REQUEST_BYTES),
    )
    .await?
    {
        Ok(None) => return Ok(()),
        Ok(Some(request)) => Some(request),
        Err(error) if error.kind() == ErrorKind::InvalidData => None,
        Err(error) => return Err(error),
    };
    let date = http_date(page.clock.now());
    let response = match &request {
        Some(request) => {
            is_answered.store(true, Ordering::Relaxed);
            let response = answer(request, page).await;
            is_answered.store(false, Ordering::Relaxed);
            response
        }
        None => HttpResponse::new(400, PLAIN, ""),
    }
    .or_header("Date", &date)
    .or_header("Connection", "close");
    let length = response.body.len();
    let response = response.or_header("Content-Length", &length);
    stream.write_all(&response.head()).await?;
    if request.is_none_or(|request| request.method != "HEAD") {
        stream.write_all(&response.body).await?;
    }
    stream.shutdown().await?;
    let drained = async {
        while stream.read(&mut [0; 1024]).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(DRAIN_LIMIT, drained).await?
}

async fn answer(request: &HttpRequest, page: Arc<MetricsPage>) -> HttpResponse {
    match (request.path.as_str(), request.method.as_str()) {
        (METRICS, "GET" | "HEAD") => match tokio::task::spawn_blocking(move || page.render()).await {
            Ok(text) => HttpResponse::new(200, OPEN_METRICS, text),
            Err(_) => HttpResponse::new(500, PLAIN, ""),
        },
        (HEALTH, "GET" | "HEAD") => match tokio::task::spawn_blocking(move || page.trouble()).await {
            Ok(None) => HttpResponse::new(200, PLAIN, "ok\n"),
            Ok(Some(trouble)) => HttpResponse::new(503, PLAIN, format!("{trouble}\n")),
            Err(_) => HttpResponse::new(500, PLAIN, ""),
        },
        (METRICS | HEALTH, _) => HttpResponse::new(405, PLAIN, "").or_header("Allow", "GET, HEAD"),
        _ => HttpResponse::new(
            404,
            PLAIN,
            "the metrics are at /metrics, the health is at /healthz\n",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(given: &str) -> Option<String> {
        given
            .parse::<MetricsAddress>()
            .ok()
            .map(|address| address.to_string())
    }

    #[test]
    fn a_port_alone_is_one_of_this_machine_and_other_hosts_must_be_named() {
        for (given, expected) in [
            ("9187", Some("127.0.0.1:9187")),
            (":9187", Some("127.0.0.1:9187")),
            ("0", Some("127.0.0.1:0")),
            ("0.0.0.0:9187", Some("0.0.0.0:9187")),
            ("[::1]:9187", Some("[::1]:9187")),
            ("", None),
            ("127.0.0.1", None),
            ("70000", None),
            ("localhost", None),
        ] {
            assert_eq!(address(given).as_deref(), expected, "{given}");
        }
    }
}
