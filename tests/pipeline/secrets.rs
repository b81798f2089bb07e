//! The key and the signature, in every spelling that a server may echo and in every place where a key may be given by
//! mistake: they are shown nowhere and stand in no file.

use std::path::Path;
use std::process::Child;

use jdcdn_stats::simulator::{Fault, FaultScript, Settings};
use md5::{Digest as _, Md5};

use crate::sandbox::{Ended, Sandbox, domains, ended};
use crate::watch::Watch;

/// A key that stands nowhere else, in both cases.
const KEY: &str = "Sentinel7Kq2WzR4tYb8NcXv5MhGj3Lp";
const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");

/// Every output at its most talkative.
const VOICES: [&[&str]; 2] = [&["-vvv"], &["-vvv", "--log-format", "json", "--format", "json"]];

fn sandbox() -> Sandbox {
    Sandbox::new(Settings {
        domains: domains(1),
        secret_key: KEY.into(),
        ..Settings::default()
    })
}

/// The key, and the signatures of the tests' date and the days beside it.
fn secrets() -> Vec<String> {
    let sign = |date: &str| -> String {
        let digest = Md5::digest(format!("{date}jcloud_00{KEY}"));
        digest
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    let mut secrets = ["20260614", "20260615", "20260616"].map(sign).to_vec();
    secrets.push(KEY.to_owned());
    secrets
}

fn each(secret: &str, spell: impl Fn(char) -> String) -> String {
    secret.chars().map(spell).collect()
}

fn code(char: char) -> u32 {
    u32::from(char)
}

/// What a server may make of a secret, each as it can stand in a JSON string.
type Spelling = fn(&str) -> String;

const SPELLINGS: [(&str, Spelling); 20] = [
    ("plain", str::to_owned),
    ("capitals", |secret| secret.to_uppercase()),
    ("small letters", |secret| secret.to_lowercase()),
    ("every second letter in the other case", |secret| {
        let swapped = |(at, char): (usize, char)| match at % 2 {
            0 if char.is_uppercase() => char.to_ascii_lowercase(),
            0 => char.to_ascii_uppercase(),
            _ => char,
        };
        secret.chars().enumerate().map(swapped).collect()
    }),
    ("JSON escapes", |secret| {
        each(secret, |char| format!("\\u{:04x}", code(char)))
    }),
    ("JSON escapes in capitals", |secret| {
        each(&secret.to_uppercase(), |char| format!("\\u{:04X}", code(char)))
    }),
    ("some JSON escapes", |secret| {
        each(secret, |char| {
            if char.is_ascii_digit() {
                format!("\\u{:04X}", code(char))
            } else {
                char.to_string()
            }
        })
    }),
    ("JSON in JSON", |secret| {
        each(secret, |char| format!("\\\\u{:04x}", code(char)))
    }),
    ("percent", |secret| {
        each(secret, |char| format!("%{:02X}", code(char)))
    }),
    ("percent twice", |secret| {
        each(secret, |char| format!("%25{:02x}", code(char)))
    }),
    ("entities", |secret| {
        each(secret, |char| format!("&#x{:x};", code(char)))
    }),
    ("decimal entities", |secret| {
        each(secret, |char| format!("&#{};", code(char)))
    }),
    ("byte order marks", |secret| {
        each(secret, |char| format!("{char}\u{feff}"))
    }),
    ("zero-width spaces", |secret| {
        each(secret, |char| format!("{char}\u{200b}"))
    }),
    ("blanks", |secret| each(secret, |char| format!("{char} "))),
    ("escaped line ends", |secret| {
        each(secret, |char| format!("{char}\\r\\n"))
    }),
    ("dots", |secret| {
        each(secret, |char| format!("{char}."))
            .trim_end_matches('.')
            .to_owned()
    }),
    ("fullwidth", |secret| {
        each(secret, |char| {
            char::from_u32(code(char) + 0xfee0).unwrap().to_string()
        })
    }),
    ("hexadecimal digits", |secret| {
        each(secret, |char| format!("{:02x}", code(char)))
    }),
    ("behind the beginning of an escape", |secret| {
        format!("%{secret}&#x{secret}")
    }),
];

/// The answers that carry `echo` in every place where a program might take it from.
fn echoes(echo: &str) -> Vec<Fault> {
    let verbatim = |http_status, headers: Vec<(&str, String)>, body: &str| Fault::Verbatim {
        http_status,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        body: body.replace("ECHO", echo).into_bytes(),
    };
    let located = |location: &str| vec![("Location", location.replace("ECHO", echo))];
    let json = |text: &str| Fault::Json(text.replace("ECHO", echo));
    let entry = r#"{"status":0,"data":[{"domain":"d000.example.com","data":"#;
    vec![
        json(r#"{"status":99,"msg":"signature incorrect: ECHO","data":[]}"#),
        json(r#"{"status":15,"msg":"ECHO"}"#),
        json(r#"{"status":"ECHO","data":[]}"#),
        json(r#"{"status":ECHO}"#),
        json(r#"{"status":0,"data":[],"ECHO":1"#),
        json(r#"{"status":0,"data":[{"domain":"ECHO","data":[]}]}"#),
        json(&format!(r#"{entry}["ECHO"]}}]}}"#)),
        json(&format!(r#"{entry}[[1780272300,1,1,{{"ECHO":1}}]]}}]}}"#)),
        json(&format!(
            r#"{entry}[["ECHO",1,1,{{"200":1}}],[1780272300,"ECHO",1,{{"200":1}}]]}}]}}"#
        )),
        json(&format!(r#"{entry}[{{"ECHO":1}}]}}]}}"#)),
        verbatim(200, vec![("X-Echo", echo.replace(['\r', '\n'], ""))], "ECHO"),
        verbatim(400, vec![], "<html>your request: {\"signature\":\"ECHO\"}"),
        verbatim(500, vec![], "\u{feff}ECHO"),
        verbatim(403, vec![], "ECHO"),
        verbatim(302, located("https://ECHO/"), ""),
        verbatim(
            307,
            located("https://x.ECHO.evil.example/ECHO?signature=ECHO"),
            "",
        ),
        verbatim(302, located("/ECHO"), ""),
    ]
}

/// Which of `needles` stand, in any case, in what the program said or in a file below `directory`.
fn leaks(needles: &[String], said: &[&str], directory: &Path) -> Vec<String> {
    let needles: Vec<String> = needles.iter().map(|needle| needle.to_lowercase()).collect();
    let mut found = Vec::new();
    let mut look = |place: &str, bytes: &[u8]| {
        let text = bytes.to_ascii_lowercase();
        for needle in &needles {
            if memchr::memmem::find(&text, needle.as_bytes()).is_some() {
                found.push(format!("{needle} in {place}"));
            }
        }
    };
    for text in said {
        look("the output", text.to_lowercase().as_bytes());
    }
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                look(&path.to_string_lossy(), &bytes);
            }
        }
    }
    found
}

/// What must not be found: the secrets, and the secrets as they were sent.
fn needles(spell: Spelling) -> Vec<String> {
    let mut needles = secrets();
    needles.extend(secrets().iter().map(|secret| spell(secret)));
    needles
}

fn command_line(child: &Child) -> String {
    String::from_utf8_lossy(&std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap()).into_owned()
}

#[test]
fn no_spelling_of_key_or_signature_reaches_an_output_or_a_file() {
    for (at, (name, spell)) in SPELLINGS.into_iter().enumerate() {
        println!("{name}");
        let sandbox = sandbox();
        let needles = needles(spell);
        let signature = secrets()[1].clone();
        for fault in echoes(&format!("{}.{}", spell(KEY), spell(&signature))) {
            sandbox.simulator.clear_faults();
            sandbox.simulator.script(FaultScript::new().then_times(40, fault));
            let voice = [VOICES[at % 2], &["--force"]].concat();
            let child = sandbox.start(&[&["backfill", "--from", DAY.0, "--to", DAY.1], &*voice].concat());
            let line = command_line(&child);
            let ended = ended(child.wait_with_output().unwrap());
            let said = [&*ended.stdout, &*ended.stderr, &*line];
            let found = leaks(&needles, &said, &sandbox.path(""));
            assert_eq!(found, Vec::<String>::new(), "{ended:?}");
        }
        assert_nothing_derived_leaks(&sandbox, &needles);
    }
}

/// Everything that shows or copies the database.
fn assert_nothing_derived_leaks(sandbox: &Sandbox, needles: &[String]) {
    let mut said = String::new();
    for args in [
        &["status", "--format", "json"][..],
        &["gaps"],
        &["rejects", "list"],
        &["check", "--format", "json"],
        &["query", "SELECT * FROM origin_runs", "--format", "json"],
        &["query", "SELECT * FROM origin_rejects", "--format", "csv"],
        &[
            "query",
            "SELECT * FROM origin_status_codes",
            "--format",
            "markdown",
        ],
        &["snapshot", "copy.db"],
        &["export", "--format", "csv", "csv"],
        &["report", "report.html"],
    ] {
        let ended = sandbox.run(&[args, &["-vvv"]].concat());
        said += &(ended.stdout + &ended.stderr);
    }
    assert_eq!(
        leaks(needles, &[&said], &sandbox.path("")),
        Vec::<String>::new(),
        "{said}"
    );
    let rejects: i64 = sandbox
        .database()
        .query_row(
            "SELECT count(*) FROM origin_rejects WHERE raw LIKE '%********%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert!(rejects > 0, "no reject kept a text with an echo in it");
}

#[test]
fn watch_and_its_metrics_show_no_secret() {
    let sandbox = sandbox();
    sandbox.configure("jcloud_00", crate::watch::EVERY_SECOND);
    let echo = KEY.to_uppercase();
    sandbox
        .simulator
        .script(FaultScript::new().then(Fault::Json(format!(r#"{{"status":99,"msg":"{echo}"}}"#))));
    let mut watch = Watch::start(&sandbox, &["--metrics", "0", "-vvv"], &[]);
    let address = crate::monitoring::metrics_of(&mut watch);
    watch.says("up to date");
    let (_, page) = crate::monitoring::get(&address, "/metrics");
    let said = watch.stops().join("\n");
    assert!(said.contains("********"), "the echo was never told: {said}");
    assert_eq!(
        leaks(&secrets(), &[&said, &page], &sandbox.path("")),
        Vec::<String>::new()
    );
}

#[test]
fn the_scan_finds_what_is_planted() {
    let sandbox = sandbox();
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    let found = |said: &str| leaks(&secrets(), &[said], &sandbox.path(""));
    assert_eq!(found("all is well"), Vec::<String>::new());
    for secret in secrets() {
        assert_eq!(found(&format!("x{}x", secret.to_uppercase())).len(), 1);
        let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
        database
            .execute("UPDATE run SET message = ?1", [&secret])
            .unwrap();
        assert!(!found("").is_empty(), "in the write-ahead log");
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        assert!(!found("").is_empty(), "in the database");
        database.execute("UPDATE run SET message = NULL", []).unwrap();
        database
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        assert_eq!(found(""), Vec::<String>::new());
        std::fs::create_dir_all(sandbox.path("deep/deeper")).unwrap();
        std::fs::write(sandbox.path("deep/deeper/planted"), secret.to_lowercase()).unwrap();
        assert_eq!(found("").len(), 1);
        std::fs::remove_file(sandbox.path("deep/deeper/planted")).unwrap();
    }
}

/// Runs `args` with these lines in front of the configuration and these variables; `None` takes one away.
fn misplaced(sandbox: &Sandbox, lines: &str, variables: &[(&str, Option<&str>)], args: &[&str]) -> Ended {
    let domains = "domains = ['d000.example.com']";
    let endpoint = format!("endpoint = {:?}", sandbox.simulator.endpoint());
    let mut content = format!("{lines}\n");
    for line in ["username = 'jcloud_00'", domains, &endpoint] {
        let name = line.split(' ').next().unwrap();
        if !lines.contains(name) {
            content = content + line + "\n";
        }
    }
    std::fs::write(sandbox.path("jdcdn-stats.toml"), content).unwrap();
    let mut command = sandbox.command(args);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    ended(command.output().unwrap())
}

#[test]
fn a_key_that_is_given_in_the_wrong_place_is_not_shown() {
    let line = |text: &str| text.replace("KEY", KEY);
    let files = [
        "secret_key_file = 'KEY'",
        "secret_key_file = 'keys/KEY'",
        "secret_key_command = ['KEY']",
        "secret_key_command = ['sh', '-c', 'echo KEY >&2; echo KEY KEY; exit 3']",
        "secret_key_command = ['echo', 'KEY KEY']",
        "endpoint = 'KEY'",
        "username = 'KEY'",
        "domains = ['KEY']",
        "database = 'KEY'",
        "start = 'KEY'",
        "secret_key = 'KEY'",
        "KEY = 1",
        "fetch = 'KEY'",
        "username = 'KEY",
    ];
    let variables = [
        "JDCDN_SECRET_KEY_FILE",
        "JDCDN_ENDPOINT",
        "JDCDN_USERNAME",
        "JDCDN_DB",
        "JDCDN_CONFIG",
    ];
    let backfill = ["backfill", "--from", DAY.0, "--to", DAY.1, "-vvv"];
    let commands = [
        &backfill[..],
        &["check", "--offline"],
        &["check", "--offline", "--format", "json"],
        &["status"],
    ];
    let flags = [
        &["--db", KEY][..],
        &["--config", KEY],
        &["-d", KEY],
        &["--endpoint", KEY],
        &["--window", KEY],
        &["--format", KEY],
        &["--rate", KEY],
        &["--domains-per-request", KEY],
        &["--secret-key", KEY],
        &[KEY],
    ];
    let nothing = tempfile::tempdir().unwrap();
    // The key is known to the process, or it is not.
    for known in [Some(KEY), None] {
        let mut runs: Vec<Ended> = Vec::new();
        let sandbox = sandbox();
        let key = ("JDCDN_SECRET_KEY", known);
        for args in commands {
            for text in files {
                runs.push(misplaced(&sandbox, &line(text), &[key], args));
            }
            for name in variables {
                runs.push(misplaced(&sandbox, "", &[key, (name, Some(KEY))], args));
            }
        }
        for flag in flags {
            runs.push(misplaced(&sandbox, "", &[key], &[&backfill, flag].concat()));
        }
        for range in [["--from", KEY, "--to", "now"], ["--from", "7d", "--to", KEY]] {
            runs.push(misplaced(
                &sandbox,
                "",
                &[key],
                &[&["backfill"], &range[..]].concat(),
            ));
        }
        for ended in runs {
            let said = [&*ended.stdout, &*ended.stderr];
            assert_eq!(
                leaks(&secrets(), &said, nothing.path()),
                Vec::<String>::new(),
                "{ended:?}"
            );
        }
    }
}

#[test]
fn a_key_in_a_file_that_also_stands_elsewhere_is_not_shown() {
    // Nothing that looks like a key, so that it must be known to be covered.
    let word = "correct-horse-battery";
    let sandbox = sandbox();
    std::fs::write(sandbox.path("the.key"), format!("{word}\n")).unwrap();
    for text in ["endpoint = 'WORD'", "database = 'WORD'", "username = 'WORD'"] {
        let lines = format!("secret_key_file = 'the.key'\n{}", text.replace("WORD", word));
        for args in [&["status"][..], &["check", "--offline"]] {
            let ended = misplaced(&sandbox, &lines, &[("JDCDN_SECRET_KEY", None)], args);
            assert!(!format!("{ended:?}").contains(word), "{text}: {ended:?}");
        }
    }
}

#[test]
fn a_key_that_is_too_short_to_be_told_from_ordinary_text_is_refused() {
    let sandbox = sandbox();
    for (key, accepted) in [("x", false), ("hunter7", false), ("hunter7q", true)] {
        let run = sandbox
            .command(&["backfill", "--from", DAY.0, "--to", DAY.1])
            .env("JDCDN_SECRET_KEY", key)
            .output()
            .unwrap();
        let ended = ended(run);
        if accepted {
            assert_eq!(ended.code, Some(4), "the simulator has another key: {ended:?}");
            continue;
        }
        let told = ended.failed(2);
        let says =
            "error: JDCDN_SECRET_KEY is too short for a secret key: it must have at least 8 characters\n";
        assert!(told.ends_with(says), "{told}");
        assert_eq!(sandbox.requests(), 0);
        assert!(!sandbox.path("jdcdn-stats.db").exists());
    }
}
