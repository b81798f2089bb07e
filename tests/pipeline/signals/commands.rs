//! A signal while a command waits or reads.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{Fault, Rule};

use super::{LIMIT, RUN, sandbox, stop};
use crate::sandbox::{signal, skipped, wait_until};

#[test]
fn commands_that_only_read_end_at_once_wherever_they_are() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.run(&RUN).with(0);
    let endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let flood = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        for args in [
            &["query", endless][..],
            &["query", "--format", "csv", flood],
            &["query", "-"],
        ] {
            let mut command = sandbox.command(args);
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let stdin = child.stdin.take();
            wait_until("it runs", || has_handlers(child.id()));
            signal(&child, name);
            let signalled = Instant::now();
            let status = child.wait().unwrap();
            assert!(signalled.elapsed() < LIMIT, "{args:?}");
            assert_eq!(status.code(), Some(code), "{args:?}");
            drop(stdin);
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            assert!(
                stderr.contains(&format!("error: stopped by SIG{name}")),
                "{stderr}"
            );
        }
    }
}

/// Whether the process has handlers for SIGINT and SIGTERM, which come before everything else.
pub(super) fn has_handlers(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << 1 | 1 << 14) == (1 << 1 | 1 << 14))
}

#[test]
fn check_and_simulate_end_at_once_too() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let child = sandbox.start(&["check"]);
    wait_until("check waits for its answer", || sandbox.requests() > 0);
    assert_eq!(stop(child, "TERM", "check").code, Some(143));

    let mut child = sandbox.start(&["simulate"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C") {
        assert!(stdout.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!(stop(child, "INT", "simulate").code, Some(130));
}

#[test]
fn watch_ends_while_it_waits_for_the_lock_and_between_runs() {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
    let mut child = sandbox.start(&["watch"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("up to date") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!(stop(child, "TERM", "watch between runs").code, Some(143));
}

/// The first process of a container has no default action for signals.
#[test]
fn as_the_first_process_of_a_container_every_command_heeds_signals() {
    const UNSHARE: [&str; 6] = ["unshare", "-r", "-f", "-p", "--kill-child", "--mount-proc"];
    let may = Command::new(UNSHARE[0]).args(&UNSHARE[1..]).arg("true").output();
    if !may.is_ok_and(|tried| tried.status.success()) {
        skipped(
            "signals to the first process of a container",
            "`unshare` may not be used here",
        );
        return;
    }
    let sandbox = sandbox(Duration::ZERO);
    sandbox.run(&RUN).with(0);
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    for args in [
        &["query", endless][..],
        &["query", "-"],
        &["simulate"],
        &["watch"],
        &["check"],
        &["sync"],
    ] {
        let mut command = sandbox.command_under(&UNSHARE, args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // `wait` would close the pipe, and the end of its input would end `query -` first.
        let input = child.stdin.take();
        let inner = || {
            let children = format!("/proc/{0}/task/{0}/children", child.id());
            let children = std::fs::read_to_string(children).unwrap_or_default();
            let first = children.split_whitespace().next()?.parse::<u32>().ok()?;
            has_handlers(first).then_some(first)
        };
        wait_until("it is the first process", || inner().is_some());
        let kill = ["-s", "TERM", &inner().unwrap().to_string()];
        assert!(Command::new("kill").args(kill).status().unwrap().success());
        let signalled = Instant::now();
        let status = child.wait().unwrap();
        drop(input);
        assert!(signalled.elapsed() < LIMIT, "{args:?}");
        assert_eq!((status.code(), status.signal()), (Some(143), None), "{args:?}");
    }
}

#[test]
fn a_signal_kills_a_key_command_with_what_it_has_started() {
    let sandbox = sandbox(Duration::ZERO);
    let script = "sleep 1000 & echo $! > key.pid; wait";
    let key = format!("secret_key_command = [\"sh\", \"-c\", \"{script}\"]\nstart = \"2026-06-13\"");
    sandbox.configure("jcloud_00", &key);
    for args in [&["sync"][..], &["watch"], &["check"]] {
        let pid_file = sandbox.path("key.pid");
        let _ = std::fs::remove_file(&pid_file);
        let mut command = sandbox.command(args);
        command
            .env_remove("JDCDN_SECRET_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let pid = || {
            std::fs::read_to_string(&pid_file)
                .ok()
                .filter(|pid| pid.ends_with('\n'))
        };
        wait_until("the key command waits", || pid().is_some());
        let ended = stop(child, "TERM", &args.join(" "));
        assert_eq!(ended.code, Some(143), "{args:?}: {}", ended.stderr);
        let stat = format!("/proc/{}/stat", pid().unwrap().trim());
        wait_until("what it started is gone", || {
            std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z"))
        });
    }
}

/// The bytes that are in the pipe before: of 64 KiB, so that some lines of a run still fit.
const FILLED: u64 = 60 * 1024;

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_the_end() {
    let sandbox = sandbox(Duration::from_millis(20));
    sandbox.configure("jcloud_00", "start = \"2026-06-13\"");
    // Every failure is a line.
    sandbox.simulator.rule(Rule::always(Fault::http(500)));
    for args in [
        &[&RUN[..], &["-vvv"]].concat()[..],
        &["sync", "--window", "1h", "-vvv"],
        &["watch", "--window", "1h", "-vvv"],
    ] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer
            .write_all(&vec![b'.'; usize::try_from(FILLED).unwrap()])
            .unwrap();
        let mut command = sandbox.command(args);
        let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        let mut filled = 0;
        wait_until("no further line fits", || {
            std::thread::sleep(Duration::from_millis(300));
            let before = std::mem::replace(&mut filled, rustix::io::ioctl_fionread(&reader).unwrap());
            println!("{filled} bytes");
            filled > FILLED && filled == before
        });
        signal(&child, "TERM");
        let signalled = Instant::now();
        let status = child.wait().unwrap();
        let took = signalled.elapsed();
        assert!(took < LIMIT, "{args:?}: {took:?}");
        assert_eq!(status.code(), Some(143), "{args:?}");
    }
}
