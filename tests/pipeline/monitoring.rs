//! What `watch` reports to monitoring and to the service manager.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, channel};

use jdcdn_stats::simulator::{Fault, Rule};

use crate::sandbox::{NOW, Sandbox, at, wait_until};
use crate::watch::{HORIZON, PATIENCE, START, Watch, sandbox};

/// Sends a request, and returns the head and the body of the response.
fn send(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Returns the status line and the body of `GET path`.
pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    let (head, body) = send(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
    );
    (head.lines().next().unwrap().to_owned(), body)
}

/// The value of `series` on the page.
#[track_caller]
pub(crate) fn value(page: &str, series: &str) -> f64 {
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series}: {page}"))
        .parse()
        .unwrap()
}

/// Where `watch` serves its metrics.
pub(crate) fn metrics_of(watch: &mut Watch) -> String {
    let line = watch.says("metrics at http://");
    let (_, address) = line.split_once("http://").unwrap();
    address.strip_suffix("/metrics").unwrap().to_owned()
}

/// A service manager's socket in the sandbox, and the messages to it.
fn manager(sandbox: &Sandbox) -> (String, Receiver<String>) {
    let path = sandbox.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    let (send, messages) = channel();
    // The socket holds few messages; a sender of more would wait.
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok(length) = manager.recv(&mut buffer) {
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if send.send(message).is_err() {
                break;
            }
        }
    });
    (path.to_str().unwrap().to_owned(), messages)
}

/// The next message that begins with `states`; others, such as the status, may come before it.
#[track_caller]
fn hears(messages: &Receiver<String>, states: &str) -> String {
    loop {
        let Ok(message) = messages.recv_timeout(PATIENCE) else {
            panic!("`{states}` was not said");
        };
        if message.starts_with(states) {
            return message;
        }
    }
}

#[test]
fn the_metrics_tell_what_was_done_and_how_old_the_figures_are() {
    let sandbox = sandbox(2);
    sandbox
        .simulator
        .rule(Rule::once(Fault::ResetBeforeAnswer).for_sequence(1));
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let address = metrics_of(&mut watch);
    let address = address.as_str();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    watch.says("up to date");
    let (status, page) = get(address, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let value = |series: &str| value(&page, series);
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
        ("jdcdn_refused_since_timestamp_seconds", 0.0),
        ("jdcdn_refusals_total{kind=\"status_7\"}", 0.0),
        ("jdcdn_refusals_total{kind=\"redirect\"}", 0.0),
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
    assert_eq!(get(address, "/metrics?x=y").0, "HTTP/1.1 200 OK");
    let (head, body) = send(address, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(
        head.contains("Content-Length: ") && body.is_empty(),
        "{head} {body}"
    );
    let posted = send(
        address,
        "POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\nsome text",
    )
    .0;
    assert!(
        posted.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"),
        "{posted}"
    );
    assert!(posted.contains("\r\nAllow: GET, HEAD\r\n"), "{posted}");
    let nonsense = send(address, "\u{16}\u{3}\u{1}\r\n\r\n").0;
    assert!(nonsense.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{nonsense}");
    watch.stops();
}

#[test]
fn the_service_manager_hears_of_readiness_reloads_life_and_the_end() {
    let sandbox = sandbox(1);
    let (path, messages) = manager(&sandbox);
    let hears = |states: &str| hears(&messages, states);
    // While it lasts, only the loop around the run can give signs of life.
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let variables = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "100000")];
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

#[test]
fn a_refusal_shows_in_the_metrics_and_to_the_service_manager_until_the_api_answers() {
    let sandbox = sandbox(1);
    let (path, messages) = manager(&sandbox);
    let first = Rule::times(5, Fault::http(403)).when(|request| request.sequence > 2);
    sandbox.simulator.rule(first);
    // After the first run it is refused in another way.
    sandbox
        .simulator
        .rule(Rule::always(Fault::envelope(20)).when(|request| request.sequence > 2));
    let args = ["--metrics", "0", "--concurrency", "1", "--window", "6h"];
    let mut watch = Watch::start(&sandbox, &args, &[("NOTIFY_SOCKET", &path)]);
    let address = metrics_of(&mut watch);
    watch.says("WARN refused since ");
    let status = hears(&messages, "STATUS=refused since 2026-06-15 12:0");
    assert!(
        status.contains(" UTC+8; waiting for the run at 2026-06-15 12:0"),
        "{status}"
    );
    let page = get(&address, "/metrics").1;
    let since = value(&page, "jdcdn_refused_since_timestamp_seconds");
    let now = f64::from(u32::try_from(at(NOW)).unwrap());
    assert!((now..now + 120.0).contains(&since), "{page}");
    let refusals = |page: &str, kind: &str| value(page, &format!("jdcdn_refusals_total{{kind=\"{kind}\"}}"));
    assert!((refusals(&page, "http_403") - 5.0).abs() < 0.5, "{page}");
    // Another kind of refusal is worth a warning of its own, and began when the first did.
    watch.says("WARN refused since ");
    let page = get(&address, "/metrics").1;
    assert!((refusals(&page, "http_403") - 5.0).abs() < 0.5, "{page}");
    assert!(refusals(&page, "status_20") > 4.5, "{page}");
    assert!((value(&page, "jdcdn_refused_since_timestamp_seconds") - since).abs() < 0.5);
    sandbox.simulator.clear_faults();
    // A reload ends the wait.
    watch.signal("HUP");
    watch.says("up to date again, after ");
    hears(&messages, "STATUS=waiting for the run at ");
    wait_until("nothing is refused", || {
        value(
            &get(&address, "/metrics").1,
            "jdcdn_refused_since_timestamp_seconds",
        )
        .abs()
            < 0.5
    });
    watch.stops();
}

/// What a command writes to a standard error that systemd connects with its journal, or not.
fn stderr_of(sandbox: &Sandbox, args: &[&str], key: &str, is_journal: bool) -> String {
    let path = sandbox.path("journal");
    let file = std::fs::File::create(&path).unwrap();
    let found = file.metadata().unwrap();
    let inode = found.ino() + u64::from(!is_journal);
    let ended = sandbox
        .command(args)
        .env("JDCDN_SECRET_KEY", key)
        .env("JOURNAL_STREAM", format!("{}:{inode}", found.dev()))
        .stderr(file)
        .output();
    assert_eq!(ended.unwrap().status.code(), Some(4));
    std::fs::read_to_string(&path).unwrap()
}

#[test]
fn in_the_journal_every_line_has_a_level_and_no_time_of_its_own() {
    let sandbox = sandbox(1);
    let wrong = "0123456789abcdef0123456789abcdef";
    let journal = stderr_of(&sandbox, &["-v", "watch"], wrong, true);
    let lines: Vec<&str> = journal.lines().collect();
    let first = "<4>WARN the clock is set by JDCDN_TEST_NOW now=2026-06-15 12:0";
    assert!(lines[0].starts_with(first), "{journal}");
    for (mark, text) in [
        ("<6>", "INFO watching domains=1 every=1s database=\""),
        ("<4>", "WARN not all that was due is stored run=1 "),
        ("<3>", "error: the API rejected the signature"),
        ("<3>", "help: "),
    ] {
        let begin = format!("{mark}{text}");
        assert!(
            lines.iter().any(|line| line.starts_with(&begin)),
            "{begin}: {journal}"
        );
    }
    let is_marked = |line: &&str| line.starts_with('<') && line.as_bytes()[2] == b'>';
    assert!(lines.iter().all(is_marked), "{journal}");
    // A variable that another program's output left over.
    let other = stderr_of(&sandbox, &["watch"], wrong, false);
    assert!(
        other.starts_with("2026-06-15T12:0") && !other.contains("<4>"),
        "{other}"
    );
}
