//! What `watch` tells monitoring and the service manager.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::channel;

use jdcdn_stats::simulator::{Fault, Rule};

use crate::sandbox::{NOW, at};
use crate::watch::{HORIZON, PATIENCE, START, Watch, sandbox};

/// What `GET path` answers: the status line, and the body.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn the_metrics_tell_what_was_done_and_how_old_the_figures_are() {
    let sandbox = sandbox(2);
    sandbox
        .simulator
        .rule(Rule::once(Fault::ResetBeforeAnswer).for_sequence(1));
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let line = watch.says("metrics at http://");
    let address = line
        .split("http://")
        .nth(1)
        .unwrap()
        .strip_suffix("/metrics")
        .unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    watch.says("up to date");
    let (status, page) = get(address, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let value = |series: &str| -> f64 {
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series}: {page}"))
            .parse()
            .unwrap()
    };
    let points = f64::from(u32::try_from(2 * (at(HORIZON) - at(START)) / 300).unwrap());
    for (series, expected) in [
        ("jdcdn_points_total{kind=\"inserted\"}", points),
        ("jdcdn_points_total{kind=\"rejected\"}", 0.0),
        ("jdcdn_requests_total{outcome=\"ok\"}", 3.0),
        ("jdcdn_requests_total{outcome=\"failed\"}", 1.0),
        ("jdcdn_request_retries_total", 1.0),
        ("jdcdn_windows_total{result=\"fetched\"}", 3.0),
        ("jdcdn_runs_total{outcome=\"partial\"}", 0.0),
        ("jdcdn_due_slots", 0.0),
        ("jdcdn_rejects", 0.0),
        ("jdcdn_database_readable", 1.0),
    ] {
        assert!((value(series) - expected).abs() < 0.5, "{series}: {page}");
    }
    assert!(value("jdcdn_runs_total{outcome=\"complete\"}") >= 1.0);
    let newest = f64::from(u32::try_from(at(NOW) - (at(HORIZON) - 300)).unwrap());
    for domain in &sandbox.domains {
        let age = value(&format!("jdcdn_newest_point_age_seconds{{domain=\"{domain}\"}}"));
        assert!((newest..newest + 120.0).contains(&age), "{age}");
    }
    let now = f64::from(u32::try_from(at(NOW)).unwrap());
    assert!((now..now + 120.0).contains(&value("jdcdn_last_success_timestamp_seconds")));
    assert!(page.ends_with("# EOF\n"));
    assert_eq!(get(address, "/").0, "HTTP/1.1 404 Not Found");
    watch.stops();
}

#[test]
fn the_service_manager_hears_of_readiness_reloads_life_and_the_end() {
    let sandbox = sandbox(1);
    let path = sandbox.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let (send, messages) = channel();
    // The socket holds few messages, and whoever sends more waits.
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok(length) = manager.recv(&mut buffer) {
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if send.send(message).is_err() {
                break;
            }
        }
    });
    // The next message that begins with `states`; others, such as the status, may come before it.
    let hears = |states: &str| -> String {
        loop {
            let message = messages.recv_timeout(PATIENCE).expect(states);
            if message.starts_with(states) {
                return message;
            }
        }
    };
    // While it lasts, only the loop around the run can give signs of life.
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let variables = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "100000"),
    ];
    let watch = Watch::start(&sandbox, &[], &variables);
    hears("READY=1");
    hears("STATUS=running: 0 of 3 windows");
    hears("WATCHDOG=1");
    hears("WATCHDOG=1");
    watch.signal("HUP");
    let reloading = hears("RELOADING=1\n");
    let begun = reloading
        .lines()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(begun.unwrap().parse::<u64>().unwrap() > 0);
    hears("READY=1");
    hears("WATCHDOG=1");
    watch.stops();
    hears("STOPPING=1");
}
