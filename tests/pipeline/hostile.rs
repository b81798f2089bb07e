//! Text of a hostile server does nothing to the terminal or the log.

use jdcdn_stats::simulator::{Fault, HOSTILE_TEXT, Rule};
use serde_json::Value;

use crate::sandbox::{Ended, Sandbox};

const DAY: (&str, &str) = ("2026-06-01", "2026-06-02");

/// The ways in which a run can be made to talk.
const VOICES: [&[&str]; 4] = [
    &[],
    &["--format", "json"],
    &["-vvv"],
    &["-vvv", "--log-format", "json"],
];

/// [`HOSTILE_TEXT`], and all other characters that turn the reading direction.
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
pub(crate) fn assert_tame_run(ended: &Ended, voice: &[&str]) {
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
