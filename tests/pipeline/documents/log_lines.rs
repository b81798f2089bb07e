//! `docs/log-lines.md` lists the log lines of the program, with their levels and fields, and no others.

use std::collections::BTreeSet;
use std::path::Path;

use super::markdown::{Document, root};

const PAGE: &str = "docs/log-lines.md";
/// What the page calls the fields of a run, and where the program names them.
const RUN_FIELDS: &str = "run fields";
const RUN_MACRO: &str = "log_run!";

/// A log line: message with `…` for its values, level, and names of fields.
type Line = (String, String, BTreeSet<String>);

/// The sources without tests and comments.
fn sources(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().lines();
            let code = code.filter(|line| !line.trim_start().starts_with("//"));
            found.push(code.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The arguments of a call, given the text behind its opening bracket.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut in_text, mut is_escaped) = (0, false, false);
    let mut found = vec![String::new()];
    for char in text.chars() {
        if in_text {
            in_text = is_escaped || char != '"';
            is_escaped = char == '\\' && !is_escaped;
        } else {
            match char {
                '"' => in_text = true,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' if depth == 0 => break,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        found.last_mut().unwrap().push(char);
    }
    found.retain(|argument| !argument.trim().is_empty());
    found.iter().map(|argument| argument.trim().to_owned()).collect()
}

/// A literal as it is printed, with `…` for the values.
fn message(literal: &str) -> String {
    let text = literal.trim_matches('"');
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap().to_owned();
    let text = lines.fold(first, |joined, line| joined + line.trim_start());
    let mut shown = String::new();
    let mut in_value = false;
    for char in text.chars() {
        match char {
            '{' => {
                in_value = true;
                shown.push('…');
            }
            '}' => in_value = false,
            _ if in_value => {}
            _ => shown.push(char),
        }
    }
    // The page cannot show a value in backticks inside of backticks.
    shown.replace("`…`", "…")
}

/// The fields among the arguments: `name = value`, or a value that has the name of the field.
fn fields(arguments: &[String]) -> BTreeSet<String> {
    let names = arguments.iter().filter(|argument| !argument.starts_with('"'));
    names
        .map(|argument| match argument.split_once('=') {
            Some((name, _)) => name.trim(),
            None => argument.trim_start_matches(['%', '?']),
        })
        .filter(|name| name.chars().all(|char| char.is_ascii_lowercase() || char == '_'))
        .map(str::to_owned)
        .collect()
}

/// The log lines of the program.
fn logged() -> BTreeSet<Line> {
    let mut all = Vec::new();
    sources(&root().join("src"), &mut all);
    let mut found = BTreeSet::new();
    let mut of_a_run = BTreeSet::new();
    for code in &all {
        if let Some((_, body)) = code.split_once("tracing::$level!(") {
            of_a_run = fields(&arguments(body));
        }
    }
    assert!(of_a_run.contains("run") && of_a_run.len() > 5, "{of_a_run:?}");
    for code in &all {
        for level in ["error", "warn", "info", "debug", "trace"] {
            for (at, call) in code.match_indices(&format!("tracing::{level}!(")) {
                let arguments = arguments(&code[at + call.len()..]);
                let literal = arguments
                    .iter()
                    .find(|argument| argument.starts_with('"'))
                    .unwrap();
                // What follows the message are its values.
                let before = arguments.iter().take_while(|argument| *argument != literal);
                let before: Vec<String> = before.cloned().collect();
                found.insert((message(literal), level.to_uppercase(), fields(&before)));
            }
        }
        for (at, call) in code.match_indices(&format!("{RUN_MACRO}(")) {
            let arguments = arguments(&code[at + call.len()..]);
            let literal = arguments
                .iter()
                .find(|argument| argument.starts_with('"'))
                .unwrap();
            let mut fields = fields(&arguments[2..]);
            fields.extend(of_a_run.iter().cloned());
            found.insert((message(literal), arguments[0].to_uppercase(), fields));
        }
    }
    found
}

#[test]
fn the_page_lists_every_log_line_with_its_level_and_fields_and_no_other() {
    let page = Document::read(PAGE);
    let logged = logged();
    assert!(logged.len() > 40, "{}", logged.len());
    let text = page.text.replace('\n', " ");
    let (_, run_fields) = text.split_once("The run fields are ").unwrap();
    let run_fields = run_fields.split(". ").next().unwrap();
    let run_fields: BTreeSet<String> = run_fields
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    let mut listed = BTreeSet::new();
    for row in page.tables.iter().flat_map(|table| &table[1..]) {
        let message = row[0].strip_prefix('`').unwrap().strip_suffix('`').unwrap();
        let mut fields: BTreeSet<String> = row[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if row[2].contains(RUN_FIELDS) {
            fields.extend(run_fields.iter().cloned());
        }
        assert!(!row[3].is_empty(), "{message} has no meaning");
        listed.insert((message.to_owned(), row[1].clone(), fields));
    }
    let missing: Vec<&Line> = logged.difference(&listed).collect();
    let unknown: Vec<&Line> = listed.difference(&logged).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in {PAGE}: {missing:#?}; not in the program: {unknown:#?}"
    );
}

#[test]
fn a_call_is_read_with_its_values_and_fields() {
    let call = "next, domains = a.len(), every = %b(\"c, d\"),\n \"put {} off:\\\n     {error}, {x:?}\", e)";
    let arguments = arguments(call);
    assert_eq!(arguments.len(), 5);
    assert_eq!(message(&arguments[3]), "put … off:…, …");
    let fields = fields(&arguments[..3]);
    assert_eq!(
        fields.into_iter().collect::<Vec<_>>(),
        ["domains", "every", "next"]
    );
}
