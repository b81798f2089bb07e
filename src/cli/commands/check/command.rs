//! The order of the checks.

use clap::Args;

use super::report::CheckReport;
use super::{database, discovery, service, settings};
use crate::cli::options::{DomainArgs, FormatArgs};
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::discovery::followed;

/// Check the configuration, the connection to the API, the clock and the database
///
/// Shows every setting with its source. Makes one request for an hour of the first domain, and stores nothing of it.
/// Shows how the API reads the range of a request, and compares the clocks. Checks the database and its disk, and
/// shows what the file remembers of the API: ages that were served or refused, 5-minute points, the largest complete
/// answer, the last answer to this user name, and the ranges that are refused now. With `discover` it also lists the
/// account's domains. Writes nothing.
///
/// --deep verifies everything in the file that can be verified: indexes, the schema, every stored figure against the
/// sum of its month, coverage and gaps, and the rollups against the points. It finds and names a figure that another
/// program or a bad disk has changed. It reads the whole file several times, also while a run writes.
///
/// Exit codes: 2 the configuration is wrong, 4 the API refused the credentials, 5 the database cannot be used, 1
/// anything else failed, 0 nothing failed. The first in this order decides.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats check
  jdcdn-stats check --offline --format json
  jdcdn-stats check --offline --deep")]
pub struct CheckArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// Skip the checks that talk to the API
    #[arg(long)]
    offline: bool,
    /// Verify everything in the database; takes some seconds for each million points
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    output: FormatArgs,
}

impl CheckArgs {
    /// Checks, and prints the results.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let mut report = CheckReport::default();
        match context.config(|overrides| self.domains.add_to(overrides)) {
            Ok(mut config) => {
                settings::check(&mut report, &config);
                let known = discovery::known(&config);
                config.follow(&followed(&known));
                let credentials = settings::check_key(&mut report, context, &config);
                if self.offline {
                    report.skip("api", "not asked, because of --offline");
                } else {
                    service::check(&mut report, context, (&config, &known), credentials)?;
                }
                database::check(&mut report, &config, self.deep);
            }
            Err(error) => {
                let help = "correct it and check again: nothing else was checked";
                report.error("configuration", error, help);
            }
        }
        let format = self.output.format;
        report.print(format, &mut context.streams.result(format))?;
        Ok(report.exit_status())
    }
}
