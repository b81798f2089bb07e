//! `domains`: the domains of the account, and which of them are fetched.
//!
//! - `rows`: what the API lists, the configuration names and the database follows, joined by name
//! - `list`, `forget`: the two actions

mod forget;
mod list;
mod rows;

use clap::{Args, Subcommand};

use self::forget::ForgetArgs;
use self::list::ListArgs;
use crate::cli::{CliError, Context, ExitStatus};

/// Show the domains of the account, and which of them are fetched
///
/// Asks the API for the account's domains. With `discover = "follow"` in the configuration, `sync` and `watch` ask for
/// this list once a day, and fetch new domains, too. With `discover = "warn"`, they name new domains once a day.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats domains list
  jdcdn-stats domains list --format csv
  jdcdn-stats domains forget www.a.com")]
pub struct DomainsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the account's domains by the API, and compare them with the configuration
    ///
    /// Makes one or a few requests, and writes nothing. `fetched` says why runs fetch a domain: it is configured, or
    /// the database follows it. The API does not list live streaming domains, so a configured domain that is not
    /// listed may still be right.
    ///
    /// Exit code 3: the list is inconsistent, so domains may be missing from it. 4: the API refused the credentials.
    List(ListArgs),
    /// Stop fetching a domain that the database follows
    ///
    /// Its figures stay. It is not followed again, even if the account still has it. A domain that the configuration
    /// names is fetched as long as it stands there. Waits for nobody: exit code 75 if a run is at work.
    Forget(ForgetArgs),
}

impl DomainsArgs {
    /// Lists the domains, or forgets one.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        match &self.action {
            Action::List(args) => args.run(context),
            Action::Forget(args) => args.run(context),
        }
    }
}
