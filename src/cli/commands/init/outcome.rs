//! Writes the files, and says what was done.

use std::io::Write;
use std::path::Path;

use super::dialog;
use super::files::KEY_FILE;
use super::key::KeyPlace;
use super::setup::{Setup, Trial};
use crate::api::Listing;
use crate::cli::directory_owner::DirectoryOwner;
use crate::cli::view::text::{self, counted, shell_word};
use crate::cli::{CliError, Context};
use crate::config::annotated::annotated;
use crate::config::file::DEFAULT_FILE;
use crate::config::{Config, Environment, FileConfig, Overrides, ValueSource};
use crate::model::AccountDomain;
use crate::model::convert::to_u64;
use crate::model::discovery::is_among;

/// The first lines of the file.
const HEAD: &str = "\
# The configuration of jdcdn-stats, written by `jdcdn-stats init`. It holds no secret.
# Every key is here. A line that begins with `#` shows the default or an example: remove the `#` to change it.
";

/// The configuration that the units of `deploy/` and of the package read.
const CONFIG_OF_UNITS: &str = "/etc/jdcdn-stats/jdcdn-stats.toml";
/// Where their timer is, once it is installed.
const TIMERS: [&str; 3] = [
    "/etc/systemd/system/jdcdn-stats.timer",
    "/usr/lib/systemd/system/jdcdn-stats.timer",
    "/lib/systemd/system/jdcdn-stats.timer",
];

impl Setup {
    /// Writes the files, after the text of the configuration was read back.
    pub fn write(&self, context: &Context<'_, '_>) -> Result<(), CliError> {
        let key = self
            .key
            .as_ref()
            .ok_or_else(|| CliError::usage("no secret key is given"))?;
        let source = ValueSource::Flag("the key");
        let (written, secret) = match &key.place {
            KeyPlace::NewFile => (("secret_key_file", vec![KEY_FILE.into()]), Some(&key.secret)),
            KeyPlace::File(path) => (("secret_key_file", vec![path.clone()]), None),
            KeyPlace::Command(words) => (("secret_key_command", words.clone()), None),
        };
        let mut all = self.given.clone();
        all.set(written.0, written.1, source);
        let text = annotated(HEAD, &all.written()?);
        self.read_back(&text, context)?;
        self.target.write(&text, secret)
    }

    /// Refuses a text that does not mean what was given.
    fn read_back(&self, text: &str, context: &Context<'_, '_>) -> Result<(), CliError> {
        let now = context.now();
        let file = FileConfig::parse(&self.target.config, text)?;
        let read = Config::resolve(&Overrides::default(), &Environment::default(), file, now)?;
        let meant = self.given.config(&Environment::default(), now)?;
        let of = |config: &Config| {
            let Config {
                username,
                selected_domains,
                start,
                endpoint,
                allow_plaintext,
                discover,
                ..
            } = config.clone();
            (
                username,
                selected_domains,
                start,
                endpoint.to_string(),
                allow_plaintext,
                discover,
            )
        };
        if of(&read) == of(&meant) {
            return Ok(());
        }
        Err(CliError::failed(
            "the text of the configuration does not mean what was given; nothing was written; please report this",
        ))
    }

    /// Says what was done, and what to do next.
    pub fn report(&self, trial: &Trial, context: &mut Context<'_, '_>) -> Result<(), CliError> {
        let config = self.given.config(context.environment, context.now())?;
        let out = &mut *context.streams.stdout;
        match trial {
            Trial::Skipped => writeln!(
                out,
                "The API was not asked, because of --no-check: `check` will show whether the key works.\n"
            )?,
            Trial::Points(points) => writeln!(
                out,
                "The API accepted the key, and answered for {} with {}.\n",
                text::domain_list(&config.selected_domains),
                counted(*points, "point")
            )?,
            Trial::Listed(listing) => report_list(listing, &config, out)?,
        }
        let domains = counted(to_u64(config.selected_domains.len()), "domain");
        let start = self
            .given
            .get("start")
            .map(ToString::to_string)
            .unwrap_or_default();
        writeln!(out, "Written:")?;
        writeln!(
            out,
            "  {}: {domains}, from {start} on",
            text::path(&self.target.config)
        )?;
        if let Some(key) = &self.key {
            match &key.place {
                KeyPlace::NewFile => writeln!(
                    out,
                    "  {}: the secret key, for its owner alone (mode 0600)",
                    text::path(&self.target.key_file())
                )?,
                KeyPlace::File(_) | KeyPlace::Command(_) => {}
            }
            if let Some(note) = &key.note {
                writeln!(out, "\nNote: {note}")?;
            }
        }
        report_next(&self.target.config, &config.database, out)
    }
}

/// Says what to type next: `check`, and what fetches as the user who will own the database.
fn report_next(config: &Path, database: &Path, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(out, "\nNext:")?;
    writeln!(out, "  {}", next_command(config, "check"))?;
    let sync = next_command(config, "sync");
    let Some(owner) = DirectoryOwner::besides_root(database) else {
        return Ok(writeln!(out, "  {sync}")?);
    };
    let has_timer = TIMERS.iter().any(|timer| Path::new(timer).exists());
    if has_timer && config == Path::new(CONFIG_OF_UNITS) {
        writeln!(out, "  systemctl enable --now jdcdn-stats.timer")?;
        writeln!(
            out,
            "\nDo not run `sync` as root: the database would belong to root, and {owner} could not write to it."
        )?;
    } else {
        writeln!(out, "  {} {sync}", owner.prefix())?;
        writeln!(
            out,
            "\nThe directory of the database belongs to {owner}. Run `sync` as that user, who must be able to read the \
             configuration and the key. A database that root makes belongs to root."
        )?;
    }
    Ok(())
}

/// Says what the account has, and which of its domains are left out.
fn report_list(listing: &Listing, config: &Config, out: &mut dyn Write) -> Result<(), CliError> {
    let count = counted(to_u64(listing.domains.len()), "domain");
    writeln!(out, "The API accepted the key. The account has {count}.")?;
    let is_left_out = |domain: &&AccountDomain| !is_among(&config.selected_domains, &domain.name);
    let left_out: Vec<_> = listing.domains.iter().filter(is_left_out).collect();
    for domain in left_out.iter().take(dialog::MAX_SHOWN) {
        writeln!(out, "  left out: {} ({})", domain.name, domain.status)?;
    }
    if left_out.len() > dialog::MAX_SHOWN {
        writeln!(out, "  left out: {} more", left_out.len() - dialog::MAX_SHOWN)?;
    }
    for line in dialog::unreadable(listing) {
        writeln!(out, "{line}")?;
    }
    if let Some(flaw) = &listing.flaw {
        writeln!(out, "  The list may be incomplete: {flaw}.")?;
    }
    Ok(writeln!(out)?)
}

/// Returns the command line of a later command, as it is typed into a shell.
fn next_command(config: &Path, command: &str) -> String {
    let program = std::env::args_os().next().unwrap_or_else(|| "jdcdn-stats".into());
    let program = shell_word(&program);
    if config == Path::new(DEFAULT_FILE) {
        return format!("{program} {command}");
    }
    format!("{program} --config {} {command}", shell_word(config.as_os_str()))
}
