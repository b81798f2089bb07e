//! `bill`: what a month is billed by.
//!
//! - `figures`: the fields of a month, as JSON and CSV write them
//! - `human`: the same for people; `glance`: a line for each domain
//! - `close`: keeps a month as it stands
//! - `changes`: what is different since; `changes_writer`, `changes_human`, `changes_rows`: its formats

mod changes;
mod changes_human;
mod changes_rows;
mod changes_writer;
mod close;
mod figures;
mod glance;
mod human;
mod words;

use clap::{Args, ValueEnum};

use crate::cli::{CliError, Context, ExitStatus};
use crate::config::Config;
use crate::model::{CalendarMonth, Domain, UnixSeconds};
use crate::store::{MonthBills, Reader};

/// Show what a month is billed by, close it, or show what changed since
///
/// Applies the vendor's billing rules to the back-to-origin traffic of mainland China that is stored: the 95 peak, the
/// peak, the fourth peak, the mean of the daily peaks, traffic and requests, for the account and for each domain. This
/// is not the invoice of the CDN: that traffic is measured at the edge. The vendor's factor for billing days is not
/// applied. The figures are as of the end of the last run. Nothing is fetched, and no point is read.
///
/// A month that is not over also shows what is certain so far and a forecast.
///
/// --close keeps the month as it stands, in `origin_closings`. Nothing ever deletes it. A month that is not over is
/// refused (exit code 2). While a run is at work, it waits (see --wait), and then ends with 75. --changes compares the
/// month with its last closing: points that were restated or came late since, and days whose counts differ because they
/// were fetched since.
///
/// Exit code 1: the database has no figures of the month, or --changes finds no closing of it.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  jdcdn-stats bill
  jdcdn-stats bill -d www.a.com --format json
  jdcdn-stats bill 2026-05 --close --note \"invoice 4711\"
  jdcdn-stats bill 2026-05 --changes")]
pub struct BillArgs {
    /// Month, such as 2026-10 (UTC+8) [default: the running month]
    #[arg(value_name = "MONTH")]
    month: Option<String>,
    /// Domain to show; list several after one -d, with commas, or with -d again [default: all stored domains]
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<String>,
    /// Keep the figures of the month as they stand
    #[arg(long, conflicts_with_all = ["domains", "changes"])]
    close: bool,
    /// What to write next to the closing: at most 500 characters
    #[arg(long, value_name = "TEXT", requires = "close")]
    note: Option<String>,
    /// How long to wait for a run that is at work [default: 1m]
    #[arg(long, value_name = "DURATION", requires = "close")]
    wait: Option<String>,
    /// Show what is different since the month was closed
    #[arg(long)]
    changes: bool,
    /// Number of the closing to compare with [default: the last one of the month]
    #[arg(long, value_name = "ID", requires = "changes")]
    closing: Option<i64>,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: BillFormat,
}

/// The format of a bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum BillFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON value; fields are only ever added.
    Json,
    /// One row for the account and one for each domain, with all figures.
    Csv,
}

/// The month, and what it is looked at with.
#[derive(Debug)]
struct Asked {
    config: Config,
    month: CalendarMonth,
    now: UnixSeconds,
    /// The domains to show; empty: all.
    domains: Vec<Domain>,
}

impl Asked {
    /// Returns whether a domain is to be shown.
    fn shows(&self, name: &str) -> bool {
        self.domains.is_empty() || self.domains.iter().any(|domain| domain.as_str() == name)
    }
}

impl BillArgs {
    /// Prints the bill, closes the month, or prints what changed.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let asked = self.asked(context)?;
        if self.close {
            return self.close(&asked, context);
        }
        if asked.month.is_to_come(asked.now) {
            return Err(CliError::usage(format!(
                "{} has not begun yet (UTC+8)",
                asked.month
            )));
        }
        let reader = Reader::open(&asked.config.database)?;
        if self.changes {
            return self.changes(&asked, &reader, context);
        }
        let mut bills = reader.bill(asked.month, asked.now, &asked.config.refresh)?;
        let Some(account) = bills.account else {
            return Err(no_figures(&asked, "the account"));
        };
        if let Some(missing) = asked
            .domains
            .iter()
            .find(|wanted| !bills.domains.iter().any(|(name, _)| name == wanted.as_str()))
        {
            return Err(no_figures(&asked, missing.as_str()));
        }
        bills.domains.retain(|(name, _)| asked.shows(name));
        bills.without_figures.retain(|name| asked.shows(name));
        let bill = Bill {
            month: asked.month,
            bills: &bills,
            account: &account,
            is_chosen: !asked.domains.is_empty(),
        };
        let out = &mut *context.streams.stdout;
        match self.format {
            BillFormat::Human => human::print(&bill, out)?,
            BillFormat::Json => figures::print_json(&bill, out)?,
            BillFormat::Csv => figures::print_csv(&bill, out)?,
        }
        Ok(ExitStatus::SUCCESS)
    }

    fn asked(&self, context: &Context<'_, '_>) -> Result<Asked, CliError> {
        let config = context.config(|overrides| overrides.set("domains", &self.domains))?;
        let now = context.now();
        let month = match &self.month {
            Some(given) => given
                .parse()
                .map_err(|error| CliError::usage(format!("MONTH: {error}")))?,
            None => CalendarMonth::of(now).ok_or_else(|| CliError::usage("the clock shows no month"))?,
        };
        let domains = if self.domains.is_empty() {
            Vec::new()
        } else {
            config.selected_domains.clone()
        };
        Ok(Asked {
            config,
            month,
            now,
            domains,
        })
    }
}

/// What is printed of a month.
struct Bill<'b> {
    month: CalendarMonth,
    bills: &'b MonthBills,
    account: &'b crate::model::month_bill::MonthBill,
    /// Whether domains were chosen with -d.
    is_chosen: bool,
}

fn no_figures(asked: &Asked, what: &str) -> CliError {
    let message = format!(
        "the database has no figures of {what} in {}: nothing was fetched for this month (UTC+8)",
        asked.month
    );
    CliError::failed(message).with_help(Some("`jdcdn-stats status` shows what is stored"))
}
