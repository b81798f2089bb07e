//! One attempt over HTTP.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode, redirect, retry};
use secrecy::ExposeSecret as _;

use super::failure::FailureKind;
use super::request::OriginRequest;
use super::signature::{Signature, SigningDate};
use super::{header, transport};
use crate::clock::SharedClock;
use crate::model::{Credentials, Endpoint, UnixSeconds, text};

/// How much of an unexpected body is shown.
const SHOWN_CHARS: usize = 120;
/// How much of an unexpected body is read for that.
const SHOWN_BYTES: usize = 4 * SHOWN_CHARS;

/// Where, as whom and within which limits requests are sent.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The API's address.
    pub endpoint: Endpoint,
    /// The account.
    pub credentials: Credentials,
    /// The longest time for one request in all, its body included.
    pub timeout: Duration,
    /// The longest time to connect.
    pub connect_timeout: Duration,
    /// The longest time without a single byte arriving.
    pub read_timeout: Duration,
    /// The largest body in bytes, decompressed.
    pub max_body: u64,
    /// How this program calls itself.
    pub user_agent: String,
    /// Read for a `Retry-After` that names a moment, where the answer has no `Date` to compare it with.
    pub clock: SharedClock,
}

/// The body of a successful HTTP answer; whether the API succeeded stands inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// What the server's clock showed.
    pub date: Option<UnixSeconds>,
}

/// A request that got no such answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// What the server's clock showed, where it answered at all.
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

/// Sends requests, one attempt at a time. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    settings: ClientSettings,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.settings).finish()
    }
}

impl Client {
    /// A client that follows no redirect and repeats nothing by itself.
    ///
    /// https goes through the proxy that the environment names, if any. Plain http and this machine are
    /// asked directly: a proxy would see the signature.
    pub fn new(settings: ClientSettings) -> Result<Self, ClientError> {
        // Fails where a provider was installed before, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .https_only(!settings.endpoint.is_plaintext())
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .gzip(true)
            .timeout(settings.timeout)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .user_agent(&settings.user_agent);
        if settings.endpoint.is_plaintext() || settings.endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| ClientError(transport::cause(&error)))?;
        Ok(Self { http, settings })
    }

    /// Sends `request` once, signed for `date`.
    ///
    /// A server that repeats the signature or the key, in its message or in an error page, does not make this
    /// program repeat them: they are blotted out before anything else sees the body.
    pub async fn send(&self, request: &OriginRequest, date: SigningDate) -> Result<Reply, Failure> {
        let credentials = &self.settings.credentials;
        let signature = Signature::new(date, credentials);
        let secrets = [signature.expose(), credentials.expose_key()];
        let body = request.signed_body(credentials, date);
        let response = self
            .http
            .post(self.settings.endpoint.url().clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(body.expose_secret().to_owned())
            .send()
            .await
            .map_err(|error| transport::failure(&error))?;
        let date = header::date(response.headers());
        let result = if response.status().is_success() {
            self.read_body(response).await
        } else {
            Err(self.refusal(response, date, &secrets).await)
        };
        match result {
            Ok(mut body) => {
                blot_out(&mut body, &secrets);
                Ok(Reply { body, date })
            }
            Err(kind) => Err(Failure { kind, date }),
        }
    }

    /// Reads chunk by chunk, so that neither an endless body nor a gzip bomb goes past `max_body`.
    async fn read_body(&self, mut response: Response) -> Result<Vec<u8>, FailureKind> {
        let limit = self.settings.max_body;
        let too_large = FailureKind::TooLarge { limit, unit: "bytes" };
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large);
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| transport::failure(&error))?
        {
            if chunk.len() > limit - body.len() {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn refusal(
        &self,
        mut response: Response,
        date: Option<UnixSeconds>,
        secrets: &[&str],
    ) -> FailureKind {
        let status = response.status();
        if status.is_redirection() {
            return FailureKind::Redirected {
                status: status.as_u16(),
                host: header::redirect_host(response.headers(), response.url()),
            };
        }
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            let now = date.unwrap_or_else(|| self.settings.clock.now());
            return FailureKind::Busy {
                status: status.as_u16(),
                retry_after: header::retry_after(response.headers(), now),
            };
        }
        let mut shown = Vec::new();
        while shown.len() < SHOWN_BYTES
            && let Ok(Some(chunk)) = response.chunk().await
        {
            shown.extend_from_slice(&chunk);
        }
        blot_out(&mut shown, secrets);
        FailureKind::Http {
            status: status.as_u16(),
            shown: text::printable_bytes(&shown, SHOWN_CHARS),
        }
    }
}

/// A secret shorter than this may stand in the figures by chance; they must not be touched.
const SHORTEST_BLOTTED: usize = 16;

/// Overwrites every occurrence of the secrets. The length stays, so that positions in the body hold.
fn blot_out(body: &mut [u8], secrets: &[&str]) {
    for secret in secrets.iter().filter(|secret| secret.len() >= SHORTEST_BLOTTED) {
        let found: Vec<usize> = memchr::memmem::find_iter(body, secret.as_bytes()).collect();
        for start in found {
            if let Some(place) = body.get_mut(start..start + secret.len()) {
                place.fill(b'*');
            }
        }
    }
}

#[cfg(test)]
mod tests;
