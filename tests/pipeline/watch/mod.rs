//! What `watch` does as a process: its runs, its log, and its signals.

mod refusals;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{Fault, Rule, Settings};

use crate::oracle::{assert_equals_truth, assert_sound};
use crate::sandbox::{NOW, Sandbox, at, domains};

pub(crate) const START: &str = "2026-06-13 00:00";
/// The end of the newest slot that is available at [`NOW`].
pub(crate) const HORIZON: &str = "2026-06-15 11:55";
pub(crate) const EVERY_SECOND: &str = "start = \"2026-06-13\"\n[watch]\nevery = \"1s\"\n";
/// Longer than anything here takes; only a test that fails waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A `watch` in the background.
pub(crate) struct Watch {
    child: Child,
    lines: Receiver<String>,
    log: Vec<String>,
}

impl Watch {
    pub(crate) fn start(sandbox: &Sandbox, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = sandbox
            .command(&[&["watch"], args].concat())
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines() {
                let _ = send.send(line.unwrap());
            }
        });
        Self {
            child,
            lines,
            log: Vec::new(),
        }
    }

    /// Reads the log up to the next line that holds `text`, and returns that line.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("`{text}` was not said: {:#?}", self.log);
            };
            self.log.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// It ends with `code`; returns all that it logged.
    #[track_caller]
    pub(crate) fn ends(mut self, code: i32) -> Vec<String> {
        let status = self.child.wait().unwrap();
        self.log.extend(self.lines.iter());
        assert_eq!(status.code(), Some(code), "{:#?}", self.log);
        std::mem::take(&mut self.log)
    }

    /// SIGTERM ends it with 143 in less than 5 seconds; returns all that it logged.
    #[track_caller]
    pub(crate) fn stops(self) -> Vec<String> {
        let asked = Instant::now();
        self.signal("TERM");
        let log = self.ends(143);
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        log
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An account of `count` domains, and a configuration for a run every second.
pub(crate) fn sandbox(count: usize) -> Sandbox {
    let sandbox = Sandbox::with_domains(count);
    sandbox.configure("jcloud_00", EVERY_SECOND);
    sandbox
}

#[track_caller]
fn assert_complete(sandbox: &Sandbox) {
    assert_equals_truth(
        &sandbox.database(),
        sandbox.simulator.truth(),
        &sandbox.domains,
        (at(START), at(HORIZON)),
        at(NOW),
    );
}

#[test]
fn the_first_run_catches_up_and_runs_with_nothing_due_are_not_worth_a_line() {
    let sandbox = sandbox(3);
    let mut watch = Watch::start(&sandbox, &[], &[]);
    let line = watch.says("up to date");
    let points = 3 * (at(HORIZON) - at(START)) / 300;
    assert!(line.contains(&format!("new={points} ")), "{line}");
    assert_complete(&sandbox);
    let runs = || -> i64 {
        let count = "SELECT count(*) FROM origin_runs WHERE command = 'watch' AND outcome = 'complete'";
        let database = sandbox.database();
        database.query_row(count, [], |row| row.get(0)).unwrap()
    };
    let began = Instant::now();
    while runs() < 3 {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    // Between runs the database is anybody's; a run that has just begun may hold it.
    let began = Instant::now();
    loop {
        let ended = sandbox.backfill(START, HORIZON, &[]);
        if ended.code != Some(75) {
            ended.with(0);
            break;
        }
        assert!(began.elapsed() < PATIENCE);
    }
    let log = watch.stops();
    // The clock's announcement, the beginning, the new database, the run, the end.
    assert_eq!(log.len(), 5, "{log:#?}");
}

#[test]
fn an_outage_is_told_once_and_leaves_no_hole() {
    let sandbox = sandbox(2);
    sandbox.simulator.rule(Rule::always(Fault::http(502)));
    let mut watch = Watch::start(&sandbox, &[], &[]);
    watch.says("WARN not all that was due is stored");
    let cause = watch.says("not stored: ");
    assert!(cause.contains("HTTP status 502"), "{cause}");
    let again = watch.says("still incomplete");
    assert!(again.contains(" next="), "{again}");
    watch.says("still incomplete");
    sandbox.simulator.clear_faults();
    let over = watch.says("up to date again, after ");
    assert!(over.contains("new="), "{over}");
    let log = watch.stops();
    let told = log.iter().filter(|line| line.contains("HTTP status 502")).count();
    assert_eq!(told, 1, "{log:#?}");
    assert_complete(&sandbox);
}

#[test]
fn a_hangup_reads_the_configuration_again_and_a_wrong_one_changes_nothing() {
    let mut sandbox = Sandbox::new(Settings {
        domains: domains(2),
        ..Settings::default()
    });
    let added = sandbox.domains.pop().unwrap();
    sandbox.configure("jcloud_00", EVERY_SECOND);
    let mut watch = Watch::start(&sandbox, &[], &[]);
    watch.says("up to date");
    assert_complete(&sandbox);

    sandbox.configure("jcloud_00", "start = \"someday\"\n");
    watch.signal("HUP");
    let refused = watch.says("the old one stays in force");
    assert!(refused.contains("`someday`"), "{refused}");

    sandbox.domains.push(added);
    sandbox.configure("jcloud_00", EVERY_SECOND);
    watch.signal("HUP");
    watch.says("the configuration was read again domains=2");
    watch.says("up to date");
    assert_complete(&sandbox);
    watch.signal("INT");
    watch.ends(130);
}

#[test]
fn a_termination_in_the_middle_of_a_run_is_obeyed_within_five_seconds() {
    let sandbox = sandbox(2);
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let watch = Watch::start(&sandbox, &[], &[]);
    let began = Instant::now();
    while sandbox.requests() == 0 {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let log = watch.stops().join("\n");
    assert!(log.contains("stopped by a signal"), "{log}");
    assert_sound(&sandbox.database());
    let outcome: String = sandbox
        .database()
        .query_row("SELECT outcome FROM origin_runs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(outcome, "stopped");
}

#[test]
fn what_another_run_would_not_mend_ends_it() {
    let sandbox = sandbox(1);
    sandbox.configure("jcloud_00", "");
    let log = Watch::start(&sandbox, &[], &[]).ends(2).join("\n");
    assert!(log.contains("error: there is no start"), "{log}");
    sandbox.configure("jcloud_00", EVERY_SECOND);
    let key = [("JDCDN_SECRET_KEY", "0123456789abcdef0123456789abcdef")];
    let log = Watch::start(&sandbox, &[], &key).ends(4).join("\n");
    assert!(
        log.contains("error: ") && log.contains("help: check the secret key"),
        "{log}"
    );
    assert!(!log.contains(key[0].1), "{log}");
    std::fs::write(sandbox.path("other.db"), "no database").unwrap();
    let log = Watch::start(&sandbox, &["--db", "other.db"], &[])
        .ends(5)
        .join("\n");
    assert!(log.contains("`other.db`"), "{log}");
    let taken = sandbox.simulator.address().to_string();
    let log = Watch::start(&sandbox, &["--metrics", &taken], &[])
        .ends(2)
        .join("\n");
    assert!(log.contains(&taken), "{log}");
}

#[test]
fn a_hangup_with_another_user_name_begins_anew_with_the_account() {
    let sandbox = sandbox(1);
    let mut watch = Watch::start(&sandbox, &[], &[]);
    watch.says("up to date");
    // An earlier start, so that something is due.
    let earlier = EVERY_SECOND.replace("2026-06-13", "2026-06-12");
    sandbox.configure("somebody", &earlier);
    watch.signal("HUP");
    watch.says("the configuration was read again");
    let log = watch.ends(4).join("\n");
    assert!(
        log.contains("error: the API does not know the user name"),
        "{log}"
    );
}

#[test]
fn a_database_that_another_run_holds_is_left_to_it_and_tried_again() {
    let sandbox = sandbox(1);
    sandbox.simulator.rule(Rule::always(Fault::Hang));
    let mut first = Watch::start(&sandbox, &["--timeout", "3s"], &[]);
    let began = Instant::now();
    while sandbox.requests() == 0 {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut second = Watch::start(&sandbox, &["-v"], &[]);
    let line = second.says("INFO put off: ");
    let holder = format!("it is in use by `watch` (process {})", first.child.id());
    assert!(line.contains(&holder), "{line}");
    sandbox.simulator.clear_faults();
    first.says("up to date");
    second.says("nothing was due");
    let log = second.stops();
    let told = log.iter().filter(|line| line.contains("INFO put off: ")).count();
    assert!(told >= 1, "{log:#?}");
    first.stops();
    assert_complete(&sandbox);
}
