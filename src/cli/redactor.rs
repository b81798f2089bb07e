//! The last guard of the account's secrets: all output passes through it.
//!
//! Answers are redacted where they arrive ([`Client`](crate::api::Client)), so nothing derived from them contains a
//! secret. This filter is for everything else: a key in the wrong place, errors of libraries, panics.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use secrecy::{ExposeSecret as _, SecretString};

use crate::api::{self, SigningDate};
use crate::clock::SharedClock;
use crate::config::{Config, ConfigError, Environment, FileConfig, Overrides, keys};
use crate::model::{Credentials, UnixSeconds};
use crate::redact::{Secrets, looks_like_key};

/// A line without an end is written up to its last bytes when it is longer than this.
const LONGEST_LINE: usize = 64 * 1024;

/// The secrets that must not be printed; clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<RedactorState>>);

#[derive(Default)]
struct RedactorState {
    secrets: Secrets,
    /// The accounts; each has another signature every day.
    accounts: Vec<(Credentials, SharedClock)>,
    signed_for: Option<SigningDate>,
}

impl Redactor {
    /// Loads the configuration, and redacts everything in it that could be a key.
    pub fn load_config(
        &self,
        overrides: &Overrides,
        environment: &Environment,
        now: UnixSeconds,
    ) -> Result<Config, ConfigError> {
        self.add(environment.secrets());
        self.suspect(environment.texts(keys::variables()));
        self.suspect(overrides.texts());
        let file = FileConfig::load(overrides.config.as_deref(), environment)?;
        self.suspect(file.texts());
        let key = file.secret_key(environment).ok().flatten();
        if let Some(text) = key.and_then(|key| key.peek()) {
            self.add(text.expose_secret().split_whitespace().map(Cow::Borrowed));
        }
        Config::resolve(overrides, environment, file, now)
    }

    /// Redacts everything that looks like a key on a command line that failed, because the error may quote its words.
    pub fn suspect_arguments(&self, environment: &Environment, args: &[OsString]) {
        self.add(environment.secrets());
        let words = args.iter().flat_map(|arg| {
            let arg = arg.to_string_lossy().into_owned();
            // `-pKEY` is an option and its value.
            let value = arg
                .strip_prefix('-')
                .and_then(|rest| rest.get(1..))
                .map(str::to_owned);
            value.into_iter().chain([arg]).map(Cow::Owned)
        });
        self.suspect(words);
    }

    /// Returns the account's credentials, and redacts them from now on.
    pub fn credentials(&self, config: &Config, clock: &SharedClock) -> Result<Credentials, ConfigError> {
        let credentials = config.credentials()?;
        self.add_account(&credentials, clock);
        Ok(credentials)
    }

    /// Redacts the key and the signatures of an account from now on.
    pub fn add_account(&self, credentials: &Credentials, clock: &SharedClock) {
        let mut state = self.write();
        state.accounts.push((credentials.clone(), Arc::clone(clock)));
        state.signed_for = None;
    }

    /// Redacts a secret key from now on.
    pub fn hide(&self, key: &SecretString) {
        self.add([Cow::Borrowed(key.expose_secret())]);
    }

    /// Redacts the `texts` that look like a key.
    pub fn suspect<'t>(&self, texts: impl IntoIterator<Item = Cow<'t, str>>) {
        for text in texts {
            // A key may be part of an address, a path or a sentence.
            let is_between = |char: char| !(char.is_ascii_alphanumeric() || "+=_-".contains(char));
            let pieces = text
                .split(is_between)
                .flat_map(|piece| piece.split('=').chain([piece]));
            self.add(pieces.filter(|piece| looks_like_key(piece)).map(Cow::Borrowed));
        }
    }

    /// Returns `text` without secrets.
    #[must_use]
    pub fn output<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.sign();
        let state = self.read();
        state.secrets.redacted_output(text)
    }

    /// Returns the state. A thread that panicked leaves it usable.
    fn read(&self) -> RwLockReadGuard<'_, RedactorState> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, RedactorState> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn add<'t>(&self, texts: impl IntoIterator<Item = Cow<'t, str>>) {
        let mut state = self.write();
        for text in texts {
            state.secrets.add(&text);
        }
    }

    /// Adds the signatures of a new day.
    fn sign(&self) {
        let today = {
            let state = self.read();
            let clock = state.accounts.last().map(|(_, clock)| clock);
            match clock.map(|clock| SigningDate::from_unix(clock.now())) {
                Some(today) if state.signed_for != Some(today) => today,
                _ => return,
            }
        };
        let mut state = self.write();
        state.signed_for = Some(today);
        let RedactorState {
            secrets, accounts, ..
        } = &mut *state;
        for (credentials, _) in accounts {
            api::add_secrets(secrets, credentials, today);
        }
    }

    /// Returns how many bytes of a text may be the beginning of a secret; 0 while there is no secret.
    fn reach(&self) -> usize {
        self.sign();
        let state = self.read();
        state.secrets.reach()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

/// Writes whole lines without secrets. A line without an end waits for it, or for a flush.
pub struct RedactingWriter<'w> {
    out: &'w mut dyn Write,
    redactor: Redactor,
    pending: Vec<u8>,
}

impl<'w> RedactingWriter<'w> {
    /// Returns a writer to `out`.
    pub fn new(out: &'w mut dyn Write, redactor: Redactor) -> Self {
        Self {
            out,
            redactor,
            pending: Vec::new(),
        }
    }

    fn emit(&mut self, length: usize) -> io::Result<()> {
        let rest = self.pending.split_off(length.min(self.pending.len()));
        let ready = std::mem::replace(&mut self.pending, rest);
        self.out.write_all(&self.redactor.output(&ready))
    }
}

impl Write for RedactingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let reach = self.redactor.reach();
        if reach == 0 && self.pending.is_empty() {
            return self.out.write(bytes);
        }
        self.pending.extend_from_slice(bytes);
        if let Some(end) = memchr::memrchr(b'\n', bytes) {
            self.emit(self.pending.len() - bytes.len() + end + 1)?;
        } else if self.pending.len() > LONGEST_LINE.max(4 * reach) {
            // A secret that begins before this place is complete.
            let covered = self.redactor.output(&self.pending).into_owned();
            self.pending = covered;
            self.emit(self.pending.len() - reach)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.emit(usize::MAX)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, ManualClock};

    const KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";
    const SIGNED: &str = "a35685491fd80a80b40a718c3a5c5c56";

    /// When the documented signature was good.
    const DOCUMENTED: i64 = 1_477_152_000;

    /// A redactor of the documented account.
    fn redactor(now: i64) -> (Redactor, ManualClock) {
        let clock = ManualClock::new(now);
        let redactor = Redactor::default();
        let variables = [("JDCDN_USERNAME", "jcloud_00"), ("JDCDN_SECRET_KEY", KEY)];
        let environment = Environment::new(variables);
        let config = redactor
            .load_config(&Overrides::default(), &environment, clock.now())
            .unwrap();
        let shared: SharedClock = Arc::new(clock.clone());
        redactor.credentials(&config, &shared).unwrap();
        (redactor, clock)
    }

    fn written(redactor: &Redactor, pieces: &[&str]) -> String {
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(&mut out, redactor.clone());
        for piece in pieces {
            assert_eq!(writer.write(piece.as_bytes()).unwrap(), piece.len());
        }
        writer.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_secret_in_pieces_is_covered() {
        let (redactor, _) = redactor(DOCUMENTED);
        let stars = "*".repeat(32);
        let capitals = SIGNED.to_uppercase();
        let pieces = ["a ", &KEY[..9], &KEY[9..], "\nb ", &capitals, "\nc"];
        assert_eq!(written(&redactor, &pieces), format!("a {stars}\nb {stars}\nc"));
        assert_eq!(written(&Redactor::default(), &pieces), pieces.concat());
    }

    #[test]
    fn a_line_without_an_end_is_written_and_covered_wherever_it_is_cut() {
        let (redactor, _) = redactor(DOCUMENTED);
        let filler = "x".repeat(997);
        let mut pieces: Vec<&str> = Vec::new();
        for _ in 0..300 {
            pieces.extend([&*filler, &KEY[..20], &KEY[20..]]);
        }
        let expected = pieces.concat().replace(KEY, &"*".repeat(32));
        assert_eq!(written(&redactor, &pieces), expected);
        let mut out = Vec::new();
        let mut writer = RedactingWriter::new(&mut out, redactor);
        for piece in &pieces {
            writer.write_all(piece.as_bytes()).unwrap();
            assert!(writer.pending.len() <= LONGEST_LINE + filler.len());
        }
        drop(writer);
        assert!(!out.is_empty(), "nothing is written before the flush");
    }

    #[test]
    fn the_signatures_of_a_new_day_are_covered() {
        let (redactor, clock) = redactor(DOCUMENTED - 40 * 86_400);
        assert_eq!(redactor.output(SIGNED.as_bytes()), SIGNED.as_bytes());
        for day in [-1, 0, 1] {
            clock.set(DOCUMENTED + day * 86_400);
            assert_eq!(redactor.output(SIGNED.as_bytes()), "*".repeat(32).as_bytes());
        }
    }

    #[test]
    fn a_key_in_place_of_another_setting_is_covered_in_the_error_that_names_it() {
        let given = "3F2504E04F8911D39A0C0305E82C3301";
        for name in ["JDCDN_ENDPOINT", "JDCDN_DB", "JDCDN_USERNAME", "JDCDN_CONFIG"] {
            let redactor = Redactor::default();
            let environment = Environment::new([(name, given)]);
            let config = redactor.load_config(&Overrides::default(), &environment, 0);
            let text = format!("{config:?} {given}");
            let shown = redactor.output(text.as_bytes());
            let shown = String::from_utf8_lossy(&shown);
            assert!(
                !shown.contains(given) && shown.contains("****"),
                "{name}: {shown}"
            );
        }
    }
}
