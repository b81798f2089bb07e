//! Reads typed values from a TOML document and finds what nobody asked for.
//!
//! Every key that is asked for is remembered, so the known keys are written down once: where they are read.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::source::{Setting, Source};
use crate::model::text;
use crate::nearest::nearest;
use crate::redact::looks_like_key;

/// How much of a value is shown in a message.
const SHOWN_VALUE: usize = 60;

/// A parsed document: keys at its top, and in tables one level below.
#[derive(Debug)]
pub struct Document<'t> {
    path: Arc<Path>,
    text: &'t str,
    root: DeTable<'t>,
    known: Vec<String>,
}

impl<'t> Document<'t> {
    /// Parses `text`, which is what `path` holds.
    pub fn parse(path: &Path, text: &'t str) -> Result<Self, ConfigError> {
        let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            message: text::printable(error.message()),
        })?;
        Ok(Self {
            path: path.into(),
            text,
            root: root.into_inner(),
            known: Vec::new(),
        })
    }

    /// A text, or a bare TOML date as its text.
    pub fn text(&mut self, key: &str, expected: &str) -> Result<Option<Setting<String>>, ConfigError> {
        self.read(key, expected, |value| match value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Datetime(moment) => Some(moment.to_string()),
            _ => None,
        })
    }

    /// A number, as it was written.
    pub fn number(&mut self, key: &str, expected: &str) -> Result<Option<Setting<String>>, ConfigError> {
        self.read(key, expected, |value| match value {
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            _ => None,
        })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str) -> Result<Option<Setting<bool>>, ConfigError> {
        self.read(key, "`true` or `false`", DeValue::as_bool)
    }

    /// A list of texts.
    pub fn list(&mut self, key: &str, expected: &str) -> Result<Option<Setting<Vec<String>>>, ConfigError> {
        self.read(key, expected, |value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect()
        })
    }

    /// Checks that every key of the document was asked for.
    pub fn finish(self) -> Result<(), ConfigError> {
        let mut unknown: Vec<(Range<usize>, String)> = Vec::new();
        for (name, value) in &self.root {
            let key = name.get_ref().to_string();
            match value.get_ref() {
                DeValue::Table(table) if self.is_section(&key) => {
                    unknown.extend(
                        table
                            .keys()
                            .map(|name| (name.span(), format!("{key}.{}", name.get_ref())))
                            .filter(|(_, key)| !self.known.contains(key)),
                    );
                }
                // A quoted `"fetch.window"` is a key of the top, not the one in the table.
                _ if self.known.contains(&key) && !key.contains('.') => {}
                _ => unknown.push((name.span(), key)),
            }
        }
        match unknown.into_iter().min_by_key(|(span, _)| span.start) {
            None => Ok(()),
            Some((span, key)) => Err(ConfigError::UnknownKey {
                path: self.path.to_path_buf(),
                line: line_of(self.text, span.start),
                hint: self.hint(&key),
                key: if key.split('.').any(looks_like_key) {
                    "***".to_owned()
                } else {
                    text::printable(&key)
                },
            }),
        }
    }

    fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&DeValue<'t>) -> Option<T>,
    ) -> Result<Option<Setting<T>>, ConfigError> {
        self.known.push(key.to_owned());
        let value = match key.split_once('.') {
            None => self.root.get(key),
            Some((section, name)) => match self.root.get(section) {
                None => None,
                Some(table) => match table.get_ref() {
                    DeValue::Table(table) => table.get(name),
                    _ => {
                        return Err(self.wrong_type(
                            section,
                            table.span(),
                            &format!("a table, `[{section}]`"),
                        ));
                    }
                },
            },
        };
        let Some(value) = value else { return Ok(None) };
        match convert(value.get_ref()) {
            Some(converted) => Ok(Some(Setting {
                value: converted,
                source: self.source(key, &value.span()),
            })),
            None => Err(self.wrong_type(key, value.span(), expected)),
        }
    }

    fn source(&self, key: &str, span: &Range<usize>) -> Source {
        Source::File {
            path: Arc::clone(&self.path),
            line: line_of(self.text, span.start),
            key: key.to_owned(),
        }
    }

    fn wrong_type(&self, key: &str, span: Range<usize>, expected: &str) -> ConfigError {
        let at = self.source(key, &span);
        // What stands where a key is looked up may be the key itself.
        let given = if key.starts_with("secret") {
            "the value".to_owned()
        } else {
            let written = self.text.get(span).unwrap_or_default();
            if written.split(['\'', '"', ',', ' ', '[', ']']).any(looks_like_key) {
                "the value".to_owned()
            } else {
                format!("`{}`", text::shorten(written, SHOWN_VALUE))
            }
        };
        ConfigError::Invalid {
            at,
            reason: format!("{given} has the wrong type: write {expected}"),
        }
    }

    fn is_section(&self, name: &str) -> bool {
        self.known
            .iter()
            .any(|key| key.split_once('.').is_some_and(|(section, _)| section == name))
    }

    fn hint(&self, key: &str) -> String {
        if matches!(key, "secret_key" | "key" | "secret" | "password") {
            return "the secret key never stands in this file: write `secret_key_file` or `secret_key_command`, \
                    or set JDCDN_SECRET_KEY"
                .to_owned();
        }
        // A known name in the wrong table is meant as it is.
        let name = key.rsplit('.').next().unwrap_or(key);
        let elsewhere = self
            .known
            .iter()
            .find(|known| known.rsplit('.').next() == Some(name));
        let known = || self.known.iter().map(String::as_str);
        if let Some(meant) = elsewhere.map(String::as_str).or_else(|| nearest(key, known())) {
            return format!("did you mean `{meant}`?");
        }
        let section = key.split_once('.').map(|(section, _)| section);
        let here: Vec<&str> = known()
            .filter(|known| known.split_once('.').map(|(section, _)| section) == section)
            .collect();
        format!("the keys here are {}", here.join(", "))
    }
}

/// The line, from 1, that holds the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Setting<String>>, ConfigError> {
        let mut document = Document::parse(Path::new("c.toml"), text)?;
        document.text("username", "a text in quotes")?;
        document.text("secret_key_file", "a path in quotes")?;
        let window = document.text("fetch.window", "a length of time in quotes, such as \"1d\"")?;
        document.finish()?;
        Ok(window)
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_value_knows_its_line() {
        let window = read("# first\nusername = 'a'\n[fetch]\nwindow = '1d'\n")
            .unwrap()
            .unwrap();
        assert_eq!(window.value, "1d");
        assert_eq!(window.source.to_string(), "c.toml:4: fetch.window");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest() {
        assert_eq!(
            refused("\n[fetch]\nwidnow = '1d'"),
            "c.toml:3: unknown key `fetch.widnow`; did you mean `fetch.window`?"
        );
        assert_eq!(
            refused("window = '1d'"),
            "c.toml:1: unknown key `window`; did you mean `fetch.window`?"
        );
        assert_eq!(
            refused("[fetsch]\nwindow = '1d'"),
            "c.toml:1: unknown key `fetsch`; the keys here are username, secret_key_file"
        );
        assert_eq!(
            refused("[fetch]\ncolour = 1"),
            "c.toml:2: unknown key `fetch.colour`; the keys here are fetch.window"
        );
        assert!(refused("'fetch.window' = '1d'").contains("unknown key `fetch.window`"));
        let key = refused("secret_key = 'hunter2'");
        assert!(
            key.contains("secret_key_file") && !key.contains("hunter2"),
            "{key}"
        );
    }

    #[test]
    fn a_wrong_type_is_named_with_the_value_unless_it_may_be_the_key() {
        assert_eq!(
            refused("[fetch]\nwindow = 300"),
            "c.toml:2: fetch.window: `300` has the wrong type: write a length of time in quotes, such as \"1d\""
        );
        assert_eq!(
            refused("fetch = 5"),
            "c.toml:1: fetch: `5` has the wrong type: write a table, `[fetch]`"
        );
        let sentinel = "Sentinel7Kq2WzR4tYb8NcXv5MhGj3Lp";
        for text in [
            "KEY = 1",
            "fetch.KEY = 1",
            "fetch = 'KEY'",
            "username = ['a', 'KEY']",
        ] {
            let refused = refused(&text.replace("KEY", sentinel));
            assert!(
                refused.starts_with("c.toml:1: ") && !refused.contains(sentinel),
                "{refused}"
            );
        }
        assert_eq!(
            refused("secret_key_file = ['hunter2']"),
            "c.toml:1: secret_key_file: the value has the wrong type: write a path in quotes"
        );
    }

    #[test]
    fn what_is_no_toml_is_named_with_its_line() {
        assert!(refused("a = 1\nb = \n").starts_with("c.toml:2: "));
        assert!(refused("a = 1\na = 2\n").starts_with("c.toml:2: "));
    }
}
