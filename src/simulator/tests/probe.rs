//! A client that speaks raw HTTP and looks at everything that comes back.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::signature::sign;
use super::super::{Settings, Simulator};
use crate::clock::ManualClock;

/// 2026-01-08 12:00 in UTC+8.
pub(super) const NOW: i64 = 1_767_844_800;
const SECRET_KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";

/// An answer as it came, headers in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Raw {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn parse(bytes: &[u8]) -> Self {
        let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..split]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self {
            status,
            headers: lines.map(header).collect(),
            body: bytes[split + 4..].to_vec(),
        }
    }
}

pub(super) fn start(settings: Settings) -> Simulator {
    Simulator::on_loopback(settings, Arc::new(ManualClock::new(NOW))).unwrap()
}

/// A request for one hour that passes every check, with these fields changed; null removes one.
pub(super) fn body(changes: Value) -> String {
    let mut fields = json!({
        "username": "jcloud_00",
        "signature": sign("20260108", "jcloud_00", SECRET_KEY),
        "domain": "www.a.com",
        "start_time": "2026-01-07 07:00",
        "end_time": "2026-01-07 07:59",
    });
    let fields_map = fields.as_object_mut().unwrap();
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    fields_map.extend(changes);
    fields_map.retain(|_, value| !value.is_null());
    fields.to_string()
}

pub(super) fn post(body: &str, more_headers: &str) -> String {
    format!(
        "POST /api/origin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{more_headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends these bytes and returns what comes back until the connection ends, in whatever way.
pub(super) fn exchange(simulator: &Simulator, request: &str) -> (Vec<u8>, io::Result<()>) {
    let mut stream = TcpStream::connect(simulator.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).map(drop);
    (answer, end)
}

/// Asks once on a connection of its own.
pub(super) fn ask(simulator: &Simulator, body: &str) -> Raw {
    let (answer, end) = exchange(simulator, &post(body, "Connection: close\r\n"));
    end.unwrap();
    Raw::parse(&answer)
}
