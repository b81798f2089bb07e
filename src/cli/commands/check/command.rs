//! The order of the checks.

use clap::Args;

use super::report::Report;
use super::{database, service, settings};
use crate::cli::options::{DomainArgs, FormatArgs};
use crate::cli::{CliError, Context, ExitStatus};

/// Check the configuration, the way to the API, the clock and the database
///
/// Shows every setting with the place it comes from, makes one request (for an hour of the first domain,
/// one to three hours ago, not stored), says how the API reads its range, and compares the clocks. Then it checks the
/// database and its disk, and reports what the file remembers: the oldest slot that was served lately, the youngest age
/// refused as too old, 5-minute points, the largest complete answer, the last answer to this user name, and what is
/// refused at present. Writes nothing.
///
/// With --deep everything in the file that can be verified is: indexes, the schema, every stored figure against the sum
/// of its month, what was asked for and the gaps, and the rollups against the points. A figure that another program or a
/// bad disk changed is found and named. This reads all of the file several times, also while a run writes.
///
/// Ends with 0 if nothing failed, 2 for the configuration, 4 if the API refused the credentials, 5 if the
/// database cannot be used, 1 otherwise; the first of these that applies.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats check
  jdcdn-stats check --offline --format json
  jdcdn-stats check --offline --deep")]
pub struct CheckArgs {
    #[command(flatten)]
    domains: DomainArgs,
    /// Skip what talks to the API
    #[arg(long)]
    offline: bool,
    /// Verify everything in the database that can be verified; takes some seconds a million points
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    output: FormatArgs,
}

impl CheckArgs {
    /// Checks, and prints what was found.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let mut report = Report::default();
        match context.config(|overrides| self.domains.add_to(overrides)) {
            Ok(config) => {
                settings::check(&mut report, &config);
                let credentials = settings::check_key(&mut report, context, &config);
                if self.offline {
                    report.skip("api", "not asked, because of --offline");
                } else {
                    service::check(&mut report, context, &config, credentials)?;
                }
                database::check(&mut report, &config, self.deep);
            }
            Err(error) => {
                let help = "correct it and check again: nothing else was looked at";
                report.fail("configuration", error.status(), error.to_string(), help);
            }
        }
        report.print(self.output.format, context.streams.stdout)?;
        Ok(report.exit_status())
    }
}
