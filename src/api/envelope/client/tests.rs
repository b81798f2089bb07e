use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::api::envelope::signature::Signature;
use crate::clock::ManualClock;
use crate::model::slot::DAY_SECONDS;

mod connections;

const MAX_BODY: usize = 100_000;

/// Answers one request with `bytes`, then closes; gives back the request as text.
fn serve(listener: TcpListener, bytes: Vec<u8>) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&mut stream);
        // The client may hang up before it has read everything.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        request
    })
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    while !request.ends_with(b"}") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the request has no end");
        request.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(request).unwrap()
}

fn client(listener: &TcpListener) -> Client {
    Client::new(settings(listener)).unwrap()
}

fn settings(listener: &TcpListener) -> ClientSettings {
    let address = listener.local_addr().unwrap();
    let credentials = Credentials::new("jcloud_00".to_owned(), "e7a31b1c5ea0efa9aa2f29c6559f7d61".into());
    ClientSettings {
        endpoint: Endpoint::parse(&format!("http://{address}/api/origin"), false).unwrap(),
        proxy: None,
        credentials,
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
        read_timeout: Duration::from_secs(20),
        max_body: MAX_BODY.try_into().unwrap(),
        concurrency: 1,
        user_agent: "jdcdn-stats/test".to_owned(),
        clock: Arc::new(ManualClock::new(1_445_412_480)),
    }
}

fn send(client: &Client) -> Result<Reply, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(client.send(Map::new(), SigningDate::from_unix(1_477_152_000)))
}

/// The request that was sent, and what came of the answer `head` and `body`.
fn exchange(head: &str, body: &[u8]) -> (String, Result<Reply, Failure>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    let bytes = [head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body].concat();
    let server = serve(listener, bytes);
    let result = send(&client);
    (server.join().unwrap(), result)
}

fn failure(head: &str, body: &[u8]) -> FailureKind {
    exchange(head, body).1.unwrap_err().kind
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_request_is_signed_json_and_the_reply_brings_body_and_date() {
    let head = "HTTP/1.1 200 OK\nContent-Type: text/html\nDate: Wed, 21 Oct 2015 07:28:00 GMT";
    let (request, result) = exchange(head, b"anything");
    let reply = result.unwrap();
    assert_eq!(
        (reply.body, reply.date, reply.source),
        (b"anything".to_vec().into(), Some(1_445_412_480), DataSource::Api)
    );
    assert!(reply.peer.is_some_and(|peer| peer.ip().is_loopback()));
    let lower = request.to_lowercase();
    assert!(request.starts_with("POST /api/origin HTTP/1.1\r\n"), "{request}");
    for header in [
        "content-type: application/json\r\n",
        "accept-encoding: gzip\r\n",
        "user-agent: jdcdn-stats/test\r\n",
    ] {
        assert!(lower.contains(header), "{request}");
    }
    assert!(
        request.contains(r#""signature":"a35685491fd80a80b40a718c3a5c5c56""#),
        "{request}"
    );
}

#[test]
fn a_body_is_taken_up_to_the_limit_in_whatever_form_it_comes() {
    let whole = vec![b'x'; MAX_BODY];
    let longer = vec![b'x'; MAX_BODY + 1];
    let gzipped = "HTTP/1.1 200 OK\nContent-Encoding: gzip";
    let plain = "HTTP/1.1 200 OK";
    assert_eq!(exchange(plain, &whole).1.unwrap().body[..], whole);
    assert_eq!(exchange(gzipped, &gzip(&whole)).1.unwrap().body[..], whole);
    let too_large = |announced| FailureKind::TooLarge {
        limit: 100_000,
        unit: "bytes",
        announced,
    };
    assert_eq!(failure(plain, &longer), too_large(None));
    assert_eq!(
        failure(&format!("{plain}\nContent-Length: 100001"), b""),
        too_large(Some(100_001))
    );
    assert_eq!(failure(gzipped, &gzip(&longer)), too_large(None));
    let bomb = gzip(&vec![0; 50_000_000]);
    assert!(bomb.len() < MAX_BODY);
    assert_eq!(failure(gzipped, &bomb), too_large(None));
}

#[test]
fn only_status_200_is_an_answer() {
    for status in [201, 202, 203, 204, 206, 226, 299] {
        let kind = failure(&format!("HTTP/1.1 {status} Fine\nContent-Length: 0"), b"");
        let what = format!("its HTTP status is {status}");
        assert_eq!(kind, FailureKind::NotTheAnswer { what });
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let kind = failure(
            &format!("HTTP/1.1 {status} Moved\nLocation: http://{address}/?steal"),
            b"",
        );
        let host = "127.0.0.1".to_owned();
        assert_eq!(kind, FailureKind::Redirected { status, host });
    }
    assert_eq!(
        elsewhere.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

#[test]
fn a_busy_server_says_how_long_to_wait() {
    let busy = |status, header: &str| failure(&format!("HTTP/1.1 {status} Busy{header}"), b"");
    let expected = |status, seconds: Option<u64>| FailureKind::Busy {
        status,
        retry_after: seconds.map(Duration::from_secs),
    };
    assert_eq!(busy(429, "\nRetry-After: 7"), expected(429, Some(7)));
    let moment = "\nRetry-After: Wed, 21 Oct 2015 07:28:30 GMT";
    assert_eq!(busy(503, moment), expected(503, Some(30)));
    let date = "\nDate: Wed, 21 Oct 2015 07:28:20 GMT";
    assert_eq!(busy(503, &format!("{moment}{date}")), expected(503, Some(10)));
    assert_eq!(busy(429, "\nRetry-After: 7\nRetry-After: 8"), expected(429, None));
    assert_eq!(busy(503, ""), expected(503, None));
}

#[test]
fn another_status_shows_the_beginning_of_its_body_made_safe() {
    for status in [400, 401, 403, 404, 405, 407, 413, 500, 502, 504] {
        let body = format!("<h1>\u{1b}[2J{}", "no ".repeat(1_000));
        let kind = failure(&format!("HTTP/1.1 {status} No"), body.as_bytes());
        let FailureKind::Http {
            status: shown_status,
            shown,
        } = kind
        else {
            panic!("{kind:?}")
        };
        assert_eq!(shown_status, status);
        assert!(
            shown.starts_with("<h1>\\u{1b}[2Jno ") && shown.ends_with('…'),
            "{shown}"
        );
    }
}

#[test]
fn an_answer_that_ends_early_is_no_answer() {
    let cut_short = |head: &str, body: &[u8]| {
        let kind = failure(head, body);
        assert!(matches!(kind, FailureKind::CutShort { .. }), "{kind:?}");
    };
    cut_short("HTTP/1.1 200 OK\nContent-Length: 10", b"123456789");
    cut_short("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"5\r\n12345\r\n");
    let zipped = gzip(b"0123456789");
    cut_short(
        "HTTP/1.1 200 OK\nContent-Encoding: gzip",
        &zipped[..zipped.len() - 4],
    );
    cut_short("HTTP/1.1 200 OK\nContent-Encoding: gzip", b"not gzip at all");
    for head in ["", "SSH-2.0-OpenSSH"] {
        let kind = failure(head, b"");
        assert!(matches!(kind, FailureKind::Interrupted { .. }), "{kind:?}");
    }
}

#[test]
fn a_refused_handshake_is_distrust_and_no_passing_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = settings(&listener);
    let address = listener.local_addr().unwrap();
    settings.endpoint = Endpoint::parse(&format!("https://{address}/api/origin"), false).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 16];
        stream.read_exact(&mut hello).unwrap();
        // A fatal alert: handshake failure.
        stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let kind = send(&Client::new(settings).unwrap()).unwrap_err().kind;
    assert!(matches!(kind, FailureKind::Tls { .. }), "{kind:?}");
    server.join().unwrap();
}

#[test]
fn an_answer_that_stalls_and_one_that_never_begins_time_out() {
    for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = settings(&listener);
        settings.read_timeout = Duration::from_millis(100);
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            stream.write_all(beginning.as_bytes()).unwrap();
            // Until the client hangs up.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let kind = send(&Client::new(settings).unwrap()).unwrap_err().kind;
        assert!(matches!(kind, FailureKind::Timeout { .. }), "{kind:?}");
        server.join().unwrap();
    }
}

#[test]
fn nobody_listening_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    drop(listener);
    let kind = send(&client).unwrap_err().kind;
    assert!(
        matches!(&kind, FailureKind::Connect { what } if what.contains("refused")),
        "{kind:?}"
    );
}

#[test]
fn neither_key_nor_signature_nor_path_shows() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    let shown = format!("{client:?}");
    drop(listener);
    let failure = send(&client).unwrap_err();
    let shown = format!("{shown} {failure} {failure:?}");
    for secret in [
        "e7a31b1c5ea0efa9aa2f29c6559f7d61",
        "a35685491fd80a80b40a718c3a5c5c56",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(!format!("{failure:?}").contains("api/origin"), "{failure:?}");
}

#[test]
fn the_signature_of_a_request_is_hidden_whatever_day_the_one_before_had() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&listener);
    for day in [0, 30, 31, 0] {
        let date = SigningDate::from_unix(1_477_152_000 + day * DAY_SECONDS);
        let signature = Signature::new(date, &client.shared.settings.credentials);
        let secrets = client.shared.secrets(date);
        assert_eq!(secrets.redacted(signature.expose()), "*".repeat(32), "day {day}");
    }
}
