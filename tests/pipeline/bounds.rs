//! What somebody else can make large: an answer, a question for the metrics, a file that never ends.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{Fault, Rule};
use serde_json::Value;

use crate::sandbox::{Ended, Sandbox, at, ended, skipped};
use crate::scale::peak_memory;
use crate::watch::{Watch, sandbox as watched};

/// The most memory of a run, in KiB, whatever it is answered.
const MEMORY: u64 = 128 * 1024;
const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");
/// The most points that an answer may hold.
const POINTS: i64 = 2_000_000;

/// An answer that gives every domain its day, and the first one `rows` beside it.
fn answer(sandbox: &Sandbox, rows: &str) -> Vec<u8> {
    let mut good = String::new();
    for ts in (at(DAY.0)..at(DAY.1)).step_by(300) {
        let _ = write!(good, "[{ts},8,1,{{\"200\":1}}],");
    }
    let (good, mut body) = (
        good.trim_end_matches(','),
        String::from(r#"{"status":0,"data":["#),
    );
    for (place, domain) in sandbox.domains.iter().enumerate() {
        let more = if place == 0 {
            format!(",{rows}")
        } else {
            String::new()
        };
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(body, r#"{comma}{{"domain":"{domain}","data":[{good}{more}]}}"#);
    }
    body.push_str("]}");
    body.into_bytes()
}

/// `count` rows, one after the other.
fn rows(count: i64, row: impl Fn(&mut String, i64)) -> String {
    let mut rows = String::new();
    for at in 0..count {
        row(&mut rows, at);
        rows.push(',');
    }
    rows.pop();
    rows
}

/// Two runs that are answered with `body` whatever they ask, and the rejects that they left.
fn answered_twice(sandbox: &Sandbox, body: Vec<u8>, more: &[&str]) -> [(Value, u64); 2] {
    // The first rule that fits is followed.
    sandbox.simulator.clear_faults();
    sandbox.simulator.rule(Rule::always(Fault::Verbatim {
        http_status: 200,
        headers: Vec::new(),
        body,
    }));
    [(), ()].map(|()| {
        let args = [
            "backfill", "--from", DAY.0, "--to", DAY.1, "--force", "--format", "json", "-q",
        ];
        let mut child = sandbox.start(&[&args, more].concat());
        let peak = peak_memory(&mut child);
        let ended = ended(child.wait_with_output().unwrap());
        assert!((1..MEMORY).contains(&peak), "{peak} KiB: {ended:?}");
        println!("at most {peak} KiB");
        let summary = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
        (summary, peak)
    })
}

fn rejects(sandbox: &Sandbox) -> (i64, i64) {
    let sql = "SELECT count(*), coalesce(sum(length(raw)), 0) FROM origin_rejects";
    let counted = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    sandbox.database().query_row(sql, [], counted).unwrap()
}

fn database_bytes(sandbox: &Sandbox) -> u64 {
    let size = |name: &str| std::fs::metadata(sandbox.path(name)).map_or(0, |file| file.len());
    size("jdcdn-stats.db") + size("jdcdn-stats.db-wal")
}

#[test]
fn two_million_points_that_nobody_asked_for_are_counted_and_cost_a_hundred_texts() {
    let sandbox = Sandbox::with_domains(1);
    let outside = at(DAY.0) + 100 * 86_400;
    // Room for the good ones.
    let count = POINTS - 288;
    for (rows, rejected) in [
        (
            rows(count, |rows, at| {
                let _ = write!(rows, "[{},1,0,{{}}]", outside + at);
            }),
            count,
        ),
        (rows(count, |rows, _| rows.push('1')), count),
    ] {
        sandbox.remove_database();
        for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &rows), &[]) {
            assert_eq!(summary["outcome"], "partial");
            assert_eq!(summary["points"]["rejected"], rejected);
            assert_eq!(summary["points"]["received"], POINTS);
            sandbox.assert_stored(288);
            assert_eq!(rejects(&sandbox).0, 100);
            assert!(database_bytes(&sandbox) < 2 << 20, "{}", database_bytes(&sandbox));
        }
    }
}

#[test]
fn a_slot_that_is_told_a_million_times_takes_no_more_memory_than_one() {
    let sandbox = Sandbox::with_domains(1);
    let start = at(DAY.0);
    // Each of the 288 slots thousands of times, at 300 times and with other figures.
    let crowd = rows(500_000, |rows, place| {
        let _ = write!(rows, "[{},{place},0,{{}}]", start + place % 86_400);
    });
    for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &crowd), &[]) {
        assert_eq!(summary["points"]["inserted"], 0);
        // The run asks again, and each answer is counted.
        assert!(
            summary["points"]["rejected"].as_u64().unwrap() >= 500_288,
            "{summary}"
        );
        assert!(rejects(&sandbox).0 <= 100);
    }
    sandbox.remove_database();
    let repeated = rows(1_900_000, |rows, place| {
        let _ = write!(rows, "[{},8,1,{{\"200\":1}}]", start + place % 288 * 300);
    });
    for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &repeated), &[]) {
        assert_eq!(summary["outcome"], "complete");
        sandbox.assert_stored(288);
    }
}

#[test]
fn codes_names_and_numbers_without_end_spoil_their_point_alone() {
    let sandbox = Sandbox::with_domains(1);
    let ts = at(DAY.0) + 7;
    let million = rows(4_000_000, |rows, code| {
        let _ = write!(rows, "\"{code}\":1");
    });
    let escapes = "\\u0031".repeat(9_000_000);
    for (row, reason) in [
        (format!("[{ts},1,0,{{{million}}}]"), "more than 128 status codes"),
        (format!("[{ts},\"{escapes}\",0,{{}}]"), "not a number"),
        (format!("[{ts},1,0,{{\"{escapes}\":1}}]"), "too long"),
    ] {
        sandbox.remove_database();
        for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &row), &[]) {
            assert_eq!(summary["points"]["rejected"], 1, "{summary}");
            sandbox.assert_stored(288);
            let (count, bytes) = rejects(&sandbox);
            assert!(count == 1 && bytes <= 64 * 1024);
            let why: String = sandbox
                .database()
                .query_row("SELECT reason FROM origin_rejects", [], |row| row.get(0))
                .unwrap();
            assert!(why.contains(reason), "{why}");
        }
    }
}

#[test]
fn four_large_answers_at_a_time_share_the_memory_of_one() {
    let sandbox = Sandbox::with_domains(4);
    let outside = at(DAY.0) + 100 * 86_400;
    let rows = rows(POINTS - 2_000, |rows, at| {
        let _ = write!(rows, "[{},1,0,{{}}]", outside + at);
    });
    sandbox.configure_fetch("domains_per_request = 1\nconcurrency = 4");
    for (summary, _) in answered_twice(&sandbox, answer(&sandbox, &rows), &[]) {
        assert_eq!(
            summary["points"]["inserted"].as_u64().unwrap()
                + summary["points"]["unchanged"].as_u64().unwrap(),
            4 * 288
        );
    }
}

#[test]
fn points_that_the_store_refuses_leave_a_hundred_texts_too() {
    let sandbox = Sandbox::with_domains(1);
    let shifted = |by: i64| {
        let rows = rows(288, |rows, slot| {
            let _ = write!(rows, "[{},8,1,{{\"200\":1}}]", at(DAY.0) + slot * 300 + by);
        });
        format!(
            r#"{{"status":0,"data":[{{"domain":"{}","data":[{rows}]}}]}}"#,
            sandbox.domains[0]
        )
        .into_bytes()
    };
    answered_twice(&sandbox, shifted(7), &[]);
    for (summary, _) in answered_twice(&sandbox, shifted(9), &[]) {
        assert_eq!(summary["points"]["rejected"], 288);
        assert_eq!(rejects(&sandbox).0, 100);
    }
}

#[test]
fn six_hundred_idle_connections_do_not_silence_the_metrics() {
    let sandbox = watched(1);
    let mut watch = Watch::start(&sandbox, &["--metrics", "0"], &[]);
    let line = watch.says("metrics at http://");
    let address = line
        .split_once("http://")
        .unwrap()
        .1
        .trim_end_matches("/metrics")
        .to_owned();
    watch.says("up to date");
    let connect = || TcpStream::connect(&address).unwrap();
    // Some say nothing, some say a little and go on slowly, some say nonsense.
    let idle: Vec<TcpStream> = (0..600)
        .map(|place| {
            let mut stream = connect();
            let said: &[u8] = match place % 3 {
                0 => b"",
                1 => b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: ",
                _ => b"\x16\x03\x01\x00\xff\r\n\r\n\r\n",
            };
            // One that was dropped already cannot be told.
            let _ = stream.write_all(said);
            stream
        })
        .collect();
    for _ in 0..3 {
        let mut fresh = connect();
        // Far above what it takes, and far below the time limits of the idle ones.
        fresh.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
        write!(fresh, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut page = String::new();
        fresh.read_to_string(&mut page).unwrap();
        assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    }
    let mut large = connect();
    large.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let _ =
        large.write_all(format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)).as_bytes());
    let mut refused = String::new();
    let _ = large.read_to_string(&mut refused);
    assert!(!refused.starts_with("HTTP/1.1 200"), "{refused}");
    drop(idle);
}

fn fifo(path: &Path) {
    assert!(
        Command::new("mkfifo")
            .arg("-m")
            .arg("600")
            .arg(path)
            .status()
            .unwrap()
            .success()
    );
}

/// Waits for the end of a process that must not wait for ever.
#[track_caller]
fn within(mut child: Child, limit: Duration) -> Ended {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > limit {
            child.kill().unwrap();
            panic!(
                "it waits for ever: {:?}",
                ended(child.wait_with_output().unwrap())
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    ended(child.wait_with_output().unwrap())
}

#[test]
fn a_key_or_a_configuration_that_never_comes_is_waited_for_half_a_minute() {
    let sandbox = Sandbox::with_domains(1);
    fifo(&sandbox.path("fifo"));
    let key_from = |name: &str, line: &str| {
        let written = std::fs::read_to_string(sandbox.path("jdcdn-stats.toml")).unwrap();
        std::fs::write(sandbox.path(name), format!("{line}\n{written}")).unwrap();
    };
    key_from("file.toml", "secret_key_file = \"fifo\"");
    key_from(
        "command.toml",
        "secret_key_command = [\"sh\", \"-c\", \"sleep 1000\"]",
    );
    key_from("endless.toml", "secret_key_command = [\"yes\"]");
    key_from("device.toml", "secret_key_file = \"/dev/zero\"");
    key_from("directory.toml", "secret_key_file = \".\"");
    std::fs::write(sandbox.path("huge.toml"), "# much\n".repeat(200_000)).unwrap();
    let started: Vec<_> = [
        (
            "file.toml",
            &["secret_key_file: cannot read the key file", "within 30 s"][..],
        ),
        (
            "command.toml",
            &["secret_key_command: cannot take the key", "within 30 s"],
        ),
        (
            "fifo",
            &["cannot read the configuration file `fifo`", "within 30 s"],
        ),
        (
            "endless.toml",
            &["secret_key_command: cannot take the key", "printed more than"],
        ),
        ("device.toml", &["the key file `/dev/zero`"]),
        ("directory.toml", &["cannot read the key file"]),
        ("huge.toml", &["more than 1048576 bytes"]),
        ("/dev/zero", &["more than 1048576 bytes"]),
    ]
    .into_iter()
    .map(|(config, says)| {
        let child = sandbox
            .command(&["backfill", "--from", DAY.0, "--to", DAY.1, "--config", config])
            .env_remove("JDCDN_SECRET_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        (config, says, child)
    })
    .collect();
    for (config, says, child) in started {
        let said = within(child, Duration::from_secs(100)).failed(2);
        for part in says {
            assert!(said.contains(part), "{config}: {said}");
        }
    }
    assert_eq!(sandbox.requests(), 0);
}

#[test]
fn what_is_no_file_is_neither_read_as_a_database_nor_written_over() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    fifo(&sandbox.path("fifo"));
    for args in [
        &["status"][..],
        &["query", "SELECT 1"],
        &["gaps"],
        &["check", "--offline"],
        &["rejects", "list"],
        &["snapshot", "out.db"],
        &["export", "--format", "csv", "out"],
        &["report", "out.html"],
    ] {
        for path in ["fifo", "/dev/zero", "."] {
            println!("{args:?} of {path}");
            let ended = within(
                sandbox.start(&[args, &["--db", path]].concat()),
                Duration::from_mins(1),
            );
            assert_eq!(ended.code, Some(5), "{ended:?}");
            let says = format!("{ended:?}");
            let reasons = ["is not a file", "not a regular file", "is a directory"];
            assert!(reasons.iter().any(|reason| says.contains(reason)), "{says}");
        }
    }
    for args in [
        &["snapshot", "fifo"][..],
        &["export", "--format", "csv", "fifo"],
        &["report", "fifo"],
    ] {
        println!("{args:?}");
        let ended = within(sandbox.start(args), Duration::from_mins(1));
        assert!(
            ended.code != Some(0) && ended.stderr.contains("fifo"),
            "{ended:?}"
        );
        assert!(
            std::fs::metadata(sandbox.path("fifo"))
                .unwrap()
                .file_type()
                .is_fifo()
        );
    }
}

#[test]
fn a_run_with_too_few_descriptors_says_so_and_asks_for_nothing() {
    let mut refused = 0;
    for limit in [8, 12, 16, 20, 24, 28, 32, 64] {
        let sandbox = Sandbox::with_domains(40);
        sandbox.configure_fetch("concurrency = 4\ndomains_per_request = 5");
        let limited = ["sh", "-c", "ulimit -n $0; exec \"$@\"", &limit.to_string()];
        let args = ["backfill", "--from", DAY.0, "--to", DAY.1];
        let run = ended(sandbox.command_under(&limited, &args).output().unwrap());
        if run.code == Some(0) {
            sandbox.assert_holds_all(DAY);
            continue;
        }
        refused += 1;
        let said = run.failed(1);
        assert!(
            said.contains("ulimit -n") && said.contains(&format!("may have {limit} files open")),
            "{said}"
        );
        assert!(limit < 32 && sandbox.requests() == 0, "{limit}");
    }
    assert!(refused > 0);
    // What may be raised is raised.
    let sandbox = Sandbox::with_domains(4);
    let limited = ["sh", "-c", "ulimit -Sn 16; exec \"$@\"", "sh"];
    let args = ["backfill", "--from", DAY.0, "--to", DAY.1];
    ended(sandbox.command_under(&limited, &args).output().unwrap()).with(0);
}

#[test]
fn a_run_in_little_address_space_ends_with_all_or_with_an_error() {
    for kib in [64 * 1024, 128 * 1024, 256 * 1024, 1024 * 1024] {
        let sandbox = Sandbox::with_domains(4);
        let limited = ["sh", "-c", "ulimit -v $0; exec \"$@\"", &kib.to_string()];
        let mut command = sandbox.command_under(&limited, &["backfill", "--from", DAY.0, "--to", DAY.1]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(child) = command.spawn() else {
            skipped("a run in little address space", "it cannot be started");
            continue;
        };
        let run = within(child, Duration::from_mins(2));
        println!("{kib} KiB: {:?} {}", run.code, run.stderr);
        if run.code == Some(0) {
            sandbox.assert_holds_all(DAY);
        }
    }
}
