//! A local server that answers as the API does, and as fast as it can.
//!
//! It is a process of its own, so its CPU time does not count. It checks no signature and makes no fault: the program's
//! own simulator does both, and would be the bottleneck. The first part of the path is the latency in milliseconds, the
//! second one the revision of the figures: `/20/0/api/origin`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;
use jdcdn_stats::model::{Span, UnixSeconds, civil};

use crate::Result;
use crate::data::{self, Revision};

/// More than the program's requests at a time.
const THREADS: usize = 64;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts this binary as a server.
    pub(crate) fn start() -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("the server has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse();
        Ok(Self {
            process,
            port: port.map_err(|_| format!("the server did not start: {line:?}"))?,
        })
    }

    /// Returns the endpoint with this latency in milliseconds.
    pub(crate) fn endpoint(&self, latency: u64, revision: Revision) -> String {
        let revision = u8::from(revision == Revision::OnePercentChanged);
        format!("http://127.0.0.1:{}/{latency}/{revision}/api/origin", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until its standard input ends, which is also when its parent was killed. Prints the port first.
pub(crate) fn serve() -> Result<()> {
    let listener = Arc::new(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    println!("{}", listener.local_addr()?.port());
    for _ in 0..THREADS {
        let listener = Arc::clone(&listener);
        std::thread::spawn(move || {
            let mut body = Vec::new();
            for stream in listener.incoming().flatten() {
                // The client sees a failure, and reports it.
                let _ = answer(&stream, &mut body);
            }
        });
    }
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())?;
    Ok(())
}

fn answer(stream: &TcpStream, body: &mut Vec<u8>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let began = Instant::now();
    let mut path = line.split(' ').nth(1).unwrap_or_default().split('/').skip(1);
    let latency = path.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    let revision = match path.next() {
        Some("1") => Revision::OnePercentChanged,
        _ => Revision::First,
    };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut request = vec![0; length];
    reader.read_exact(&mut request)?;
    let request: serde_json::Value = serde_json::from_slice(&request)?;
    let text = |name: &str| {
        request
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let domains: Vec<usize> = text("domain").split(',').filter_map(data::number).collect();
    // The last minute belongs to the range.
    let window =
        Span::new(time(text("start_time"))?, time(text("end_time"))? + 60).ok_or("an empty range")?;
    body.clear();
    data::write_body(body, &domains, window.to_grid(), revision);
    std::thread::sleep(Duration::from_millis(latency).saturating_sub(began.elapsed()));
    let mut stream = stream;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    Ok(stream.flush()?)
}

fn time(text: &str) -> Result<UnixSeconds> {
    Ok(civil::from_cst(NaiveDateTime::parse_from_str(
        text,
        "%Y-%m-%d %H:%M",
    )?))
}
