//! Where monitoring reads the metrics: `GET /metrics`.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
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
use tokio::sync::Semaphore;

use super::metrics::Metrics;
use super::standing::Standing;
use crate::clock::SharedClock;
use crate::config::Config;

const PATH: &str = "/metrics";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";
/// How many questions are answered at a time; more wait.
const MAX_CONNECTIONS: usize = 8;
/// The longest that one question, with its answer, may take.
const CONNECTION_LIMIT: Duration = Duration::from_secs(30);
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
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let page = Arc::clone(&page);
                tokio::spawn(async move {
                    // A client that went away, or is too slow, has nobody to be told to.
                    let _ = tokio::time::timeout(CONNECTION_LIMIT, converse(stream, page)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!("a question for the metrics was lost: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, page: Arc<Page>) -> hyper::Result<()> {
    http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_LIMIT)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| answer(request, Arc::clone(&page))),
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
