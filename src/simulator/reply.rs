//! What is sent back: the answer the checks and the truth call for, or what a fault makes of it.

use std::io::Write as _;

use super::answer::Answer;
use super::data_fault::DataFault;
use super::delivery::Delivery;
use super::envelope::{envelope, in_gbk, message};
use super::fault::{Fault, RetryAfter};
use super::http::HttpRequest;
use super::http_text::{gzip, http_date, reason};
use super::log::Outcome;
use super::question::check;
use super::settings::Settings;
use super::truth::Truth;

/// The path of the endpoint (documented).
pub(crate) const API_PATH: &str = "/api/origin";

const JSON: &str = "application/json;charset=UTF-8";
const HTML: &str = "text/html;charset=UTF-8";
const MEBIBYTE: usize = 1024 * 1024;

/// An answer ready to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delivery: Delivery,
}

impl Reply {
    fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }

    fn page(status: u16) -> Self {
        let text =
            format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n");
        Self::new(status, HTML, text)
    }

    fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn delivered(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    fn compressed(mut self) -> Self {
        self.body = gzip([self.body.as_slice()]);
        self.with_header("Content-Encoding", "gzip")
    }

    /// Status line and headers, up to and with the empty line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        for (name, value) in &self.headers {
            // Writing to a Vec cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// The HTTP status for a request that is none of this API's, before any fault; the need for the content type
/// is documented, this answer to another one is assumed.
pub(crate) fn misdirected(request: &HttpRequest) -> Option<u16> {
    let path = request.path.split('?').next();
    if request.method != "POST" || path != Some(API_PATH) {
        return Some(404);
    }
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    (!media_type.eq_ignore_ascii_case("application/json")).then_some(415)
}

/// What a request meets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) settings: &'a Settings,
    pub(crate) truth: Truth,
    /// The simulator's clock when the request arrived.
    pub(crate) now: i64,
}

impl Exchange<'_> {
    /// The reply to a request that is none of this API's.
    pub(crate) fn misdirect(&self, status: u16) -> (Reply, Outcome) {
        (self.finish(Reply::page(status)), Outcome::Http(status))
    }

    /// The reply under `fault`, and how the log calls it.
    pub(crate) fn reply(&self, fault: &Fault) -> (Reply, Outcome) {
        if *fault == Fault::None {
            let (reply, status) = self.correct(None, |body| body);
            return (self.finish(reply), Outcome::Answered(status));
        }
        (self.finish(self.faulty(fault)), Outcome::Faulted(fault.name()))
    }

    fn faulty(&self, fault: &Fault) -> Reply {
        let correct = || self.correct(None, |body| body).0;
        let json = |body: &[u8]| Reply::new(200, JSON, body);
        match fault {
            Fault::None => correct(),
            Fault::Data(data) => self.correct(Some(data), |body| body).0,
            Fault::Hang => correct().delivered(Delivery::Never),
            Fault::Envelope { status, msg } => json(&envelope(
                *status,
                msg.as_deref().unwrap_or_else(|| message(*status)),
            )),
            Fault::Http { status, retry_after } => match retry_after {
                None => Reply::page(*status),
                Some(after) => Reply::page(*status).with_header("Retry-After", self.retry_after(after)),
            },
            Fault::ResetBeforeAnswer => Reply::page(200).delivered(Delivery::ResetBefore),
            Fault::ResetMidBody => correct().delivered(Delivery::ResetMidBody),
            Fault::Truncated => correct().delivered(Delivery::Truncated),
            Fault::TruncatedJson => {
                let halve = |mut body: Vec<u8>| {
                    body.truncate(body.len() / 2);
                    body
                };
                self.correct(None, halve).0
            }
            Fault::SlowBody { pieces, pause } => correct().delivered(Delivery::SlowBody {
                pieces: *pieces,
                pause: *pause,
            }),
            Fault::SlowHead { pause } => correct().delivered(Delivery::SlowHead { pause: *pause }),
            Fault::Html => Reply::new(
                200,
                HTML,
                "<!DOCTYPE html>\n<html><body>Please log in to the network.</body></html>\n",
            ),
            Fault::Empty => json(b""),
            Fault::Json(text) => json(text.as_bytes()),
            Fault::ContentType(content_type) => {
                let mut reply = correct();
                reply.headers.retain(|(name, _)| name != "Content-Type");
                reply.with_header("Content-Type", content_type)
            }
            Fault::ByteOrderMark => {
                let mark = |body: Vec<u8>| [&b"\xef\xbb\xbf"[..], &body].concat();
                self.correct(None, mark).0
            }
            Fault::Redirect { status, location } => Reply::page(*status).with_header("Location", location),
            Fault::HugeBody { mebibytes } => json(br#"{"status":0,"data":["#).delivered(Delivery::Blanks {
                mebibytes: *mebibytes,
            }),
            Fault::GzipBomb { mebibytes } => {
                let blanks = vec![b' '; MEBIBYTE];
                let start: &[u8] = br#"{"status":0,"data":["#;
                let body =
                    gzip(std::iter::once(start).chain(std::iter::repeat_n(blanks.as_slice(), *mebibytes)));
                json(&body).with_header("Content-Encoding", "gzip")
            }
            Fault::HugeLength { bytes } => correct()
                .with_header("Content-Length", bytes.to_string())
                .delivered(Delivery::ClosedAfter),
            Fault::UnderStatus { status, data } => Reply {
                status: *status,
                ..self.correct(data.as_ref(), |body| body).0
            },
            Fault::Followed(second) => {
                let second = self.finish(self.faulty(second));
                correct().delivered(Delivery::Followed(Box::new(second)))
            }
            Fault::GbkMessage { status: None } => self.correct(None, |body| in_gbk(&body)).0,
            Fault::GbkMessage { status: Some(status) } => json(&in_gbk(&envelope(*status, message(*status)))),
            Fault::DeepNesting { depth } => {
                let (open, close) = ("[".repeat(*depth), "]".repeat(*depth));
                json(format!(r#"{{"status":0,"data":{open}{close}}}"#).as_bytes())
            }
            Fault::Verbatim {
                http_status,
                headers,
                body,
            } => Reply {
                status: *http_status,
                headers: headers.clone(),
                body: body.clone(),
                delivery: Delivery::Whole,
            },
        }
    }

    /// The answer that checks and truth call for, with its envelope status; `edit` changes the text of the
    /// body before it is compressed.
    fn correct(&self, bend: Option<&DataFault>, edit: impl FnOnce(Vec<u8>) -> Vec<u8>) -> (Reply, i64) {
        let (body, status) = match check(&self.request.body, self.settings, self.now) {
            Ok(question) => {
                let mut answer = Answer::new(&question, self.settings, self.truth, self.now);
                if let Some(fault) = bend {
                    answer.bend(fault, &question, self.truth);
                }
                (answer.body(self.settings.row_shape), 0)
            }
            Err(status) => (envelope(status, message(status)), status),
        };
        let reply = Reply::new(200, JSON, edit(body));
        if self.settings.gzip && self.request.accepts_gzip() {
            (reply.compressed(), status)
        } else {
            (reply, status)
        }
    }

    /// Adds what every reply carries.
    fn finish(&self, mut reply: Reply) -> Reply {
        if !reply.has_header("Date") {
            reply = reply.with_header("Date", http_date(self.now));
        }
        if matches!(reply.delivery, Delivery::Blanks { .. }) {
            reply = reply.with_header("Transfer-Encoding", "chunked");
        } else if !reply.has_header("Content-Length") {
            let length = reply.body.len().to_string();
            reply = reply.with_header("Content-Length", length);
        }
        if !self.request.keep_alive() {
            reply = reply.with_header("Connection", "close");
        }
        reply
    }

    fn retry_after(&self, retry_after: &RetryAfter) -> String {
        match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Date(offset) => http_date(self.now.saturating_add(*offset)),
            RetryAfter::Raw(text) => text.clone(),
        }
    }
}
