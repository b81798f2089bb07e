//! The messages that `docs/troubleshooting.md` explains are messages of the program.

use std::path::Path;

use super::markdown::{Document, root};

/// All sources as one text, with strings that go on in the next line put together.
fn sources() -> String {
    let mut all = String::new();
    add_sources(&root().join("src"), &mut all);
    let lines: Vec<&str> = all.lines().map(str::trim).collect();
    lines.join("\n").replace("\\\n", "")
}

fn add_sources(directory: &Path, all: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&std::fs::read_to_string(path).unwrap());
            all.push('\n');
        }
    }
}

#[test]
fn every_message_that_the_page_explains_exists() {
    let sources = sources();
    let mut unknown = Vec::new();
    for section in ["Configuration and key", "The API", "The database"] {
        let table = &Document::section("docs/troubleshooting.md", section).tables[0];
        for row in &table[1..] {
            for message in row[0].split("`, `") {
                let message = message.strip_prefix('`').unwrap_or(message);
                let message = message.strip_suffix('`').unwrap_or(message);
                let known = |part: &str| sources.contains(part.trim());
                if !message.split('…').all(known) {
                    unknown.push(message.to_owned());
                }
            }
        }
    }
    assert!(unknown.is_empty(), "not in src: {unknown:#?}");
}
