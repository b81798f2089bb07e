//! One attempt over HTTP.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode, redirect, retry};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use super::body::{Body, BodyBudget, TooLarge};
use super::deadline::Deadline;
use super::failure::FailureKind;
use super::signature::{SigningDate, signed_body};
use super::{header, reading, signature, transport};
use crate::clock::SharedClock;
use crate::model::{Credentials, DataSource, Endpoint, Proxy, UnixSeconds, text};
use crate::redact::Secrets;

/// How much of an unexpected body is shown.
const SHOWN_CHARS: usize = 120;
/// A body of fewer bytes is redacted in less than a millisecond.
const AT_ONCE: usize = 256 * 1024;
/// How much of an unexpected body is read for that: enough to recognise a secret that begins in what is shown.
const SHOWN_BYTES: usize = 4 * 1024;

/// Where, as whom and within which limits requests are sent.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The API's address.
    pub endpoint: Endpoint,
    /// The proxy to go through; `None` to ask directly.
    pub proxy: Option<Proxy>,
    /// The account.
    pub credentials: Credentials,
    /// The longest time for one request with its body. Waiting for other bodies does not count.
    pub timeout: Duration,
    /// The longest time to connect.
    pub connect_timeout: Duration,
    /// The longest time without a single byte arriving.
    pub read_timeout: Duration,
    /// The most bytes, decompressed, of all bodies that are being received and read.
    pub max_body: u64,
    /// How many requests are sent at a time; they share `max_body`.
    pub concurrency: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Read for a `Retry-After` that names a moment, where the answer has no `Date` to compare it with.
    pub clock: SharedClock,
}

/// The body of a successful HTTP answer; its `status` says whether the API succeeded.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// The body, decompressed.
    pub body: Body,
    /// The server's time.
    pub date: Option<UnixSeconds>,
    /// The address at the other end of the connection: that of the API, or of the proxy.
    pub peer: Option<SocketAddr>,
    /// Whether the simulator has answered.
    pub source: DataSource,
}

/// A request that got no such answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The server's time, where it answered.
    pub date: Option<UnixSeconds>,
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self { kind, date: None }
    }
}

/// The client cannot be set up: the system's root certificates or the proxy settings are unusable.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}; check the system's root certificates and proxy settings")]
pub struct ClientError(String);

/// Sends requests, one attempt at a time. Cheap to clone; clones share their connections and `max_body`.
///
/// Every request has its own connection. Otherwise, bytes that a server sends after an answer would be read as the
/// answer to the next request, and no figure would show it.
#[derive(Clone)]
pub struct Client {
    shared: Arc<ClientState>,
}

struct ClientState {
    http: reqwest::Client,
    bodies: BodyBudget,
    settings: ClientSettings,
    /// What no answer may show, for the date of the last request.
    secrets: Mutex<Option<(SigningDate, Arc<Secrets>)>>,
}

impl ClientState {
    /// Returns the secrets that an answer to a request that is signed for `date` could repeat.
    fn secrets(&self, date: SigningDate) -> Arc<Secrets> {
        let mut last = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((of, secrets)) if *of == date => Arc::clone(secrets),
            _ => {
                let mut secrets = Secrets::default();
                signature::add_secrets(&mut secrets, &self.settings.credentials, date);
                let secrets = Arc::new(secrets);
                *last = Some((date, Arc::clone(&secrets)));
                secrets
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.shared.settings).finish()
    }
}

impl Client {
    /// Returns a client that follows no redirect and repeats nothing by itself.
    ///
    /// The environment is not read: the settings say which way requests go.
    pub fn new(settings: ClientSettings) -> Result<Self, ClientError> {
        let http = connections(&settings)?;
        let bodies = BodyBudget::new(settings.max_body, settings.concurrency);
        Ok(Self {
            shared: Arc::new(ClientState {
                http,
                bodies,
                settings,
                secrets: Mutex::new(None),
            }),
        })
    }

    /// Sends a request with these parameters to the configured endpoint once, signed for `date`.
    ///
    /// # Errors
    /// As [`Client::send_to`].
    pub async fn send(&self, parameters: Map<String, Value>, date: SigningDate) -> Result<Reply, Failure> {
        let url = self.shared.settings.endpoint.url().clone();
        self.post(url, parameters, date).await
    }

    /// Sends a request with these parameters to another call of the same API once, signed for `date`. `call` is the
    /// last part of its path.
    ///
    /// # Errors
    /// Everything but an answer with HTTP status 200 that arrived whole.
    pub async fn send_to(
        &self,
        call: &str,
        parameters: Map<String, Value>,
        date: SigningDate,
    ) -> Result<Reply, Failure> {
        let url = self.shared.settings.endpoint.sibling(call);
        self.post(url, parameters, date).await
    }

    /// A server may repeat the signature or the key, in any spelling. They are redacted before anything else sees the
    /// body or the failure.
    async fn post(
        &self,
        url: reqwest::Url,
        parameters: Map<String, Value>,
        date: SigningDate,
    ) -> Result<Reply, Failure> {
        let settings = &self.shared.settings;
        let credentials = &settings.credentials;
        let secrets = self.shared.secrets(date);
        let body = signed_body(parameters, credentials, date);
        let sending = self
            .shared
            .http
            .post(url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(body.expose_secret().to_owned())
            .send();
        let mut deadline = Deadline::new(settings.timeout, settings.read_timeout);
        let response = deadline
            .keep(sending)
            .await
            .ok_or_else(transport::silence)?
            .map_err(|error| transport::failure(&error, &secrets))?;
        let date = header::date(response.headers());
        let peer = response.remote_addr();
        let source = header::source(response.headers());
        let result = match response.status() {
            StatusCode::OK => self.read_body(response, &secrets, &mut deadline).await,
            // Part of an answer, or one to another request.
            status if status.is_success() => Err(FailureKind::NotTheAnswer {
                what: format!("its HTTP status is {}", status.as_u16()),
            }),
            _ => Err(self.refusal(response, date, &secrets, &mut deadline).await),
        };
        match result {
            Ok(body) => Ok(Reply {
                body,
                date,
                peer,
                source,
            }),
            Err(kind) => Err(Failure { kind, date }),
        }
    }

    /// Reads chunk by chunk, so that no endless body and no gzip bomb takes more than its part of `max_body`.
    async fn read_body(
        &self,
        mut response: Response,
        secrets: &Arc<Secrets>,
        deadline: &mut Deadline,
    ) -> Result<Body, FailureKind> {
        let announced = response.content_length();
        let too_large = |TooLarge { limit }| FailureKind::TooLarge {
            limit,
            unit: "bytes",
            announced,
        };
        let bodies = &self.shared.bodies;
        let mut body = bodies.begin().await;
        if let Some(length) = announced {
            bodies.announce(&mut body, length).await.map_err(too_large)?;
        }
        while let Some(chunk) = deadline
            .keep(response.chunk())
            .await
            .ok_or_else(transport::silence)?
            .map_err(|error| transport::cut_short(&error, secrets))?
        {
            bodies.append(&mut body, &chunk).await.map_err(too_large)?;
        }
        redacted(body, secrets).await
    }

    async fn refusal(
        &self,
        mut response: Response,
        date: Option<UnixSeconds>,
        secrets: &Secrets,
        deadline: &mut Deadline,
    ) -> FailureKind {
        let status = response.status();
        if status.is_redirection() {
            return FailureKind::Redirected {
                status: status.as_u16(),
                host: header::redirect_host(response.headers(), response.url(), secrets),
            };
        }
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            let now = date.unwrap_or_else(|| self.shared.settings.clock.now());
            return FailureKind::Busy {
                status: status.as_u16(),
                retry_after: header::retry_after(response.headers(), now),
            };
        }
        let mut shown = Vec::new();
        while shown.len() < SHOWN_BYTES
            && let Some(Ok(Some(chunk))) = deadline.keep(response.chunk()).await
        {
            shown.extend_from_slice(&chunk);
        }
        // Redact first: a cut could leave a part of a secret.
        secrets.redact_page(&mut shown);
        FailureKind::Http {
            status: status.as_u16(),
            shown: text::printable_bytes(&shown, SHOWN_CHARS),
        }
    }
}

/// Returns the body without secrets. A large body takes long, so another thread does it: this one must react to
/// signals.
async fn redacted(mut body: Body, secrets: &Arc<Secrets>) -> Result<Body, FailureKind> {
    if body.len() < AT_ONCE {
        secrets.redact_body(body.bytes_mut());
        return Ok(body);
    }
    let secrets = Arc::clone(secrets);
    let redacted = reading::in_turn(move || {
        secrets.redact_body(body.bytes_mut());
        body
    });
    redacted.await.map_err(|_| FailureKind::Format {
        what: "redacting it met a defect in this program".to_owned(),
        shown: String::new(),
    })
}

/// Returns an HTTP client without connections.
fn connections(settings: &ClientSettings) -> Result<reqwest::Client, ClientError> {
    // Fails where a provider was installed before, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .https_only(!settings.endpoint.is_plaintext())
        .http1_only()
        // This costs a handshake a request; see `Client` for the reason.
        .pool_max_idle_per_host(0)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .gzip(true)
        .connect_timeout(settings.connect_timeout)
        .user_agent(&settings.user_agent)
        .no_proxy();
    if let Some(proxy) = &settings.proxy {
        let proxy = reqwest::Proxy::all(proxy.url().clone())
            .map_err(|error| ClientError(transport::cause(&error, &Secrets::default())))?;
        builder = builder.proxy(proxy);
    }
    builder
        .build()
        .map_err(|error| ClientError(transport::cause(&error, &Secrets::default())))
}

#[cfg(test)]
mod tests;
