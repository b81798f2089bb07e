//! A small HTTP/1.1: requests as they arrive on a socket, responses as they leave it.
//!
//! The API simulator and the metrics of `watch` share it. It does not correct what it is given to send, because the
//! simulator also sends wrong responses.

use std::io::{self, Write as _};

use chrono::DateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::model::UnixSeconds;

/// The longest request body, in bytes. A request of the API has a few kilobytes.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
const MAX_HEADERS: usize = 100;

/// Header names and values, in the order of the message.
pub type Headers = Vec<(String, String)>;

/// An HTTP request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The headers.
    pub headers: Headers,
    /// The body; empty until [`read_body`] has read it.
    pub body: Vec<u8>,
    /// The client speaks HTTP/1.0.
    pub is_http_10: bool,
}

impl HttpRequest {
    /// Returns the first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// Returns whether the client wants to send another request on this connection.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        match self.header("connection") {
            Some(value) => !value.eq_ignore_ascii_case("close"),
            None => !self.is_http_10,
        }
    }

    /// Returns whether the client accepts a gzip body.
    #[must_use]
    pub fn accepts_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(|accepted| {
            accepted.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
                    && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        })
    }
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status, from 100 to 999.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Returns a response with one header, the content type.
    #[must_use]
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// Returns the first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// Adds a header, unless there is one of this name.
    #[must_use]
    pub fn or_header(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        if self.header(name).is_none() {
            self.headers.push((name.to_owned(), value.to_string()));
        }
        self
    }

    /// Returns the status line and the headers, including the empty line after them.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let status = reqwest::StatusCode::from_u16(self.status).ok();
        let reason = status.and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or("Status")).into_bytes();
        for (name, value) in &self.headers {
            // Writing to a Vec cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

fn first<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    let mut headers = headers.iter();
    let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Formats a moment as HTTP headers do.
#[must_use]
pub fn http_date(ts: UnixSeconds) -> String {
    DateTime::from_timestamp(ts, 0)
        .map(|time| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

/// Reads the next request up to its body. `None`: the client closed the connection between requests.
///
/// `buffer` keeps the bytes after the head for [`read_body`] and the next call. Bytes that are not HTTP, or a head of
/// more than about `max_bytes`, are an error of the kind `InvalidData`; the connection is then of no further use.
pub async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    max_bytes: usize,
) -> io::Result<Option<HttpRequest>> {
    loop {
        if let Some((request, length)) = parse_head(buffer)? {
            buffer.drain(..length);
            return Ok(Some(request));
        }
        if buffer.len() > max_bytes {
            return Err(invalid("the request head is too large"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
    }
}

/// Reads the body of `request`. Call it after [`read_head`], with the same `buffer`.
pub async fn read_body<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    request: &mut HttpRequest,
) -> io::Result<()> {
    if request.header("transfer-encoding").is_some() {
        return Err(invalid("chunked request bodies are not supported"));
    }
    let length = match request.header("content-length").map(str::parse) {
        None => 0,
        Some(Ok(length)) if length <= MAX_BODY_BYTES => length,
        Some(_) => return Err(invalid("the content-length is not usable")),
    };
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let rest = buffer.split_off(length);
    request.body = std::mem::replace(buffer, rest);
    Ok(())
}

/// Parses the head at the start of `buffer`. Returns it with its length, or `None` while it is incomplete.
fn parse_head(buffer: &[u8]) -> io::Result<Option<(HttpRequest, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed
        .parse(buffer)
        .map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let headers = parsed.headers.iter().map(|header| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_owned(), value)
    });
    let target = parsed.path.unwrap_or_default();
    // A proxy may name the whole address.
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
        }
        _ => target,
    };
    let request = HttpRequest {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: target.split('?').next().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
        is_http_10: parsed.version == Some(0),
    };
    Ok(Some((request, length)))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_HEAD_BYTES: usize = 1024;

    fn read_all(bytes: &[u8]) -> io::Result<Vec<HttpRequest>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let (mut stream, mut buffer) = (bytes, Vec::new());
            let mut requests = Vec::new();
            while let Some(mut request) = read_head(&mut stream, &mut buffer, MAX_HEAD_BYTES).await? {
                read_body(&mut stream, &mut buffer, &mut request).await?;
                requests.push(request);
            }
            Ok(requests)
        })
    }

    #[test]
    fn requests_that_arrive_together_are_separated() {
        let requests = read_all(
            b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b?c HTTP/1.1\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
        let seen: Vec<_> = requests
            .iter()
            .map(|r| (r.path.as_str(), r.body.as_slice(), r.keep_alive()))
            .collect();
        assert_eq!(seen, [("/a", &b"abc"[..], true), ("/b", &b""[..], false)]);
    }

    #[test]
    fn the_path_of_a_whole_address_is_its_path() {
        for (target, path) in [
            ("http://127.0.0.1:9180/metrics?a=b", "/metrics"),
            ("http://127.0.0.1", "/"),
            ("/to?next=http://a/b", "/to"),
        ] {
            let requests = read_all(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
            assert_eq!(requests.first().map(|request| &*request.path), Some(path));
        }
    }

    #[test]
    fn a_cut_or_malformed_request_is_an_error() {
        assert!(read_all(b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nab").is_err());
        assert!(read_all(b"\x16\x03\x01\x02\x00\x01").is_err());
        assert!(read_all(b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").is_err());
        assert!(read_all(&vec![b'A'; MAX_HEAD_BYTES + 2]).is_err());
    }

    #[test]
    fn gzip_is_used_only_for_clients_that_accept_it() {
        let accepts = |value: &str| {
            let request = HttpRequest {
                headers: vec![("Accept-Encoding".to_owned(), value.to_owned())],
                ..HttpRequest::default()
            };
            request.accepts_gzip()
        };
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5"));
        assert!(!accepts("identity") && !accepts("gzip;q=0") && !HttpRequest::default().accepts_gzip());
    }

    #[test]
    fn a_response_head_names_its_status_and_keeps_the_first_of_two_headers() {
        let response = HttpResponse::new(405, "text/plain", "")
            .or_header("Allow", "GET")
            .or_header("allow", "PUT");
        assert_eq!(
            String::from_utf8(response.head()).unwrap(),
            "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain\r\nAllow: GET\r\n\r\n"
        );
        assert_eq!(http_date(1_767_844_800), "Thu, 08 Jan 2026 04:00:00 GMT");
    }
}
