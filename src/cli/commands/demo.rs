//! `demo`: the whole pipeline without an account.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::{DecimalBytes, HumanCount};

use crate::cli::options::OutputFormat;
use crate::cli::output::{Cell, RowWriter as _, TableWriter};
use crate::cli::pull::Pull;
use crate::cli::{CliError, Context, ExitStatus};
use crate::config::{Config, Environment, FileConfig, Overrides};
use crate::model::convert::to_u64;
use crate::model::slot::DAY_SECONDS;
use crate::model::{Credentials, DataSource, Span, text};
use crate::plan::Order;
use crate::simulator::{Settings, Simulator};
use crate::store::{MonthOfDomain, Reader, StoredData, stored_data};

/// The database of the demo, unless `--db` names another.
const DATABASE: &str = "jdcdn-demo.db";
/// How much history the demo fetches.
const DAYS: i64 = 30;
/// How many columns the demo uses where there is no terminal.
const WIDTH: usize = 80;

/// Try the whole pipeline without an account
///
/// Starts the built-in API simulator on a free port of this machine, fetches 30 days of 3 invented domains from
/// it, faults included, and shows the result. The database is kept. Run the demo again, and it asks only for new
/// data.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:\n  jdcdn-stats demo --db demo.db")]
pub struct DemoArgs {}

impl DemoArgs {
    /// Runs the demo.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let settings = Settings::demo();
        let credentials = Credentials::new(settings.username.clone(), settings.secret_key.clone());
        let domains = settings.domains.clone();
        let simulator = Simulator::on_loopback(settings, Arc::clone(&context.clock))
            .map_err(|error| CliError::new(ExitStatus::FAILED, &error))?;
        // The user's own configuration is not used.
        let mut overrides = Overrides::default();
        let database = context.global.db.clone();
        overrides.set("database", [database.unwrap_or_else(|| PathBuf::from(DATABASE))]);
        overrides.set("domains", domains);
        overrides.set("endpoint", [simulator.endpoint()]);
        overrides.set("fetch.requests_per_second", ["0"]);
        let now = context.now();
        let config = Config::resolve(&overrides, &Environment::default(), FileConfig::default(), now)?;
        let range = Span::new(now - DAYS * DAY_SECONDS, now)
            .ok_or_else(|| CliError::usage("this machine's clock shows a time before 1970"))?;
        refuse_real(&config.database)?;
        let pull = Pull {
            command: "demo",
            domains: config.require_domains()?.to_vec(),
            range: range.to_grid(),
            named: false,
            force: false,
            follows: false,
            discovers: false,
            order: Order::OldestFirst,
        };
        // Whoever tries the demo reads it, on whatever it is shown.
        context.streams.width = Some(context.streams.width.unwrap_or(WIDTH));
        let out = &mut context.streams.human();
        writeln!(
            out,
            "A simulator of the API answers at {}; {DAYS} days of 3 domains are fetched from it.\n",
            simulator.endpoint()
        )?;
        out.flush()?;
        let (status, summary) = pull.carry_out(context, &config, credentials, OutputFormat::Human)?;
        if summary.stop.is_some() {
            return Ok(status);
        }
        let reader = Reader::open(&config.database)?;
        months(&reader, &mut context.streams.human())?;
        what_next(&config.database, context.streams.stdout)?;
        Ok(status)
    }
}

/// Refuses a database that a run for an account has written to, before anything in it is touched.
fn refuse_real(database: &Path) -> Result<(), CliError> {
    // The run itself says what is wrong with a file that cannot be read, and changes nothing in it.
    let Ok(stored) = stored_data(database) else {
        return Ok(());
    };
    match stored {
        StoredData::Nothing | StoredData::From(DataSource::Simulator) => Ok(()),
        StoredData::NoStatistics | StoredData::From(DataSource::Api) => Err(CliError::usage(format!(
            "the database `{}` belongs to an account: `demo` would mix invented figures with real ones. Nothing was changed; \
             name another file with `--db`",
            text::printable_path(database)
        ))),
    }
}

/// Prints the monthly billing measures of every domain and of the account.
fn months(reader: &Reader, out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(
        out,
        "\nBilling figures of the months so far (UTC+8; bandwidth in Mbit/s):\n"
    )?;
    let columns = ["domain", "month", "points", "95 peak", "traffic", "requests"];
    let count = |count: u64| HumanCount(count).to_string().into();
    let mut table = TableWriter::plain(columns, out);
    reader.each_month(|month: &MonthOfDomain| {
        let figures = &month.figures;
        let domain = month.domain.as_deref().unwrap_or("(the account)");
        let traffic = DecimalBytes(to_u64(figures.traffic_bytes));
        let row: [Cell<'_>; 6] = [
            domain.into(),
            month.month_cst.as_str().into(),
            count(figures.points),
            megabits(figures.bandwidth_95).into(),
            traffic.to_string().into(),
            count(to_u64(figures.pv)),
        ];
        table.row(&row).map_err(CliError::from)
    })?;
    Ok(table.finish()?)
}

/// Returns Mbit/s as the vendor bills them: 10^6 bit/s (an assumption; similar vendors document it).
fn megabits(bits: i64) -> String {
    let tenths = bits / 100_000;
    format!("{}.{}", HumanCount(to_u64(tenths / 10)), tenths % 10)
}

fn what_next(database: &Path, out: &mut dyn Write) -> std::io::Result<()> {
    let path = database.display();
    let binary = std::env::args()
        .next()
        .unwrap_or_else(|| "jdcdn-stats".to_owned());
    writeln!(
        out,
        "
The database is {path}. Next:

  {binary} --db {path} status
  {binary} --db {path} bill
  {binary} --db {path} query \\
    'SELECT domain, max(bandwidth) AS peak FROM origin_stats GROUP BY domain'
  {binary} --db {path} report demo.html
  {binary} --db {path} snapshot demo-bi.db
  {binary} --help

`report` writes charts into one page. `snapshot` writes a copy for BI tools.
Run the demo again, and it asks only for new data."
    )
}
