//! Makes the response to a request: the correct answer, or what a fault makes of it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::account::Account;
use super::answer::AnswerData;
use super::data_fault::DataFault;
use super::envelope::{envelope, in_gbk, message};
use super::fault::{Fault, RetryAfter};
use super::listing::ListingRequest;
use super::listing_fault::ListingFault;
use super::request::check;
use super::response::{Delivery, MEBIBYTE, SimulatedResponse};
use super::settings::Settings;
use super::truth::Truth;
use crate::http::{HttpRequest, HttpResponse, http_date};
use crate::model::data_source::SIMULATOR_HEADER;

/// The path of the endpoint (documented).
pub(crate) const API_PATH: &str = "/api/origin";
/// The path of the call that lists the domains of the account (documented).
pub(crate) const LISTING_PATH: &str = "/api/queryDomains";
/// The content type of requests (documented).
pub(crate) const REQUEST_TYPE: &str = "application/json";

const JSON: &str = "application/json;charset=UTF-8";
const HTML: &str = "text/html;charset=UTF-8";
/// The body of an answer that does not end.
const ENDLESS: &[u8] = br#"{"status":0,"data":["#;

/// Makes the response to one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Responder<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) settings: &'a Settings,
    pub(crate) account: &'a Account,
    pub(crate) truth: Truth,
    /// The simulator's clock when the request arrived.
    pub(crate) now: i64,
}

impl Responder<'_> {
    /// Returns the HTTP status of a request that is not one of this API. It comes before any fault.
    ///
    /// The content type is documented as required; the status for another one is assumed.
    pub(crate) fn misdirected(&self) -> Option<u16> {
        let is_known = self.request.path == API_PATH || self.lists_domains();
        if self.request.method != "POST" || !is_known {
            return Some(404);
        }
        let content_type = self.request.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        (!media_type.eq_ignore_ascii_case(REQUEST_TYPE)).then_some(415)
    }

    /// Returns whether the request asks for the domains of the account.
    pub(crate) fn lists_domains(&self) -> bool {
        self.request.path == LISTING_PATH
    }

    /// Returns a small page under this HTTP status.
    pub(crate) fn page(&self, status: u16) -> SimulatedResponse {
        self.finish(page(status), Delivery::Whole)
    }

    /// Returns the correct answer, with its envelope status.
    pub(crate) fn correct(&self) -> (SimulatedResponse, i64) {
        let (answer, status) = self.answer(None, None, |body| body);
        (self.finish(answer, Delivery::Whole), status)
    }

    /// Returns the response under `fault`.
    pub(crate) fn faulty(&self, fault: &Fault) -> SimulatedResponse {
        let correct = || self.answer(None, None, |body| body).0;
        let json = |body: &[u8]| HttpResponse::new(200, JSON, body);
        let mut delivery = Delivery::Whole;
        let mut deliver = |chosen, response| {
            delivery = chosen;
            response
        };
        let response = match fault {
            Fault::None => correct(),
            Fault::Data(data) => self.answer(Some(data), None, |body| body).0,
            Fault::Listing(listing) => self.answer(None, Some(listing), |body| body).0,
            Fault::Envelope { status, msg } => json(&envelope(
                *status,
                msg.as_deref().unwrap_or_else(|| message(*status)),
            )),
            Fault::Http { status, retry_after } => match retry_after {
                None => page(*status),
                Some(after) => page(*status).or_header("Retry-After", &self.retry_after(after)),
            },
            Fault::ResetBeforeAnswer => deliver(Delivery::Reset, page(200)),
            Fault::ResetMidBody => deliver(Delivery::Cut { reset: true }, halved(correct())),
            Fault::Truncated => deliver(Delivery::Cut { reset: false }, halved(correct())),
            Fault::TruncatedJson => self.answer(None, None, half).0,
            Fault::SlowBody { pieces, pause } => {
                let (pieces, pause) = (*pieces, *pause);
                deliver(Delivery::SlowBody { pieces, pause }, correct())
            }
            Fault::SlowHead { pause } => deliver(Delivery::SlowHead { pause: *pause }, correct()),
            Fault::Hang => deliver(Delivery::Hang, correct()),
            Fault::Html => HttpResponse::new(
                200,
                HTML,
                "<!DOCTYPE html>\n<html><body>Please log in to the network.</body></html>\n",
            ),
            Fault::Empty => json(b""),
            Fault::Json(text) => json(text.as_bytes()),
            Fault::ContentType(content_type) => {
                let mut response = correct();
                response.headers.retain(|(name, _)| name != "Content-Type");
                response.or_header("Content-Type", content_type)
            }
            Fault::ByteOrderMark => {
                let mark = |body: Vec<u8>| [&b"\xef\xbb\xbf"[..], &body].concat();
                self.answer(None, None, mark).0
            }
            Fault::Redirect { status, location } => page(*status).or_header("Location", location),
            Fault::HugeBody { mebibytes } => {
                let mebibytes = *mebibytes;
                deliver(Delivery::Blanks { mebibytes }, json(ENDLESS))
            }
            Fault::GzipBomb { mebibytes } => {
                let blanks = vec![b' '; MEBIBYTE];
                let blocks =
                    std::iter::once(ENDLESS).chain(std::iter::repeat_n(blanks.as_slice(), *mebibytes));
                json(&gzip(blocks)).or_header("Content-Encoding", "gzip")
            }
            Fault::HugeLength { bytes } => {
                let response = correct().or_header("Content-Length", bytes);
                deliver(Delivery::Cut { reset: false }, response)
            }
            Fault::UnderStatus { status, data } => HttpResponse {
                status: *status,
                ..self.answer(data.as_ref(), None, |body| body).0
            },
            Fault::Followed(second) => {
                let second = Box::new(self.faulty(second));
                deliver(Delivery::Followed(second), correct())
            }
            Fault::GbkMessage { status: None } => self.answer(None, None, |body| in_gbk(&body)).0,
            Fault::GbkMessage { status: Some(status) } => json(&in_gbk(&envelope(*status, message(*status)))),
            Fault::DeepNesting { depth } => {
                let (open, close) = ("[".repeat(*depth), "]".repeat(*depth));
                json(format!(r#"{{"status":0,"data":{open}{close}}}"#).as_bytes())
            }
            Fault::Verbatim {
                http_status,
                headers,
                body,
            } => HttpResponse {
                status: *http_status,
                headers: headers.clone(),
                body: body.clone(),
            },
        };
        self.finish(response, delivery)
    }

    /// Returns the answer by the checks and the truth, with its envelope status. `edit` changes the text of the body
    /// before it is compressed.
    fn answer(
        &self,
        fault: Option<&DataFault>,
        listing_fault: Option<&ListingFault>,
        edit: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> (HttpResponse, i64) {
        let answered = if self.lists_domains() {
            self.listing(listing_fault)
        } else {
            self.statistics(fault)
        };
        let (body, status) = match answered {
            Ok(body) => (body, 0),
            Err(status) => (envelope(status, message(status)), status),
        };
        let mut response = HttpResponse::new(200, JSON, edit(body));
        if self.settings.gzip && self.request.accepts_gzip() {
            response.body = gzip([response.body.as_slice()]);
            response = response.or_header("Content-Encoding", "gzip");
        }
        (response, status)
    }

    /// Returns the body of an answer with statistics, or the envelope status of a refusal.
    fn statistics(&self, fault: Option<&DataFault>) -> Result<Vec<u8>, i64> {
        let request = check(&self.request.body, self.settings, self.account, self.now)?;
        let mut data = AnswerData::new(&request, self.settings, self.truth, self.now);
        if let Some(fault) = fault {
            data.distort(fault, &request, self.truth);
        }
        Ok(data.body(self.settings.row_shape))
    }

    /// Returns the body of an answer that lists domains, or the envelope status of a refusal.
    fn listing(&self, fault: Option<&ListingFault>) -> Result<Vec<u8>, i64> {
        let request = ListingRequest::check(&self.request.body, self.settings, self.now)?;
        Ok(request.answer(self.account, self.settings, fault))
    }

    /// Adds the headers that every response has.
    fn finish(&self, response: HttpResponse, delivery: Delivery) -> SimulatedResponse {
        let mut http = response.or_header("Date", &http_date(self.now));
        if self.settings.marked {
            http = http.or_header(SIMULATOR_HEADER, "1");
        }
        http = if matches!(delivery, Delivery::Blanks { .. }) {
            http.or_header("Transfer-Encoding", "chunked")
        } else {
            with_length(http)
        };
        if !self.request.keep_alive() {
            http = http.or_header("Connection", "close");
        }
        SimulatedResponse { http, delivery }
    }

    fn retry_after(&self, retry_after: &RetryAfter) -> String {
        match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::Date(offset) => http_date(self.now.saturating_add(*offset)),
            RetryAfter::Raw(text) => text.clone(),
        }
    }
}

fn page(status: u16) -> HttpResponse {
    let html = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n");
    HttpResponse::new(status, HTML, html)
}

fn with_length(response: HttpResponse) -> HttpResponse {
    let length = response.body.len();
    response.or_header("Content-Length", &length)
}

/// Returns a response that promises its whole body and has half of it.
fn halved(response: HttpResponse) -> HttpResponse {
    let whole = with_length(response);
    HttpResponse {
        body: half(whole.body),
        ..whole
    }
}

fn half(mut body: Vec<u8>) -> Vec<u8> {
    body.truncate(body.len() / 2);
    body
}

/// Compresses these blocks, one after another.
fn gzip<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for block in blocks {
        // Writing to a Vec cannot fail.
        let _ = encoder.write_all(block);
    }
    encoder.finish().unwrap_or_default()
}
