//! The words of the documents are ones that everybody knows.

use super::markdown::{Document, documents};

/// Words that an international reader reads twice, and others for them.
const UNCOMMON: [(&str, &str); 6] = [
    ("shall", "must, or nothing"),
    ("beside", "next to, in the same directory"),
    ("told", "reported"),
    ("tells", "reports, says"),
    ("owed", "stale"),
    ("whomever", "anybody"),
];
/// Written from the help of the program, which is judged where it is written.
const GENERATED: &str = "docs/commands.md";

#[test]
fn uncommon_words_are_not_used() {
    let mut found = Vec::new();
    for name in documents().iter().filter(|name| *name != GENERATED) {
        for (number, line) in Document::read(name).text.lines().enumerate() {
            let words = line
                .split(|char: char| !char.is_alphabetic())
                .map(str::to_lowercase);
            for word in words {
                if let Some((_, instead)) = UNCOMMON.iter().find(|(uncommon, _)| *uncommon == word) {
                    found.push(format!("{name}, line {number} of text: {word}; write {instead}"));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_document_with_times_in_utc_8_names_the_zone() {
    let lacks_the_name = |name: &String| {
        let text = Document::read(name).text;
        text.contains("UTC+8")
            && !["China Standard Time", "中国标准时间"]
                .iter()
                .any(|zone| text.contains(zone))
    };
    let unnamed: Vec<String> = documents().into_iter().filter(lacks_the_name).collect();
    assert_eq!(unnamed, [""; 0]);
}
