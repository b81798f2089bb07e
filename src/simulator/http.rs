//! Requests as they come off the socket.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// More than this is no request of this API.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 4 * 1024 * 1024;
const MAX_HEADERS: usize = 64;

/// One request, read completely.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    http_10: bool,
}

impl HttpRequest {
    /// A request of the API with this body, as a client sends it that takes no compressed answers.
    pub(crate) fn of_api(body: &[u8]) -> Self {
        Self {
            body: body.to_vec(),
            ..Self::default()
        }
    }

    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether the client wants to send another request on this connection.
    pub(crate) fn keep_alive(&self) -> bool {
        match self.header("connection") {
            Some(value) => !value.eq_ignore_ascii_case("close"),
            None => !self.http_10,
        }
    }

    pub(crate) fn accepts_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(|accepted| {
            accepted.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
                    && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        })
    }
}

/// The next request on `stream`, or None when the client closed the connection between requests.
///
/// `buffer` keeps what was read beyond the request, for the next call. What is not HTTP, too large, or cut
/// off is an error; the connection is then of no further use.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<HttpRequest>> {
    loop {
        if let Some((mut request, head, body)) = parse_head(buffer)? {
            if buffer.len() >= head + body {
                let rest = buffer.split_off(head + body);
                request.body = buffer.split_off(head);
                *buffer = rest;
                return Ok(Some(request));
            }
        } else if buffer.len() > MAX_HEAD {
            return Err(bad("request head too large"));
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

/// The head at the start of `buffer` with its length and that of the body that follows; None while it is
/// incomplete.
fn parse_head(buffer: &[u8]) -> io::Result<Option<(HttpRequest, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(buffer).map_err(|error| bad(&error.to_string()))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let request = HttpRequest {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|header| {
                let value = String::from_utf8_lossy(header.value).into_owned();
                (header.name.to_owned(), value)
            })
            .collect(),
        body: Vec::new(),
        http_10: parsed.version == Some(0),
    };
    if request.header("transfer-encoding").is_some() {
        return Err(bad("chunked request bodies are not understood"));
    }
    let body = match request.header("content-length").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(length)) if length <= MAX_BODY => length,
        Some(_) => return Err(bad("unusable content-length")),
    };
    Ok(Some((request, head, body)))
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> io::Result<Vec<HttpRequest>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let (mut stream, mut buffer) = (bytes, Vec::new());
            let mut requests = Vec::new();
            while let Some(request) = read_request(&mut stream, &mut buffer).await? {
                requests.push(request);
            }
            Ok(requests)
        })
    }

    #[test]
    fn requests_that_arrive_together_are_told_apart() {
        let requests = read_all(
            b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
        let seen: Vec<_> = requests
            .iter()
            .map(|r| (r.path.as_str(), r.body.as_slice(), r.keep_alive()))
            .collect();
        assert_eq!(seen, [("/a", &b"abc"[..], true), ("/b", &b""[..], false)]);
    }

    #[test]
    fn what_is_cut_off_or_no_http_is_an_error() {
        assert!(read_all(b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nab").is_err());
        assert!(read_all(b"\x16\x03\x01\x02\x00\x01").is_err());
        assert!(read_all(b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n").is_err());
        assert!(read_all(&vec![b'A'; MAX_HEAD + 2]).is_err());
    }

    #[test]
    fn gzip_is_used_only_for_those_who_accept_it() {
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
}
