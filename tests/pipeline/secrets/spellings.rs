//! Every spelling in which a server may repeat a secret.

use std::process::Child;

use jdcdn_stats::simulator::{Fault, FaultScript, Rule};

use super::{DAY, KEY, VOICES, assert_keeps_secrets, leaks, sandbox, secrets};
use crate::sandbox::{Sandbox, ended};

fn each(secret: &str, spell: impl Fn(char) -> String) -> String {
    secret.chars().map(spell).collect()
}

fn code(char: char) -> u32 {
    u32::from(char)
}

/// Writes a secret in one of the forms that a server may send, for a JSON string.
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

/// Answers that hold `echo`, in every place that a program might show.
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
        json(r#"{"status":7,"msg":"signature incorrect: ECHO"}"#),
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

/// The texts that must not occur: the secrets, plain and as the server sent them.
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
fn a_large_answer_is_redacted_to_its_end() {
    const ROWS: u32 = 12;
    let sandbox = sandbox();
    // Far apart, and at offsets that are no multiple of a block.
    let padding = " ".repeat(300_007);
    let row = format!("{padding}[\"{KEY}\",1,1,{{}}]");
    let rows = vec![row; ROWS.try_into().unwrap()].join(",");
    sandbox.simulator.rule(Rule::always(Fault::Json(format!(
        r#"{{"status":0,"data":[{{"domain":"d000.example.com","data":[{rows}]}}]}}"#
    ))));
    let ended = sandbox.backfill(DAY.0, DAY.1, &["-vvv", "--window", "1d"]);
    assert_keeps_secrets(&sandbox, &ended);
    let sql = "SELECT count(*) FROM origin_rejects WHERE raw LIKE '%********%'";
    let redacted: u32 = sandbox.database().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(redacted, ROWS, "{ended:?}");
}
