//! `simulate`: the API simulator.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret as _;

use crate::cli::options::length;
use crate::cli::{CliError, Context, ExitStatus};
use crate::interrupt;
use crate::model::Domain;
use crate::model::convert::to_i64;
use crate::simulator::{RowShape, Settings, Simulator, SpanLimit};

const DAY: Duration = Duration::from_hours(24);

/// Run the API simulator, to try commands without an account
///
/// It serves invented traffic of invented domains, the same for the same seed, with the checks, limits and faults
/// of the real API. It listens on this machine only. Stop it with Ctrl-C.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  jdcdn-stats simulate --domain www.a.com --fault-rate 0.05 > sim.env
In another shell (the key is the one of the vendor's documented example):
  . ./sim.env
  jdcdn-stats backfill -d www.a.com --from 7d --to now")]
pub struct SimulateArgs {
    /// Address of this machine to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Domain of the simulated account; list several after one -d, with commas, or with -d again [default: three of
    /// example.com]
    #[arg(short, long = "domain", value_name = "DOMAIN", num_args = 1.., value_delimiter = ',')]
    domains: Vec<Domain>,
    /// Seed of the traffic
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Share of requests that meet a temporary fault, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    fault_rate: f64,
    /// Share of requests that get a wrong answer, from 0 to 1: refused without a reason, or with wrong data
    ///
    /// Wrong data is a missing, empty or shortened domain, a malformed entry, a bad figure, hourly points, points
    /// of another window, status 21, and so on. A repeated request may get the same wrong answer.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    lie_rate: f64,
    /// Seed that selects the requests with a fault or a wrong answer
    #[arg(long, value_name = "N", default_value_t = 1)]
    fault_seed: u64,
    /// Length of the account's history
    #[arg(long, value_name = "LENGTH", default_value = "90d")]
    retention: String,
    /// Longest range of one request, in days
    #[arg(long, value_name = "DAYS", value_parser = ["1", "7", "30", "31"], default_value = "7")]
    max_days: String,
    /// Delay before each answer
    #[arg(long, value_name = "LENGTH", default_value = "0s")]
    latency: String,
    /// Write points as objects instead of arrays, as in the example of a similar endpoint
    #[arg(long)]
    objects: bool,
}

impl SimulateArgs {
    /// Serves until a signal comes.
    pub fn run(&self, context: &mut Context<'_, '_>) -> Result<ExitStatus, CliError> {
        let settings = self.settings()?;
        if !self.listen.ip().is_loopback() {
            return Err(CliError::usage(format!(
                "--listen {} can be reached from other machines: use 127.0.0.1 and a port",
                self.listen
            )));
        }
        let failed = |error: std::io::Error| {
            CliError::usage(format!(
                "cannot listen on {}: {error}; use another port, or 0 for a free one",
                self.listen
            ))
        };
        let listener = TcpListener::bind(self.listen).map_err(failed)?;
        let (username, key) = (settings.username.clone(), settings.secret_key.clone());
        let domains = settings.domains.join(" ");
        let simulator = Simulator::start(listener, settings, Arc::clone(&context.clock)).map_err(failed)?;
        let out = &mut context.streams.stdout;
        writeln!(out, "export JDCDN_ENDPOINT={}", simulator.endpoint())?;
        writeln!(out, "export JDCDN_USERNAME={username}")?;
        writeln!(out, "export JDCDN_SECRET_KEY={}", key.expose_secret())?;
        writeln!(out, "# domains: {domains}")?;
        writeln!(out, "# stop with Ctrl-C")?;
        out.flush()?;
        interrupt::careful_to_the_end();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| CliError::new(ExitStatus::FAILED, &error))?;
        let signal = runtime.block_on(interrupt::raised());
        drop(simulator);
        Ok(ExitStatus::from(signal))
    }

    fn settings(&self) -> Result<Settings, CliError> {
        for (flag, share) in [("--fault-rate", self.fault_rate), ("--lie-rate", self.lie_rate)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(CliError::usage(format!(
                    "{flag} {share} is not a share from 0 to 1"
                )));
            }
        }
        let retention = length("--retention", &self.retention, DAY..=3_660 * DAY)?;
        let latency = length(
            "--latency",
            &self.latency,
            Duration::ZERO..=Duration::from_mins(1),
        )?;
        let mut settings = Settings {
            seed: self.seed,
            retention_seconds: Some(to_i64(retention.as_secs())),
            span_limit: Some(match self.max_days.as_str() {
                "1" => SpanLimit::OneDay,
                "30" => SpanLimit::ThirtyDays,
                "31" => SpanLimit::ThirtyOneDays,
                _ => SpanLimit::SevenDays,
            }),
            latency,
            fault_rate: self.fault_rate,
            lie_rate: self.lie_rate,
            fault_seed: self.fault_seed,
            row_shape: if self.objects {
                RowShape::Objects
            } else {
                RowShape::Arrays
            },
            ..Settings::demo()
        };
        if !self.domains.is_empty() {
            settings.domains = self.domains.iter().map(ToString::to_string).collect();
        }
        Ok(settings)
    }
}
