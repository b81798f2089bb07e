//! The arguments of `init`, and the order of its steps.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::files::Target;
use super::given::{self, Given};
use super::key;
use super::setup::{Setup, Typed, Wishes};
use super::terminal::Terminal;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::file::DEFAULT_FILE;
use crate::config::{ValueSource, environment};

/// The database, if nobody names another. In the file its path is relative to the file.
const DATABASE: &str = "jdcdn-stats.db";

/// Write the configuration and the key file, after a trial request
///
/// Asks for what the options do not give: the user name, the secret key (what you type is not shown), the domains and the
/// start of the history. Then it sends one signed request. Only if the API accepts it, it writes the configuration
/// (--config, else ./jdcdn-stats.toml) and, next to it, the key file `secret.key` with mode 0600. It never overwrites a
/// file.
///
/// The vendor issues the secret key of this API by ticket. The secret of an AccessKey does not work.
///
/// For scripts: give everything by options and add --yes. The key comes from --key-file, --key-command,
/// `JDCDN_SECRET_KEY` or `JDCDN_SECRET_KEY_FILE`; no option takes the key itself, because every user of the machine can see
/// the arguments of a program.
///
/// Exit codes: 2 a file exists already or something is missing, 4 the API refused the user name or the key, 1 the request
/// failed, or --all-domains met an inconsistent list. In all these cases nothing is written.
#[derive(Debug, Args)]
#[expect(
    clippy::doc_markdown,
    reason = "the documentation is the help, which is no Markdown"
)]
#[command(after_long_help = "Examples:
  jdcdn-stats init
  jdcdn-stats init --yes --username jcloud_00 --key-file my.key --all-domains
  jdcdn-stats init --yes --username jcloud_00 --key-command 'pass jdcdn' \\
      -d www.a.com img.a.com --start 2026-01-01")]
pub struct InitArgs {
    /// Ask nothing: everything comes from options and environment
    #[arg(short, long)]
    yes: bool,
    /// User name (pin) of the JD account [env: JDCDN_USERNAME]
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Read the secret key from this file and copy it to `secret.key`; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "key_command")]
    key_file: Option<PathBuf>,
    /// Read the secret key from the output of this program, now and in every run; no shell runs it
    #[arg(long, value_name = "PROGRAM", num_args = 1..)]
    key_command: Vec<OsString>,
    /// Domain to keep complete; list several after one -d, with commas, or with -d again
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<String>,
    /// Take all domains of the account that are running or stopped, as the API lists them
    #[arg(long, conflicts_with = "no_check")]
    all_domains: bool,
    /// What to do about new domains of the account: `off` nothing, `warn` name them once a day, `follow` fetch them, too
    #[arg(long, value_name = "MODE")]
    discover: Option<String>,
    /// Start of the history: 2026-01-01, 2026-01, or an age such as 30d [default: 30 days ago]
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Address of the API; http:// only to this machine [env: JDCDN_ENDPOINT]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Allow http:// to another machine
    #[arg(long)]
    allow_plaintext: bool,
    /// Write the files without a request to the API
    #[arg(long)]
    no_check: bool,
}

impl InitArgs {
    /// Asks, tries and writes.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let target = Target::new(config_path(context));
        target.check(false)?;
        let key = key::given(self.key_file.as_ref(), &self.key_command, &target, context)?;
        let mut setup = Setup {
            asks: !self.yes && Terminal::of(context).is_some(),
            given: self.given(context, &target)?,
            typed: Typed::default(),
            is_listless: false,
            wishes: Wishes {
                yes: self.yes,
                all_domains: self.all_domains,
                no_check: self.no_check,
            },
            target,
            key,
        };
        // A wrong value is an error before anything is asked for.
        let config = setup.given.config(context.environment, context.now())?;
        if !self.no_check {
            config.route()?;
        }
        setup.check_key_file()?;
        setup.refuse_missing()?;
        let trial = setup.try_account(context)?;
        setup.complete(&trial, context)?;
        setup.write(context)?;
        setup.report(&trial, context)?;
        Ok(ExitStatus::SUCCESS)
    }

    /// Returns the values that options and environment give.
    fn given(&self, context: &Context<'_, '_>, target: &Target) -> Result<Given, CliError> {
        let mut given = Given::default();
        let mut set = |key, flag, variable: Option<&'static str>, value: Option<OsString>| {
            let by_variable = || {
                let variable = variable?;
                let value = context.environment.raw(variable)?.to_owned();
                Some((value, ValueSource::Environment(variable)))
            };
            if let Some((value, source)) = value
                .map(|value| (value, ValueSource::Flag(flag)))
                .or_else(by_variable)
            {
                given.set(key, [value], source);
            }
        };
        set(
            "username",
            "--username",
            Some(environment::USERNAME),
            self.username.clone().map(Into::into),
        );
        let plaintext = self.allow_plaintext.then(|| "true".into());
        set("allow_plaintext", "--allow-plaintext", None, plaintext);
        set(
            "endpoint",
            "--endpoint",
            Some(environment::ENDPOINT),
            self.endpoint.clone().map(Into::into),
        );
        let discover = self.discover.clone().map(Into::into);
        set("discover", "--discover", None, discover);
        if let Some(start) = &self.start {
            let start = given::start("--start", start, context.now())?;
            set("start", "--start", None, Some(start.into()));
        }
        let by_variable = context.environment.raw(environment::DATABASE).map(PathBuf::from);
        let database = match context.global.db.clone().or(by_variable) {
            Some(path) => given::database(&path, target)?,
            None => DATABASE.into(),
        };
        set("database", "--db", None, Some(database));
        given.set("domains", &self.domains, ValueSource::Flag("--domain"));
        Ok(given)
    }
}

/// Returns the path of the configuration that is written.
fn config_path(context: &Context<'_, '_>) -> PathBuf {
    let by_variable = context.environment.raw(environment::CONFIG).map(PathBuf::from);
    let named = context.global.config.clone().or(by_variable);
    named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE))
}
