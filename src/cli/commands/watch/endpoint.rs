//! Where monitoring reads the metrics: `GET /metrics`.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::metrics::Metrics;
use super::standing::Standing;
use crate::clock::SharedClock;
use crate::config::Config;

const PATH: &str = "/metrics";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
/// How many connections are held. One more takes the place of the oldest that has not asked anything yet, so idle
/// ones cannot keep a question out.
const MAX_CONNECTIONS: usize = 64;
/// The longest that a question may take to arrive.
const QUESTION_LIMIT: Duration = Duration::from_secs(5);
/// The longest that a question, with its answer, may take.
const CONNECTION_LIMIT: Duration = Duration::from_secs(30);
/// The most that a question may have, in bytes.
const MAX_QUESTION_BYTES: usize = 16 * 1024;
/// After a connection could not be accepted, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Where to listen: a port of this machine alone, or an address that somebody chose to write out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MetricsAddress(SocketAddr);

impl MetricsAddress {
    /// Listens there.
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

    fn from_str(given: &str) -> Result<Self, String> {
        let port = given.strip_prefix(':').unwrap_or(given).parse();
        let local = port.map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        local.or_else(|_| given.parse()).map(Self).map_err(|_| {
            "give a port, such as 9187, or an address and a port, such as 0.0.0.0:9187".to_owned()
        })
    }
}

/// What the page is made of.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) metrics: Metrics,
    config: Mutex<Arc<Config>>,
    /// One page is made at a time.
    making: Mutex<()>,
    clock: SharedClock,
}

impl Page {
    pub(super) fn new(config: Arc<Config>, clock: SharedClock) -> Self {
        Self {
            metrics: Metrics::new(),
            config: Mutex::new(config),
            making: Mutex::new(()),
            clock,
        }
    }

    /// From here on, the page is about the domains and the database of `config`.
    pub(super) fn configure(&self, config: Arc<Config>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// The page at this moment; reads the database.
    fn make(&self) -> String {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let config = Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.clock.now();
        let standing = Standing::read(&config, now)
            .inspect_err(|error| tracing::debug!("the metrics go without the database: {error}"))
            .ok();
        self.metrics.render(standing.as_ref(), now)
    }
}

/// Answers on `listener` until it is dropped.
pub(super) async fn serve(listener: TcpListener, page: Arc<Page>) {
    let mut held = Connections::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                held.make_room().await;
                held.add(stream, Arc::clone(&page));
            }
            // A connection less is a descriptor more.
            Err(_) if held.drop_oldest() => {}
            Err(error) => {
                tracing::debug!("a question for the metrics was lost: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The connections that are held, in the order of their arrival.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    held: Vec<Held>,
}

struct Held {
    task: AbortHandle,
    /// Its page is being made.
    is_answered: Arc<AtomicBool>,
}

impl Connections {
    fn add(&mut self, stream: TcpStream, page: Arc<Page>) {
        let is_answered = Arc::new(AtomicBool::new(false));
        let talk = converse(stream, page, Arc::clone(&is_answered));
        let handle = self.tasks.spawn(async move {
            // A client that went away, or is too slow, has nobody to be told to.
            let _ = tokio::time::timeout(CONNECTION_LIMIT, talk).await;
        });
        self.held.push(Held {
            task: handle,
            is_answered,
        });
    }

    /// Returns once one more connection may be held.
    async fn make_room(&mut self) {
        self.forget_ended();
        while self.held.len() >= MAX_CONNECTIONS {
            // All are being answered, which takes some milliseconds each.
            if !self.drop_oldest() {
                self.tasks.join_next().await;
            }
            self.forget_ended();
        }
    }

    /// Drops the oldest connection whose page is not being made. False where there is none.
    fn drop_oldest(&mut self) -> bool {
        self.forget_ended();
        let idle = |held: &Held| !held.is_answered.load(Ordering::Relaxed);
        let Some(at) = self.held.iter().position(idle) else {
            return false;
        };
        self.held.remove(at).task.abort();
        tracing::debug!("dropped the oldest idle connection for the metrics: there are too many");
        true
    }

    fn forget_ended(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.held.retain(|held| !held.task.is_finished());
    }
}

async fn converse(stream: TcpStream, page: Arc<Page>, is_answered: Arc<AtomicBool>) -> hyper::Result<()> {
    http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_QUESTION_BYTES)
        .timer(TokioTimer::new())
        .header_read_timeout(QUESTION_LIMIT)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let (page, is_answered) = (Arc::clone(&page), Arc::clone(&is_answered));
                async move {
                    is_answered.store(true, Ordering::Relaxed);
                    let answer = answer(request, page).await;
                    is_answered.store(false, Ordering::Relaxed);
                    answer
                }
            }),
        )
        .await
}

async fn answer(request: Request<Incoming>, page: Arc<Page>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != PATH {
        return Ok(reply(
            StatusCode::NOT_FOUND,
            PLAIN,
            "the metrics are at /metrics\n".to_owned(),
        ));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = reply(StatusCode::METHOD_NOT_ALLOWED, PLAIN, String::new());
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(ALLOW, allowed);
        return Ok(refused);
    }
    Ok(match tokio::task::spawn_blocking(move || page.make()).await {
        Ok(text) => reply(StatusCode::OK, OPEN_METRICS, text),
        Err(_) => reply(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, String::new()),
    })
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
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
