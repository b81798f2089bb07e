//! Plans and carries out a run, for every command that fetches.
//!
//! [`Pull::prepare`] and [`Prepared::run`] print nothing. [`Pull::carry_out`] adds progress, signals and the summary.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::client;
use super::context::Context;
use super::descriptors;
use super::directory_owner::DirectoryOwner;
use super::discovery::discover;
use super::error::CliError;
use super::exit::ExitStatus;
use super::options::OutputFormat;
use super::runtime::runtime;
use super::signals::until_done;
use super::view::progress::{ProgressView, describe};
use super::view::{plan, summary, text};
use crate::api::Client;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ingest::refused_ranges::Planning;
use crate::ingest::{self, Control, Job, JobSettings, Pace, Progress, RunError, Summary};
use crate::interrupt;
use crate::model::convert::to_u64;
use crate::model::duration::show_seconds;
use crate::model::{
    Credentials, DataSource, Discover, Domain, KnownDomain, SlotLabel, Span, UnixSeconds, civil, discovery,
};
use crate::plan::{Order, Plan, PlanSettings};
use crate::store::{Creation, Expected, Holder, Reader, Store, StoreError, ensure_place};

/// How many threads look up names and read answers. Each has a heap of its own: a year of 100 domains took up to 71 MiB with four
/// threads and 57 MiB with two.
const BLOCKING_THREADS: usize = 2;
/// How often the progress is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// What to bring into the database.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The command, as the ledger and the lock name it.
    pub command: &'static str,
    /// The domains.
    pub domains: Vec<Domain>,
    /// The range.
    pub range: Span,
    /// Whether the command line names the domains. Then refused ranges are asked for at once.
    pub named: bool,
    /// Whether everything is asked for, whatever was concluded before.
    pub force: bool,
    /// Whether the domains are those of the configuration, and so also those that the database follows.
    pub follows: bool,
    /// Whether new domains of the account are looked for, if the configuration wants it.
    pub discovers: bool,
    /// Which windows come first.
    pub order: Order,
}

/// A planned run, with the database open and locked.
#[derive(Debug)]
pub struct Prepared {
    job: Job,
    store: Store,
    client: Client,
    clock: SharedClock,
}

impl Pull {
    /// Prints the plan if `dry_run`, and carries it out otherwise.
    pub fn run(
        &self,
        context: &mut Context<'_, '_>,
        config: &Config,
        dry_run: bool,
        format: OutputFormat,
    ) -> Result<ExitStatus, CliError> {
        if dry_run {
            self.check_available(config, context.now())?;
            ensure_place(&config.database)?;
            let reader = context.reader_if_present(config)?;
            let planned = self.plan(reader.as_ref(), config, context.now())?;
            let out = &mut context.streams.result(format);
            plan::print(&planned, self.domain_count(), format, out)?;
            return Ok(ExitStatus::SUCCESS);
        }
        let credentials = context.credentials(config)?;
        let (status, _) = self.carry_out(context, config, credentials, format)?;
        Ok(status)
    }

    /// Returns the plan as of `now`. Without a database nothing has been asked for yet.
    pub fn plan(
        &self,
        reader: Option<&Reader>,
        config: &Config,
        now: UnixSeconds,
    ) -> Result<Plan, StoreError> {
        let (coverage, refused) = match reader {
            None => {
                let domains = self.domains.iter();
                let nothing = domains.map(|domain| (domain.clone(), Vec::new()));
                (nothing.collect(), Vec::new())
            }
            Some(reader) => {
                let coverage = reader.coverage_of(&self.domains, self.range)?;
                let mut refused = reader.refusals(&self.domains)?;
                // What is asked for again now is planned; the run asks for its newest window first.
                refused.retain(|refusal| !(self.named || self.force || refusal.next_at <= now));
                (coverage, refused)
            }
        };
        let planning = Planning {
            coverage: &coverage,
            range: self.range,
            now,
            settings: &self.plan_settings(config),
        };
        Ok(planning.plan_without(&refused))
    }

    /// Carries the plan out with progress on standard error, until it is done or a signal stops it. Prints the summary.
    pub fn carry_out(
        &self,
        context: &mut Context<'_, '_>,
        config: &Config,
        credentials: Credentials,
        format: OutputFormat,
    ) -> Result<(ExitStatus, Summary), CliError> {
        let runtime = runtime(BLOCKING_THREADS)?;
        // So far the process can end at any moment and leaves nothing behind.
        let prepared = self.prepare(config, credentials, &context.clock)?;
        interrupt::careful_to_the_end();
        let (control, progress, began) = (Control::new(), Arc::new(Progress::default()), Instant::now());
        let mut view = ProgressView::new(context, self.command, "windows");
        let ended = runtime.block_on(async {
            let mut tick = tokio::time::interval(DRAW_EVERY);
            let run = Box::pin(prepared.run(control.clone(), Arc::clone(&progress)));
            let draw = async || {
                tick.tick().await;
                let now = progress.counts();
                view.draw((now.done, now.planned), || describe(now, began.elapsed()));
            };
            until_done(run, &control, draw).await
        });
        let now = progress.counts();
        if now.planned > 0 {
            view.line((now.done, now.planned), || describe(now, began.elapsed()));
        }
        view.finish();
        runtime.shutdown_background();
        let (summary, error) = match ended {
            Ok(summary) => (summary, None),
            Err(RunError::Store {
                source,
                summary: Some(summary),
            }) => (*summary, Some(CliError::from(source))),
            Err(error) => return Err(error.into()),
        };
        let status = summary::exit_status(&summary);
        let out = &mut context.streams.result(format);
        let printed = summary::print(&summary, self.command, &config.database, format, out);
        match (error, printed) {
            (Some(error), _) => Err(error),
            (None, Err(lost)) => Err(CliError::from(lost).after(status)),
            (None, Ok(())) => Ok((status, summary)),
        }
    }

    /// Opens and locks the database, and plans the range. Blocks while the schema is brought up to date.
    pub fn prepare(
        &self,
        config: &Config,
        credentials: Credentials,
        clock: &SharedClock,
    ) -> Result<Prepared, CliError> {
        self.check_available(config, clock.now())?;
        let concurrency = descriptors::fit(config.fetch.concurrency)?;
        let client = client(config, credentials, clock)?;
        let holder = Holder {
            command: self.command.to_owned(),
            started_at: clock.now(),
        };
        let mut store = Store::open(&config.database, &holder)?;
        // The simulator listens on this machine only. An address of this machine may lead to the API, through a proxy;
        // then the first answer tells.
        if store.stored_data()?.source() == Some(DataSource::Simulator) && !config.endpoint.is_loopback() {
            return Err(CliError::usage(format!(
                "the database `{}` holds invented figures of the simulator: use another one for the account, with `--db`",
                text::path(store.path())
            )));
        }
        self.warn_of_new_database(&store);
        if let (Some(_), Some(owner)) = (store.creation(), DirectoryOwner::besides_root(store.path())) {
            tracing::warn!(
                "the new database belongs to root, and its directory to {owner}, who cannot write to it; to change that: \
                 `chown --reference={} {1} {1}.lock`",
                text::shell_word(store.path().parent().unwrap_or(Path::new(".")).as_os_str()),
                text::shell_word(store.path().as_os_str()),
            );
        }
        let has_listed = self.discovers && discover(&mut store, config, &client, clock)?;
        let known = store.account_domains()?;
        let followed = discovery::followed(&known);
        let relabelled = store.use_slot_label(config.slot_label)?;
        let now = clock.now();
        let mut job = Job::prepare(&store, self.job_settings(config, &known, now), now)?;
        job.pace.concurrency = concurrency;
        if has_listed {
            // The listing and the run share the rate.
            let rate = config.fetch.requests_per_second;
            let pause = rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
            job.pace.first_pause = pause.unwrap_or_default();
        }
        if self.follows {
            job.followed = followed
                .into_iter()
                .filter(|domain| !config.configures(domain))
                .collect();
        }
        if relabelled {
            job.warnings.push(relabelled_to(config.slot_label));
        }
        Ok(Prepared {
            job,
            store,
            client,
            clock: Arc::clone(clock),
        })
    }

    /// Warns of a database that did not exist. If it is missing by mistake (a wrong path, a volume that is not
    /// mounted), all of its history is fetched again. `backfill` does not warn, because its range was typed, nor does
    /// `demo`, which says what it makes.
    fn warn_of_new_database(&self, store: &Store) {
        let Some(made) = store
            .creation()
            .filter(|_| !matches!(self.command, "backfill" | "demo"))
        else {
            return;
        };
        let path = text::path(store.path());
        let why = match made {
            Creation::Again => "an earlier run used this path, but its file is gone",
            Creation::First => "there was none",
        };
        let start = civil::cst_minute(self.range.start());
        tracing::warn!(
            "made a new database `{path}`: {why}. Everything from {start} (UTC+8) on is fetched; if you expected an \
             existing file, stop and check the path, `--db` and the mount"
        );
    }

    fn job_settings(&self, config: &Config, known: &[KnownDomain], now: UnixSeconds) -> JobSettings {
        let plan = self.plan_settings(config);
        let mut config = config.clone();
        config.follow(&discovery::followed(known));
        let domains = if self.follows {
            config.selected_domains.clone()
        } else {
            self.domains.clone()
        };
        let mut expected = Expected {
            domains: config.kept_domains(),
            from: config.start,
            until: plan.refresh.horizon(now),
        };
        // Without a configuration file, nothing but `-d` may tell that these are not all.
        let asks_for_all = self.follows
            && matches!(self.command, "sync" | "watch")
            && expected.is_within(&domains, self.range);
        if config.discover == Discover::Follow {
            // No run asks for these before the next listing.
            let awaited = discovery::awaited(known, &config.configured_domains);
            expected.domains.extend(awaited);
        }
        JobSettings {
            command: self.command,
            asks_for_all,
            domains,
            range: self.range,
            named: self.named,
            expected: Some(expected),
            plan,
            hole_ages: config.hole_ages.clone(),
            retention: config.fetch.retention,
            pace: Pace {
                concurrency: config.fetch.concurrency,
                requests_per_second: config.fetch.requests_per_second,
                retry: config.retry,
                seed: fastrand::u64(..),
                answered_before: false,
                first_pause: Duration::ZERO,
            },
            keep: config.keep,
            username: config.username.clone().unwrap_or_default(),
        }
    }

    fn domain_count(&self) -> u64 {
        to_u64(self.domains.len())
    }

    fn plan_settings(&self, config: &Config) -> PlanSettings {
        PlanSettings {
            window: config.fetch.window,
            domains_per_request: config.fetch.domains_per_request,
            refresh: config.refresh.clone(),
            force: self.force,
            order: self.order,
        }
    }

    /// Refuses a range that begins in the future: it is a mistake, or the clock is wrong.
    pub fn check_available(&self, config: &Config, now: UnixSeconds) -> Result<(), CliError> {
        if self.range.start() < now {
            return Ok(());
        }
        let error = CliError::usage(format!(
            "the range {} lies in the future: it is {} now (UTC+8), and slots become available {} after they begin",
            self.range,
            civil::cst_minute(now),
            show_seconds(config.refresh.available_after),
        ));
        Err(error.transient())
    }
}

impl Prepared {
    /// Sets whether the API has answered this account lately; see [`Pace::answered_before`].
    #[must_use]
    pub fn answered_before(mut self, answered: bool) -> Self {
        self.job.pace.answered_before = answered;
        self
    }

    /// Carries the plan out until it is done or stopped through `control`, and gives up the lock.
    pub async fn run(self, control: Control, progress: Arc<Progress>) -> Result<Summary, RunError> {
        let Self {
            job,
            store,
            client,
            clock,
        } = self;
        let finished = ingest::run(job, store, client, clock, control, progress).await?;
        Ok(finished.summary)
    }
}

/// Returns the warning that the rollups were computed anew for the slot label `label`.
#[must_use]
pub fn relabelled_to(label: SlotLabel) -> String {
    format!(
        "slot_label changed from {} to {label}: rollups were computed anew",
        label.other()
    )
}
