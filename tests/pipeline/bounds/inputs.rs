//! Files, keys and connections that never end, and a process with few descriptors or little memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::DAY;
use crate::sandbox::{Ended, Sandbox, ended, skipped};
use crate::watch::{Watch, sandbox as watched};

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
            // A dropped connection looks the same.
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
