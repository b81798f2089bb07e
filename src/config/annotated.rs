//! The text of a configuration file that shows every key, with its help.

use std::fmt::Write as _;

use super::keys::{ConfigKey, KEYS};
use super::value::TomlType;

/// What is shown for a key that is not set and has no default.
const EXAMPLES: [(&str, &[&str]); 5] = [
    ("username", &["jcloud_00"]),
    ("secret_key_file", &["secret.key"]),
    ("secret_key_command", &["pass", "jdcdn"]),
    ("domains", &["www.a.com"]),
    ("start", &["2026-01-01"]),
];

/// A value of the file: the name of its key, and its words. A list has any number of words, everything else has one.
pub type WrittenValue = (&'static str, Vec<String>);

/// Returns the text of a file that begins with `head`, sets the values in `set`, and shows every other key in a comment,
/// with its default or an example.
#[must_use]
pub fn annotated(head: &str, set: &[WrittenValue]) -> String {
    let mut text = head.to_owned();
    let mut section = None;
    for key in KEYS {
        if section != key.section() {
            section = key.section();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\n[{}]", section.unwrap_or_default());
        } else if section.is_none() {
            text.push('\n');
        }
        let name = key.name.rsplit('.').next().unwrap_or(key.name);
        let line = match set.iter().find(|(name, _)| *name == key.name) {
            Some((_, words)) => format!("{name} = {}", toml(key, words)),
            None => format!("# {name} = {}", shown(key)),
        };
        let _ = writeln!(text, "# {}\n{line}", key.help);
    }
    text
}

/// Returns the default of a key as it stands in the file, or an example.
fn shown(key: &ConfigKey) -> String {
    let example = EXAMPLES.iter().find(|(name, _)| *name == key.name);
    toml(key, example.map_or(key.default, |(_, words)| words))
}

/// Returns the words of a value as they stand in the file.
#[must_use]
pub fn toml<W: AsRef<str>>(key: &ConfigKey, words: &[W]) -> String {
    let first = words.first().map(AsRef::as_ref).unwrap_or_default();
    match key.kind.toml_type() {
        TomlType::Text => quoted(first),
        TomlType::Number | TomlType::Switch => first.to_owned(),
        TomlType::List => {
            let words: Vec<String> = words.iter().map(|word| quoted(word.as_ref())).collect();
            format!("[{}]", words.join(", "))
        }
    }
}

/// Returns a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            _ if char.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, Environment, FileConfig, Overrides};

    fn parsed(set: &[WrittenValue]) -> FileConfig {
        FileConfig::parse(Path::new("c.toml"), &annotated("# A head.\n", set)).unwrap()
    }

    fn word() -> impl Strategy<Value = String> {
        // Everything that a terminal can give, with many characters that TOML has a meaning for.
        prop_oneof![
            any::<String>(),
            "[\"'\\\\#\\[\\]={}, \\n\\r\\t\u{7f}\u{85}\u{2028}a]{0,12}"
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_back(
            username in word(),
            file in word(),
            command in proptest::collection::vec(word(), 0..4),
            domains in proptest::collection::vec(word(), 0..4),
        ) {
            let set = [
                ("username", vec![username]),
                ("secret_key_file", vec![file]),
                ("secret_key_command", command),
                ("domains", domains),
            ];
            let file = parsed(&set);
            for (name, words) in &set {
                let read: Vec<_> = file.get(name).unwrap().words.iter().map(|word| word.to_str().unwrap()).collect();
                prop_assert_eq!(&read, words);
            }
        }
    }

    #[test]
    fn what_is_not_set_is_a_comment_and_every_key_is_there() {
        let text = annotated("", &[("fetch.window", vec!["7d".to_owned()])]);
        for key in KEYS {
            let name = key.name.rsplit('.').next().unwrap();
            let line = text
                .lines()
                .find(|line| line.trim_start_matches("# ").starts_with(&format!("{name} = ")));
            let is_set = line.unwrap().starts_with(name);
            assert_eq!(is_set, key.name == "fetch.window", "{line:?}");
        }
        let nothing =
            Config::resolve(&Overrides::default(), &Environment::default(), parsed(&[]), 0).unwrap();
        assert!(
            KEYS.iter()
                .all(|key| nothing.source(key.name).to_string() == "default")
        );
    }

    #[test]
    fn the_comments_without_their_marks_are_the_defaults() {
        let text = annotated("", &[]);
        let is_value = |line: &str| {
            line.contains(" = ") && line.starts_with("# ") && !line.contains("secret_key_command")
        };
        let text: String = text
            .lines()
            .map(|line| {
                if is_value(line) {
                    line.trim_start_matches("# ")
                } else {
                    line
                }
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let file = FileConfig::parse(Path::new("c.toml"), &text).unwrap();
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let words: Vec<_> = file
                .get(key.name)
                .unwrap()
                .words
                .iter()
                .map(|word| word.to_str().unwrap())
                .collect();
            assert_eq!(words, key.default, "{}", key.name);
        }
    }
}
