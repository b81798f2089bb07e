//! The questions of `init`, at a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use jdcdn_stats::simulator::{Fault, ListingFault, Rule};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::{DAYS, Home};
use crate::sandbox::skipped;

/// How long a question may take to come. Nothing depends on it but how long a failed test takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// A program that runs at a terminal.
struct Session {
    child: Child,
    master: File,
    pieces: Receiver<Vec<u8>>,
    /// Everything that the terminal showed.
    shown: String,
    /// How much of it the test has seen.
    seen: usize,
}

impl Session {
    /// Starts `init` with `options` at a new terminal; `None` where that is not possible.
    fn begin(home: &Home, options: &[&str]) -> Option<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        // `setsid` gives the program the terminal as its own, so that Ctrl-C becomes a signal.
        let program = home.command(&[]);
        let mut wrapped = std::process::Command::new("setsid");
        wrapped
            .args(["--ctty", "--wait"])
            .arg(program.get_program())
            .args([
                "init",
                "--start",
                DAYS.0,
                "--endpoint",
                &home.sandbox.simulator.endpoint(),
            ])
            .args(options)
            .current_dir(home.path(""))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()));
        for (name, value) in program.get_envs() {
            if let Some(value) = value {
                wrapped.env(name, value);
            }
        }
        let child = wrapped.spawn().ok()?;
        let master = File::from(master);
        let mut reader = master.try_clone().unwrap();
        let (send, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The terminal of a program that has ended gives an error.
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                let _ = send.send(chunk[..count].to_vec());
            }
        });
        Some(Self {
            child,
            master,
            pieces,
            shown: String::new(),
            seen: 0,
        })
    }

    /// Waits for `question`, and types `answer`. Returns whether the terminal shows what is typed.
    #[track_caller]
    fn answer(&mut self, question: &str, answer: &str) -> bool {
        loop {
            if let Some(at) = self.shown[self.seen..].find(question) {
                self.seen += at + question.len();
                break;
            }
            let piece = self.pieces.recv_timeout(PATIENCE);
            let piece = piece.unwrap_or_else(|_| panic!("`{question}` did not come: {}", self.shown));
            self.shown += &String::from_utf8(piece).unwrap();
        }
        let is_shown = self.shows();
        self.master.write_all(answer.as_bytes()).unwrap();
        is_shown
    }

    /// Whether the terminal shows what is typed.
    fn shows(&self) -> bool {
        tcgetattr(&self.master)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO)
    }

    /// Waits for the end. Returns the exit code and everything that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        while let Ok(piece) = self.pieces.recv() {
            self.shown += &String::from_utf8(piece).unwrap();
        }
        (code, self.shown)
    }
}

const USERNAME: &str = "User name (pin) of the JD account:";
const KEY: &str = "Secret key (not shown;";
const WHICH: &str = "Which ones?";
const NEW: &str = "New domains:";
const NAMES: &str = "Domains, such as";

macro_rules! begin {
    ($home:expr, $options:expr) => {
        match Session::begin($home, $options) {
            Some(session) => session,
            None => return skipped("the questions of `init`", "setsid is missing"),
        }
    };
}

#[test]
fn a_person_is_asked_for_what_is_missing_and_the_key_is_not_shown() {
    let home = Home::new(3);
    let key = home.sandbox.key().to_owned();
    let mut session = begin!(&home, &[]);
    assert!(session.answer(USERNAME, "jcloud_00\n"));
    assert!(!session.answer(KEY, "not the key of it\n"));
    // It cannot be a key, so it is asked for again without a request.
    assert!(!session.answer(KEY, "0123456789abcdef\n"));
    // The API refuses it.
    assert!(session.answer(USERNAME, "jcloud_00\n"));
    assert!(!session.answer(KEY, &format!("{key}\n")));
    assert!(session.answer(WHICH, "9\n"));
    assert!(session.answer(WHICH, "1, 3\n"));
    assert!(session.answer(NEW, "perhaps\n"));
    assert!(session.answer(NEW, "warn\n"));
    let (code, shown) = session.end();
    assert_eq!(code, Some(0), "{shown}");
    for says in [
        "holds more than a secret key: a blank",
        "by ticket; the secret of an AccessKey does not work",
        "`9` is not a number from 1 to 3",
        "left out: d001.example.com (running)",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    for typed in [&*key, "0123456789abcdef", "not the key"] {
        assert!(!shown.contains(typed), "{shown}");
    }
    assert_eq!(home.files(), ["jdcdn-stats.toml", "secret.key"]);
    home.assert_written("jdcdn-stats.toml", "secret.key");
    let config = std::fs::read_to_string(home.path("jdcdn-stats.toml")).unwrap();
    assert!(config.contains("\ndiscover = \"warn\"\n"), "{config}");
    home.run(&["sync"]).with(0);
    let stored: Vec<String> = rusqlite::Connection::open(home.path("jdcdn-stats.db"))
        .unwrap()
        .prepare("SELECT DISTINCT domain FROM origin_stats ORDER BY 1")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(stored, ["d000.example.com", "d002.example.com"]);
}

#[test]
fn a_person_who_wants_all_domains_is_asked_where_the_list_is_inconsistent() {
    let home = Home::new(3);
    let missing = Rule::always(ListingFault::Total(1)).for_listings();
    home.sandbox.simulator.rule(missing);
    let mut session = begin!(
        &home,
        &[
            "--username",
            "jcloud_00",
            "--all-domains",
            "-d",
            "live.example.com"
        ]
    );
    session.answer(KEY, &format!("{}\n", home.sandbox.key()));
    session.answer(
        "The list may be incomplete: the API says that there are 4 domains",
        "",
    );
    session.answer(WHICH, "1, 2\n");
    session.answer(NEW, "\n");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0), "{shown}");
    let config = std::fs::read_to_string(home.path("jdcdn-stats.toml")).unwrap();
    assert!(
        config.contains("d001.example.com")
            && config.contains("live.example.com")
            && !config.contains("d002"),
        "{config}"
    );
}

#[test]
fn domains_are_typed_where_the_api_does_not_list_them() {
    let home = Home::new(1);
    let key = home.sandbox.key().to_owned();
    home.sandbox.simulator.rule(Rule::times(1, Fault::http(404)));
    let mut session = begin!(&home, &["--username", "jcloud_00"]);
    session.answer(KEY, &format!("{key}\n"));
    session.answer(NAMES, "www.foreign.com\n");
    session.answer("does not belong to the account", "");
    session.answer(NAMES, "d000.example.com\n");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("The API does not list the domains of this account"),
        "{shown}"
    );
    home.assert_written("jdcdn-stats.toml", "secret.key");
}

#[test]
fn ctrl_c_at_a_question_leaves_nothing_and_the_terminal_as_it_was() {
    for at_key in [false, true] {
        let home = Home::new(1);
        let mut session = begin!(&home, &[]);
        if at_key {
            session.answer(USERNAME, "jcloud_00\n");
            assert!(!session.answer(KEY, "abc\u{3}"));
        } else {
            session.answer(USERNAME, "\u{3}");
        }
        let code = session.child.wait().unwrap().code();
        assert!(session.shows(), "what is typed stays hidden");
        let (_, shown) = session.end();
        assert_eq!(code, Some(130), "{shown}");
        assert!(home.files().is_empty(), "{:?}", home.files());
        assert_eq!(home.sandbox.requests(), 0);
    }
}

#[test]
fn an_input_that_ends_leaves_nothing() {
    let home = Home::new(1);
    let mut session = begin!(&home, &[]);
    session.answer(USERNAME, "\u{4}");
    let (code, shown) = session.end();
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("the input ended"), "{shown}");
    assert!(home.files().is_empty());
}
