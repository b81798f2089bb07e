//! `domains list`: the account's domains, against the configuration.

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::rows::{DomainRow, rows};
use crate::api::Listing;
use crate::cli::listing::account_domains;
use crate::cli::output::separated::SeparatedWriter;
use crate::cli::output::{self, Cell, Formulas, RowWriter as _, WrappingWriter};
use crate::cli::view::text::counted;
use crate::cli::{CliError, Context, ExitStatus};
use crate::model::Discover;
use crate::model::civil;
use crate::model::convert::to_u64;

/// The columns of CSV.
const COLUMNS: [&str; 9] = [
    "domain",
    "listed",
    "status",
    "kind",
    "region",
    "cname",
    "fetched",
    "forgotten",
    "missing_since_cst",
];

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Format of the list on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: ListFormat,
}

/// The format of the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON value; fields are only ever added.
    Json,
    /// One row for each domain.
    Csv,
}

#[derive(Debug, Serialize)]
struct ListJson<'a> {
    /// Whether the listing is consistent.
    consistent: bool,
    problem: Option<String>,
    domains: &'a [DomainRow],
    unreadable: &'a [String],
}

impl ListArgs {
    pub(super) fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let config = context.config(|_| {})?;
        let credentials = context.credentials(&config)?;
        let known = match context.reader_if_present(&config)? {
            Some(reader) => reader.account_domains()?,
            None => Vec::new(),
        };
        let listing = account_domains(&config, credentials, &context.clock)?.listing;
        let rows = rows(&listing.domains, &config.configured_domains, &known);
        let width = context.streams.width;
        let out = &mut *context.streams.stdout;
        match self.format {
            ListFormat::Json => json(&listing, &rows, out)?,
            ListFormat::Csv => csv(&rows, out)?,
            ListFormat::Human => {
                let out = &mut WrappingWriter::new(out, width);
                table(&rows, width, out)?;
                notes(&rows, config.discover, out)?;
            }
        }
        for entry in &listing.unreadable {
            tracing::warn!("an entry of the list cannot be read: {entry}");
        }
        let Some(flaw) = listing.flaw else {
            return Ok(ExitStatus::SUCCESS);
        };
        tracing::warn!("the list is inconsistent, so domains may be missing from it: {flaw}");
        Ok(ExitStatus::PARTIAL)
    }
}

fn json(listing: &Listing, rows: &[DomainRow], out: &mut dyn Write) -> io::Result<()> {
    let json = ListJson {
        consistent: listing.flaw.is_none(),
        problem: listing.flaw.map(|flaw| flaw.to_string()),
        domains: rows,
        unreadable: &listing.unreadable,
    };
    output::pretty_json(&json, out)
}

fn csv(rows: &[DomainRow], out: &mut dyn Write) -> io::Result<()> {
    let columns = COLUMNS.map(str::to_owned);
    // The API's words may begin with anything.
    let mut csv = SeparatedWriter::csv(Formulas::Escaped, &columns, out)?;
    for row in rows {
        let missing = row.missing_since.map(civil::cst_second);
        csv.row(&[
            Cell::from(row.domain.as_str()),
            i64::from(row.listed).into(),
            row.status.as_deref().into(),
            row.kind.as_deref().into(),
            row.region.as_deref().into(),
            row.cname.as_deref().into(),
            row.fetched.into(),
            i64::from(row.forgotten).into(),
            missing.as_deref().into(),
        ])?;
    }
    csv.finish()
}

fn table(rows: &[DomainRow], width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let cells = rows.iter().map(|row| {
        let fetched = if row.forgotten && row.fetched == "no" {
            "no, forgotten"
        } else {
            row.fetched
        };
        [
            Cell::from(row.domain.as_str()),
            row.status.as_deref().unwrap_or("not listed").into(),
            row.kind.as_deref().unwrap_or("-").into(),
            fetched.into(),
        ]
    });
    let columns = ["domain", "status", "kind", "fetched"];
    output::fitted_table(columns, cells, (width, &["kind"]), out)
}

/// Says what to do about the differences.
fn notes(rows: &[DomainRow], discover: Discover, out: &mut dyn Write) -> io::Result<()> {
    let count = |is: &dyn Fn(&DomainRow) -> bool| to_u64(rows.iter().filter(|row| is(row)).count());
    let listed = count(&|row| row.listed);
    writeln!(out, "\nThe API lists {}.", counted(listed, "domain"))?;
    let new = count(&|row| row.is_accepted && row.fetched == "no" && !row.forgotten);
    if new > 0 {
        let advice = match discover {
            Discover::Follow => {
                "A run follows a running or stopped one\n\
                 after two lists have shown it. Add any other that you need to `domains` in the\n\
                 configuration."
            }
            Discover::Off | Discover::Warn => {
                "Add what you need to `domains` in the\n\
                 configuration, or set `discover = \"follow\"`."
            }
        };
        writeln!(out, "Not fetched: {}. {advice}", counted(new, "listed domain"))?;
    }
    let absent = count(&|row| !row.listed && row.fetched != "no");
    if absent > 0 {
        writeln!(
            out,
            "Fetched but not listed: {}. The API never lists live streaming domains.\n\
             Check the others in the vendor's console.",
            counted(absent, "domain")
        )?;
    }
    Ok(())
}
