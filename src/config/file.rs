//! The keys of the configuration file.

use std::io;
use std::path::{Path, PathBuf};

use super::environment::{self, Environment};
use super::error::ConfigError;
use super::patience;
use super::source::{Setting, Source};
use super::table::Document;

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "jdcdn-stats.toml";

/// What the configuration file says: every key that may stand in it, with the line where it does.
///
/// Types are checked here, what the values mean is checked when they are resolved into
/// [`Config`](super::Config). Numbers are kept as written.
#[derive(Debug, Default)]
#[expect(
    missing_docs,
    reason = "a field is the key of its name; `Config` says what each means"
)]
pub struct FileConfig {
    /// The file, as it was named; `None` where there is none.
    pub path: Option<PathBuf>,
    pub username: Option<Setting<String>>,
    pub secret_key_file: Option<Setting<String>>,
    pub secret_key_command: Option<Setting<Vec<String>>>,
    pub endpoint: Option<Setting<String>>,
    pub allow_plaintext: Option<Setting<bool>>,
    pub database: Option<Setting<String>>,
    pub domains: Option<Setting<Vec<String>>>,
    pub start: Option<Setting<String>>,
    pub slot_label: Option<Setting<String>>,
    pub window: Option<Setting<String>>,
    pub domains_per_request: Option<Setting<String>>,
    pub concurrency: Option<Setting<String>>,
    pub requests_per_second: Option<Setting<String>>,
    pub timeout: Option<Setting<String>>,
    pub max_body: Option<Setting<String>>,
    pub retention: Option<Setting<String>>,
    pub attempts: Option<Setting<String>>,
    pub base: Option<Setting<String>>,
    pub cap: Option<Setting<String>>,
    pub available_after: Option<Setting<String>>,
    pub ages: Option<Setting<Vec<String>>>,
    pub hole_ages: Option<Setting<Vec<String>>>,
    pub every: Option<Setting<String>>,
    pub rejects: Option<Setting<String>>,
    pub runs: Option<Setting<String>>,
}

/// The most that a configuration file may hold, in bytes; a thousand domains take 30 KB.
const MAX_BYTES: usize = 1 << 20;

const TEXT: &str = "a text in quotes";
const PATH: &str = "a path in quotes";
const COUNT: &str = "a whole number without quotes";
const LENGTH: &str = "a length of time in quotes, such as \"5m\"";
const AGES: &str = "a list of lengths of time, such as [\"1h\", \"24h\"]";

impl FileConfig {
    /// Reads the file that `flag` names, else `JDCDN_CONFIG`, else [`DEFAULT_FILE`]. Only the last may be
    /// missing.
    pub fn load(flag: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let named = match (flag, environment.raw(environment::CONFIG)) {
            (Some(path), _) => Some((path.to_owned(), Source::Flag("--config"))),
            (None, Some(path)) => Some((PathBuf::from(path), Source::Environment(environment::CONFIG))),
            (None, None) => None,
        };
        let may_be_missing = named.is_none();
        let (path, by) = named.unwrap_or_else(|| (PathBuf::from(DEFAULT_FILE), Source::Default));
        match read(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if may_be_missing && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(ConfigError::Unreadable { path, by, cause }),
        }
    }

    /// Reads `text`, which is what `path` holds.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut document = Document::parse(path, text)?;
        let file = Self {
            path: Some(path.to_owned()),
            username: document.text("username", TEXT)?,
            secret_key_file: document.text("secret_key_file", PATH)?,
            secret_key_command: document.list(
                "secret_key_command",
                "a list of texts, such as [\"pass\", \"jdcdn\"]",
            )?,
            endpoint: document.text("endpoint", "an address in quotes")?,
            allow_plaintext: document.flag("allow_plaintext")?,
            database: document.text("database", PATH)?,
            domains: document.list("domains", "a list of host names, such as [\"www.a.com\"]")?,
            start: document.text("start", "a time in quotes, such as \"2026-01-01\"")?,
            slot_label: document.text("slot_label", "`start` or `end` in quotes")?,
            window: document.text("fetch.window", LENGTH)?,
            domains_per_request: document.number("fetch.domains_per_request", COUNT)?,
            concurrency: document.number("fetch.concurrency", COUNT)?,
            requests_per_second: document.number("fetch.requests_per_second", "a number without quotes")?,
            timeout: document.text("fetch.timeout", LENGTH)?,
            max_body: document.text("fetch.max_body", "a size in quotes, such as \"64MiB\"")?,
            retention: document.text("fetch.retention", "a length of time in quotes, such as \"28d\"")?,
            attempts: document.number("retry.attempts", COUNT)?,
            base: document.text("retry.base", LENGTH)?,
            cap: document.text("retry.cap", LENGTH)?,
            available_after: document.text("refresh.available_after", LENGTH)?,
            ages: document.list("refresh.ages", AGES)?,
            hole_ages: document.list("refresh.hole_ages", AGES)?,
            every: document.text("watch.every", LENGTH)?,
            rejects: document.number("keep.rejects", COUNT)?,
            runs: document.text("keep.runs", "a length of time in quotes, such as \"400d\"")?,
        };
        document.finish()?;
        Ok(file)
    }

    /// Every text that was given.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let texts = [
            &self.username,
            &self.secret_key_file,
            &self.endpoint,
            &self.database,
            &self.start,
            &self.slot_label,
            &self.window,
            &self.timeout,
            &self.max_body,
            &self.retention,
            &self.base,
            &self.cap,
            &self.available_after,
            &self.every,
            &self.runs,
        ];
        let lists = [
            &self.secret_key_command,
            &self.domains,
            &self.ages,
            &self.hole_ages,
        ];
        let texts = texts.into_iter().flatten().map(|setting| setting.value.as_str());
        let words = lists.into_iter().flatten().flat_map(|setting| &setting.value);
        texts.chain(words.map(String::as_str))
    }

    /// `path` as the file means it: relative to the file's own directory.
    #[must_use]
    pub fn relative(&self, path: &str) -> PathBuf {
        self.path
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new(""))
            .join(path)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut file = patience::open(path)?;
    let bytes = patience::read_all(&mut file, MAX_BYTES, patience::PATIENCE)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}
