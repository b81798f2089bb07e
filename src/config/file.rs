//! The configuration file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::bounded_io;
use super::environment::{self, Environment};
use super::error::ConfigError;
use super::keys::{self, ConfigKey, KEYS};
use super::secret_key::SecretKeySource;
use super::source::{Setting, ValueSource};
use super::value::TomlType;
use crate::model::text;
use crate::nearest::nearest;
use crate::redact::looks_like_key;

/// The file that is read if none is named and it exists.
pub const DEFAULT_FILE: &str = "jdcdn-stats.toml";
/// The most that a configuration file may hold, in bytes; a thousand domains take 30 KB.
const MAX_BYTES: usize = 1 << 20;
/// How much of a value a message shows.
const SHOWN_VALUE: usize = 60;

/// The values of the configuration file, each with its line.
///
/// Only their types are checked here. [`Config`](super::Config) checks what they mean.
#[derive(Debug, Default)]
pub struct FileConfig {
    /// The file as it was named; `None` if there is none.
    pub path: Option<PathBuf>,
    values: BTreeMap<&'static str, Setting>,
}

impl FileConfig {
    /// Reads the file that `flag` names, else `JDCDN_CONFIG`, else [`DEFAULT_FILE`]. Only the last one may be missing.
    pub fn load(flag: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let (path, by) = if let Some(path) = flag {
            (path.to_owned(), ValueSource::Flag("--config"))
        } else if let Some(path) = environment.raw(environment::CONFIG) {
            (PathBuf::from(path), ValueSource::Environment(environment::CONFIG))
        } else {
            (PathBuf::from(DEFAULT_FILE), ValueSource::Default)
        };
        match read(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if by == ValueSource::Default && error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(cause) => Err(ConfigError::Unreadable { path, by, cause }),
        }
    }

    /// Reads `text`, the content of the file `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let document = Document::parse(path, text)?;
        let mut values = BTreeMap::new();
        for key in KEYS {
            if let Some(setting) = document.setting(key)? {
                values.insert(key.name, setting);
            }
        }
        document.refuse_unknown_keys()?;
        Ok(Self {
            path: Some(path.to_owned()),
            values,
        })
    }

    /// The value of a key, such as `fetch.window`.
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.values.get(key)
    }

    /// Every text in the file.
    pub fn texts(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let words = self.values.values().flat_map(|setting| &setting.words);
        words.map(|word| word.to_string_lossy())
    }

    /// Where the secret key is, by the environment or else by the file; `None` if neither says so.
    pub fn secret_key(&self, environment: &Environment) -> Result<Option<SecretKeySource>, ConfigError> {
        SecretKeySource::choose(
            environment,
            self.get("secret_key_file"),
            self.get("secret_key_command"),
        )
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut file = bounded_io::open(path)?;
    let bytes = bounded_io::read_all(&mut file, MAX_BYTES, bounded_io::TIME_LIMIT)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// The parsed file: keys at its top, and in tables one level below.
struct Document<'t> {
    path: Arc<Path>,
    text: &'t str,
    root: DeTable<'t>,
}

impl<'t> Document<'t> {
    fn parse(path: &Path, text: &'t str) -> Result<Self, ConfigError> {
        let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            message: text::printable(error.message()),
        })?;
        Ok(Self {
            path: path.into(),
            text,
            root: root.into_inner(),
        })
    }

    /// The value of `key`, as it was written.
    fn setting(&self, key: &ConfigKey) -> Result<Option<Setting>, ConfigError> {
        let value = match key.name.split_once('.') {
            None => self.root.get(key.name),
            Some((section, name)) => match self
                .root
                .get(section)
                .map(|table| (table.get_ref(), table.span()))
            {
                None => None,
                Some((DeValue::Table(table), _)) => table.get(name),
                Some((_, span)) => {
                    return Err(self.wrong_type(section, span, &format!("a table, `[{section}]`")));
                }
            },
        };
        let Some(value) = value else { return Ok(None) };
        match words(key.kind.toml_type(), value.get_ref()) {
            Some(words) => Ok(Some(Setting {
                words,
                source: self.source(key.name, &value.span()),
            })),
            None => Err(self.wrong_type(key.name, value.span(), &key.kind.form())),
        }
    }

    fn source(&self, key: &'static str, span: &Range<usize>) -> ValueSource {
        ValueSource::File {
            path: Arc::clone(&self.path),
            line: line_of(self.text, span.start),
            key,
        }
    }

    fn wrong_type(&self, key: &'static str, span: Range<usize>, expected: &str) -> ConfigError {
        let at = self.source(key, &span);
        let written = self.text.get(span).unwrap_or_default();
        let mut words = written.split(['\'', '"', ',', ' ', '[', ']']);
        // A value in the place of a secret, or one that looks like a key, is not shown.
        let shown = if key.starts_with("secret") || words.any(looks_like_key) {
            "the value".to_owned()
        } else {
            format!("`{}`", text::shorten(written, SHOWN_VALUE))
        };
        ConfigError::Invalid {
            at,
            reason: format!("{shown} has the wrong type: write {expected}"),
        }
    }

    /// Names the first key that is not in the table of keys.
    fn refuse_unknown_keys(&self) -> Result<(), ConfigError> {
        let mut unknown: Vec<(Range<usize>, String)> = Vec::new();
        for (name, value) in &self.root {
            let key = name.get_ref().to_string();
            match value.get_ref() {
                DeValue::Table(table) if KEYS.iter().any(|known| known.section() == Some(&key)) => {
                    let inside = table
                        .keys()
                        .map(|name| (name.span(), format!("{key}.{}", name.get_ref())));
                    unknown.extend(inside.filter(|(_, key)| keys::find(key).is_none()));
                }
                // A quoted `"fetch.window"` is a key of the top, not the one in the table.
                _ if keys::find(&key).is_some_and(|known| known.section().is_none()) => {}
                _ => unknown.push((name.span(), key)),
            }
        }
        match unknown.into_iter().min_by_key(|(span, _)| span.start) {
            None => Ok(()),
            Some((span, key)) => Err(ConfigError::UnknownKey {
                path: self.path.to_path_buf(),
                line: line_of(self.text, span.start),
                hint: hint(&key),
                key: if key.split('.').any(looks_like_key) {
                    "***".to_owned()
                } else {
                    text::printable(&key)
                },
            }),
        }
    }
}

/// What was probably meant by an unknown key.
fn hint(key: &str) -> String {
    if matches!(key, "secret_key" | "key" | "secret" | "password") {
        return "the secret key never stands in this file: write `secret_key_file` or `secret_key_command`, \
                or set JDCDN_SECRET_KEY"
            .to_owned();
    }
    // A known name in the wrong table is meant as it is.
    let is_last = |known: &&str| known.rsplit('.').next() == key.rsplit('.').next();
    let names = || KEYS.iter().map(|known| known.name);
    let elsewhere = names().find(is_last);
    if let Some(meant) = elsewhere.or_else(|| nearest(key, names())) {
        return format!("did you mean `{meant}`?");
    }
    let section = key.split_once('.').map(|(section, _)| section);
    let here = KEYS.iter().filter(|known| known.section() == section);
    let here: Vec<&str> = here.map(|known| known.name).collect();
    format!("the keys here are {}", here.join(", "))
}

/// The items of a list, or the one text of anything else; `None` for another type.
fn words(expected: TomlType, value: &DeValue<'_>) -> Option<Vec<OsString>> {
    let text = match (expected, value) {
        (TomlType::Text, DeValue::String(text)) => text.to_string(),
        (TomlType::Text, DeValue::Datetime(moment)) => moment.to_string(),
        (TomlType::Number, DeValue::Integer(number)) => number.to_string(),
        (TomlType::Number, DeValue::Float(number)) => number.to_string(),
        (TomlType::Switch, DeValue::Boolean(switch)) => switch.to_string(),
        (TomlType::List, DeValue::Array(items)) => {
            return items
                .iter()
                .map(|item| item.get_ref().as_str().map(OsString::from))
                .collect();
        }
        _ => return None,
    };
    Some(vec![text.into()])
}

/// The line, from 1, that holds the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests;
