//! What a hostile or a talkative server can do to the terminal, the log and the secrets: nothing.

use std::path::Path;
use std::time::{Duration, Instant};

use jdcdn_stats::simulator::{DataFault, Fault, FaultScript, HOSTILE_TEXT, Rule, Settings};
use md5::{Digest as _, Md5};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::sandbox::{Ended, Sandbox, domains};

const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");

/// The ways in which a run can be made to talk.
const VOICES: [&[&str]; 4] = [
    &[],
    &["--format", "json"],
    &["-vvv"],
    &["-vvv", "--log-format", "json"],
];

/// [`HOSTILE_TEXT`], and whatever else turns the reading direction.
fn hostile() -> String {
    format!(
        "{HOSTILE_TEXT}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202d}\u{2066}\u{2067}\u{2068}\u{2069}\u{7f}\u{85}\u{2028}\r\n2026-01-01 INFO all is well"
    )
}

/// A character that does something to a terminal, other than to end a line.
fn acts(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[track_caller]
fn assert_tame(text: &str) {
    let acting: Vec<char> = text.chars().filter(|char| acts(*char)).collect();
    assert!(acting.is_empty(), "{acting:?} in {text:?}");
    for line in text.lines() {
        assert!(
            !line.trim_start().starts_with("2026-01-01 INFO"),
            "a forged line in {text:?}"
        );
    }
}

#[track_caller]
fn assert_tame_run(ended: &Ended, voice: &[&str]) {
    assert_tame(&ended.stdout);
    assert_tame(&ended.stderr);
    if voice.contains(&"--log-format") {
        // The progress of a run is no event.
        for line in ended
            .stderr
            .lines()
            .filter(|line| !line.starts_with("backfill: "))
        {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(event["message"].is_string(), "{line}");
        }
    }
}

/// Answers that carry the hostile text where a program might show it.
fn hostile_answers() -> Vec<Fault> {
    let text = hostile();
    let quoted = Value::from(text.clone()).to_string();
    let in_json = |json: &str| Fault::Json(json.replace("HOSTILE", &quoted));
    let verbatim = |http_status, headers: Vec<(&str, String)>, body: &str| Fault::Verbatim {
        http_status,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        body: body.as_bytes().to_vec(),
    };
    let mut faults: Vec<Fault> = [-1, 1, 2, 3, 7, 8, 14, 15, 18, 19, 20, 21, 22, 42, 99]
        .map(|status| Fault::Envelope {
            status,
            msg: Some(text.clone()),
        })
        .to_vec();
    faults.push(Fault::hostile(99));
    faults.extend([
        verbatim(200, vec![], &text),
        verbatim(400, vec![], &text),
        verbatim(403, vec![], &text),
        verbatim(500, vec![], &text),
        verbatim(
            302,
            vec![(
                "Location",
                "https://evil.example\u{202e}\u{9b}31m.com/".to_owned(),
            )],
            "",
        ),
        verbatim(302, vec![("Location", "https://%1b%5b2J/".to_owned())], ""),
        verbatim(429, vec![("Retry-After", "\u{9b}31m\u{202e}".to_owned())], ""),
        in_json(r#"{"status":HOSTILE,"data":[]}"#),
        in_json(r#"{"status":0,"data":HOSTILE}"#),
        in_json(r#"{"status":0,HOSTILE:1}"#),
        in_json(r#"{"status":0,"data":[{"domain":HOSTILE,"data":[]}]}"#),
        in_json(r#"{"status":0,"data":[{"domain":"d000.example.com","data":[HOSTILE]}]}"#),
        in_json(r#"{"status":0,"data":[{"domain":"d000.example.com","data":[[HOSTILE,1,1,{}]]}]}"#),
        in_json(r#"{"status":0,"data":[{"domain":"d000.example.com","data":[[1,HOSTILE,1,{}]]}]}"#),
        in_json(r#"{"status":0,"data":[{"domain":"d000.example.com","data":[[1,1,1,{HOSTILE:1}]]}]}"#),
        in_json(r#"{"status":0,"data":[{"domain":"d000.example.com","data":[[1,1,1,{"200":HOSTILE}]]}]}"#),
        in_json(r#"{"status":0,"data":[{"domain":"d000.example.com","data":[{HOSTILE:1}]}]}"#),
        // A code that is short and holds no control character is stored as it is: 2026-06-01 08:05. Off the full
        // hour, so that the point is no sum of an hour.
        in_json(
            r#"{"status":0,"data":[{"domain":"d000.example.com","data":[[1780272300,1,1,{"\u202e\u061c200":1}]]}]}"#,
        ),
    ]);
    faults
}

#[test]
fn no_text_of_the_server_acts_on_the_terminal_or_forges_a_line() {
    let mut shown_codes = String::new();
    for fault in hostile_answers() {
        let sandbox = Sandbox::with_domains(2);
        sandbox.simulator.rule(Rule::always(fault.clone()));
        for voice in VOICES {
            println!("{fault:?} {voice:?}");
            let ended = sandbox.backfill(DAY.0, DAY.1, &[voice, &["--force"]].concat());
            assert!(matches!(ended.code, Some(0 | 2 | 3 | 4)), "{ended:?}");
            assert_tame_run(&ended, voice);
        }
        for args in [
            &["status"][..],
            &["query", "SELECT domain, reason, raw FROM origin_rejects"],
            &["query", "SELECT * FROM origin_runs"],
            &["query", "SELECT code FROM origin_status_codes"],
        ] {
            let shown = sandbox.run(args);
            assert_tame(&shown.stdout);
            assert_tame(&shown.stderr);
            if args.contains(&"SELECT code FROM origin_status_codes") {
                shown_codes.push_str(&shown.stdout);
            }
        }
        let database = sandbox.database();
        for sql in [
            "SELECT failures FROM origin_runs",
            "SELECT coalesce(message, '') FROM origin_runs",
            "SELECT reason FROM origin_rejects",
        ] {
            let mut select = database.prepare(sql).unwrap();
            let mut rows = select.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                assert_tame(&row.get::<_, String>(0).unwrap());
            }
        }
    }
    assert!(shown_codes.contains(r"\u{202e}\u{61c}200"), "{shown_codes}");
}

#[test]
fn the_scanner_for_acting_characters_finds_each_of_them() {
    for planted in hostile()
        .chars()
        .filter(|char| !char.is_ascii_graphic() && !matches!(char, ' ' | '\n'))
    {
        assert!(acts(planted), "{planted:?}");
        assert!(std::panic::catch_unwind(|| assert_tame(&format!("a {planted} b"))).is_err());
    }
    assert!(std::panic::catch_unwind(|| assert_tame("a\n2026-01-01 INFO all is well")).is_err());
}

/// The key and the signatures that it makes on the simulated date and the days beside it.
fn secrets() -> Vec<String> {
    let Settings {
        username, secret_key, ..
    } = Settings::default();
    let key = secret_key.expose_secret();
    let sign = |date: &str| -> String {
        let digest = Md5::digest(format!("{date}{username}{key}"));
        digest
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
    };
    // The example of the endpoint's document.
    assert_eq!(sign("20161023"), "a35685491fd80a80b40a718c3a5c5c56");
    let mut secrets = ["20260614", "20260615", "20260616"].map(sign).to_vec();
    secrets.push(key.to_owned());
    secrets
}

/// Where one of the secrets stands, of what the program said and of every file below `directory`.
fn leaks(said: &[(&str, &[u8])], directory: &Path) -> Vec<String> {
    let secrets = secrets();
    let holds = |bytes: &[u8]| {
        let bytes = bytes.to_ascii_lowercase();
        secrets
            .iter()
            .any(|secret| bytes.windows(secret.len()).any(|part| part == secret.as_bytes()))
    };
    let mut found: Vec<String> = said
        .iter()
        .filter(|(_, bytes)| holds(bytes))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if holds(&std::fs::read(&path).unwrap()) {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[track_caller]
fn assert_keeps_secrets(sandbox: &Sandbox, ended: &Ended) {
    let said = [
        ("stdout", ended.stdout.as_bytes()),
        ("stderr", ended.stderr.as_bytes()),
    ];
    assert_eq!(leaks(&said, &sandbox.path("")), Vec::<String>::new(), "{ended:?}");
}

#[test]
fn the_scanner_for_secrets_finds_them_wherever_they_are_planted() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    assert_eq!(
        leaks(&[("stdout", b"all is well")], &sandbox.path("")),
        Vec::<String>::new()
    );
    for secret in secrets() {
        let said = format!("x{}x", secret.to_uppercase());
        assert_eq!(
            leaks(&[("stdout", said.as_bytes())], &sandbox.path("")),
            ["stdout"]
        );
        let database = rusqlite::Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
        database
            .execute("UPDATE run SET message = ?1", [&secret])
            .unwrap();
        let found = leaks(&[], &sandbox.path(""));
        assert!(
            found.iter().any(|name| name.starts_with("jdcdn-stats.db")),
            "{found:?}"
        );
        database.execute("UPDATE run SET message = NULL", []).unwrap();
        database
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        assert_eq!(leaks(&[], &sandbox.path("")), Vec::<String>::new());
        std::fs::create_dir_all(sandbox.path("deep/deeper")).unwrap();
        std::fs::write(sandbox.path("deep/deeper/planted"), &secret).unwrap();
        assert_eq!(leaks(&[], &sandbox.path("")), ["planted"]);
        std::fs::remove_file(sandbox.path("deep/deeper/planted")).unwrap();
    }
}

#[test]
fn neither_key_nor_signature_shows_however_a_run_fails() {
    let redirect = Fault::Redirect {
        status: 307,
        location: "http://127.0.0.1:1/elsewhere".to_owned(),
    };
    let negative = DataFault::UnaskedDomain("x.example.org".to_owned());
    for fault in [
        Fault::None,
        Fault::envelope(7),
        Fault::envelope(18),
        Fault::envelope(-1),
        Fault::http(400),
        Fault::http(401),
        Fault::http(500),
        Fault::ResetBeforeAnswer,
        Fault::Truncated,
        Fault::Html,
        redirect,
        negative.into(),
    ] {
        let sandbox = Sandbox::with_domains(2);
        sandbox.simulator.rule(Rule::always(fault.clone()));
        for voice in VOICES {
            println!("{fault:?} {voice:?}");
            let ended = sandbox.backfill(DAY.0, DAY.1, &[voice, &["--force"]].concat());
            assert_keeps_secrets(&sandbox, &ended);
        }
        for args in [
            &["status"][..],
            &["query", "SELECT * FROM origin_runs", "--format", "json"],
        ] {
            assert_keeps_secrets(&sandbox, &sandbox.run(args));
        }
    }
}

#[test]
fn a_key_that_cannot_be_used_is_not_shown_either() {
    let sandbox = Sandbox::with_domains(1);
    let key = Settings::default().secret_key.expose_secret().to_owned();
    for wrong in [
        format!("{key} {key}"),
        format!("{key}\n{key}"),
        format!("\u{1b}[2J{key}"),
    ] {
        let run = sandbox
            .command(&["backfill", "--from", DAY.0, "--to", DAY.1, "-vvv"])
            .env("JDCDN_SECRET_KEY", wrong)
            .output()
            .unwrap();
        let ended = crate::sandbox::ended(run);
        assert_eq!(ended.code, Some(2));
        assert_keeps_secrets(&sandbox, &ended);
        assert_tame_run(&ended, &[]);
    }
    assert_eq!(sandbox.requests(), 0);
}

#[test]
fn a_killed_run_leaves_no_secret_in_its_files() {
    let sandbox = Sandbox::new(Settings {
        domains: domains(2),
        ..Settings::default()
    });
    // Two windows are stored, then the third never comes.
    sandbox
        .simulator
        .script(FaultScript::new().then_times(2, Fault::None).then(Fault::Hang));
    let args = [
        "backfill",
        "--from",
        DAY.0,
        "--to",
        DAY.1,
        "--window",
        "6h",
        "--concurrency",
        "1",
        "-vvv",
    ];
    let mut child = sandbox.start(&args);
    let began = Instant::now();
    while sandbox.requests() < 3 && began.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    let ended = crate::sandbox::ended(child.wait_with_output().unwrap());
    for name in ["jdcdn-stats.db", "jdcdn-stats.db-wal"] {
        assert!(sandbox.path(name).exists(), "{name}");
    }
    assert_keeps_secrets(&sandbox, &ended);
    sandbox.backfill(DAY.0, DAY.1, &[]).with(0);
    sandbox.assert_holds_all(DAY);
}

#[test]
fn a_server_that_repeats_the_signature_does_not_make_the_program_repeat_it() {
    let signature = secrets()[1].clone();
    let echo = format!("{{\"username\":\"jcloud_00\",\"signature\":\"{signature}\"}}");
    let verbatim = |http_status| Fault::Verbatim {
        http_status,
        headers: Vec::new(),
        body: echo.clone().into_bytes(),
    };
    for fault in [
        Fault::Envelope {
            status: 7,
            msg: Some(format!("signature incorrect: {signature}")),
        },
        Fault::Envelope {
            status: 99,
            msg: Some(echo.clone()),
        },
        verbatim(200),
        verbatim(400),
        verbatim(500),
    ] {
        let sandbox = Sandbox::with_domains(1);
        sandbox.simulator.rule(Rule::always(fault));
        let ended = sandbox.backfill(DAY.0, DAY.1, &["-vvv"]);
        assert_keeps_secrets(&sandbox, &ended);
    }
}
