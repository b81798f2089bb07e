//! The job of a run, prepared from what the database knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::decide::knowledge::PriorKnowledge;
use super::decide::{Rules, Sampling, evidence};
use super::refused_ranges::{Planning, RefusedRange, RetentionMarks};
use super::summary::FailedRange;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::span::EVER;
use crate::model::{DataSource, Domain, FactName, KeepLimits, Refusal, RetryPolicy, Span, UnixSeconds};
use crate::plan::holes::{DomainHoles, HolePlan, HoleSettings, plan_holes};
use crate::plan::{Plan, PlanSettings};
use crate::store::{Expected, Store, StoreError};

/// The work of a run.
#[derive(Debug)]
pub struct Job {
    /// The command, as `origin_runs.command` shows it.
    pub command: &'static str,
    /// The domains to ask for.
    pub domains: Vec<Domain>,
    /// Those of them that are not configured. That the API refuses one without a recent point is only a warning.
    pub followed: Vec<Domain>,
    /// The windows that are due.
    pub plan: Plan,
    /// The ranges that earlier runs were refused, and that are due again.
    pub refused: Vec<RefusedRange>,
    /// Whether every answer withdraws earlier refusals (`--force`).
    pub takes_back: bool,
    /// The ranges that earlier runs were refused, and that are not due yet.
    pub still_refused: Vec<FailedRange>,
    /// The ranges that are marked as beyond retention, if a probe is due.
    pub marks: Option<RetentionMarks>,
    /// The slots without a point that are asked for again.
    pub holes: HolePlan,
    /// What earlier runs knew about the service.
    pub prior_knowledge: PriorKnowledge,
    /// The settings that decisions depend on.
    pub rules: Arc<Rules>,
    /// What should be complete by the configuration; see [`Finish::expected`](crate::store::Finish::expected).
    pub expected: Option<Expected>,
    /// See [`Finish::asks_for_all`](crate::store::Finish::asks_for_all).
    pub asks_for_all: bool,
    /// How fast.
    pub pace: Pace,
    /// How many rejects and runs to keep.
    pub keep: KeepLimits,
    /// The user name. The database remembers when the API answered it last.
    pub username: String,
    /// Where the answers in the database come from; `None` if there are none.
    pub source: Option<DataSource>,
    /// The warnings so far.
    pub warnings: Vec<String>,
}

/// How fast requests are sent, and how often again.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The most requests in flight; 0 counts as 1.
    pub concurrency: usize,
    /// The most requests a second; `None` is no limit.
    pub requests_per_second: Option<f64>,
    /// The attempts of one request.
    pub retry: RetryPolicy,
    /// How long the first request waits, because another one was sent just before.
    pub first_pause: Duration,
    /// The seed of the jitter.
    pub seed: u64,
    /// Whether the API is known to accept the credentials; see [`Fetcher`](super::fetcher::Fetcher).
    pub answered_before: bool,
}

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// The command.
    pub command: &'static str,
    /// The domains.
    pub domains: Vec<Domain>,
    /// The range.
    pub range: Span,
    /// Whether the domains were named on the command line. Then their refused ranges are due at once.
    pub named: bool,
    /// How the range is cut.
    pub plan: PlanSettings,
    /// The ages at which slots without a point are asked for again.
    pub hole_ages: Vec<i64>,
    /// Status 21 is believed only for slots older than this, in seconds.
    pub retention: i64,
    /// See [`Job::expected`].
    pub expected: Option<Expected>,
    /// See [`Job::asks_for_all`].
    pub asks_for_all: bool,
    /// How fast.
    pub pace: Pace,
    /// How many rejects and runs to keep.
    pub keep: KeepLimits,
    /// The user name.
    pub username: String,
}

impl Job {
    /// Plans a run as of `now`.
    pub fn prepare(store: &Store, settings: JobSettings, now: UnixSeconds) -> Result<Self, StoreError> {
        store.in_one_view(|store| Self::plan(store, settings, now))
    }

    fn plan(store: &Store, settings: JobSettings, now: UnixSeconds) -> Result<Self, StoreError> {
        let range = settings.range.to_grid();
        let mut coverage = Vec::with_capacity(settings.domains.len());
        for domain in &settings.domains {
            coverage.push((domain.clone(), store.coverage(domain, range)?));
        }
        let force = settings.plan.force;
        let refusals = if force {
            Vec::new()
        } else {
            store.refusals(&settings.domains)?
        };
        let planning = Planning {
            coverage: &coverage,
            range,
            now,
            settings: &settings.plan,
        };
        let prior_knowledge = prior_knowledge(store, &settings.domains, &refusals, force, now)?;
        let (refused, still_refused) = planning.refused(&refusals, settings.named);
        let probed = store.fact(&FactName::RetentionProbed)?;
        let probe_is_due = probed.is_none_or(|fact| cst_day_floor(fact.learned_at) < cst_day_floor(now));
        let marks = (!force && probe_is_due).then(|| planning.marks()).flatten();
        Ok(Self {
            command: settings.command,
            plan: planning.plan_without(&refusals),
            refused,
            takes_back: force,
            still_refused,
            marks,
            holes: plan_for_holes(store, &settings, range, now, &prior_knowledge)?,
            prior_knowledge,
            domains: settings.domains,
            followed: Vec::new(),
            rules: Arc::new(Rules {
                refresh: settings.plan.refresh,
                retention: settings.retention,
                range,
            }),
            expected: settings.expected,
            asks_for_all: settings.asks_for_all,
            pace: settings.pace,
            keep: settings.keep,
            username: settings.username,
            source: store.stored_data()?.source(),
            warnings: Vec::new(),
        })
    }
}

/// Returns on how many days the range is refused, if it is refused again today.
fn days_with_today(refusal: &Refusal, now: UnixSeconds) -> u32 {
    refusal.days + u32::from(cst_day_floor(refusal.last_at) < cst_day_floor(now))
}

/// Returns the value of a fact that was learned at most `seconds` ago.
fn recent(store: &Store, name: &FactName, seconds: i64, now: UnixSeconds) -> Result<Option<i64>, StoreError> {
    let fact = store.fact(name)?;
    Ok(fact
        .filter(|fact| evidence::is_recent(fact, seconds, now))
        .map(|fact| fact.value))
}

fn prior_knowledge(
    store: &Store,
    domains: &[Domain],
    refusals: &[Refusal],
    force: bool,
    now: UnixSeconds,
) -> Result<PriorKnowledge, StoreError> {
    let complete_points = recent(store, &FactName::CompletePoints, DAY_SECONDS, now)?;
    let sampling = store.sampling()?.into_iter();
    let refused_days = refusals.iter();
    Ok(PriorKnowledge {
        served_age: recent(store, &FactName::OldestServedAge, evidence::LATELY, now)?,
        sub_hour: recent(store, &FactName::SubHourPoints, DAY_SECONDS, now)?.is_some(),
        complete_points: complete_points.and_then(|points| u64::try_from(points).ok()),
        sampling: sampling
            .map(|(domain, fruitless, skipped)| (domain, Sampling { fruitless, skipped }))
            .collect(),
        newest_points: store.newest_points(domains)?.into_iter().collect(),
        refused_days: refused_days
            .map(|refusal| {
                (
                    refusal.domain.clone(),
                    refusal.span,
                    days_with_today(refusal, now),
                )
            })
            .collect(),
        force,
    })
}

fn plan_for_holes(
    store: &Store,
    settings: &JobSettings,
    range: Span,
    now: UnixSeconds,
    prior_knowledge: &PriorKnowledge,
) -> Result<HolePlan, StoreError> {
    let mut cursors: BTreeMap<Domain, BTreeMap<i64, UnixSeconds>> = BTreeMap::new();
    for (domain, age, until) in store.hole_cursors()? {
        cursors.entry(domain).or_default().insert(age, until);
    }
    let mut holes = Vec::new();
    for domain in &settings.domains {
        if let Some(cursors) = cursors.remove(domain) {
            holes.push(DomainHoles {
                domain: domain.clone(),
                gaps: store.holes(domain, EVER)?,
                cursors,
            });
        }
    }
    let refused_age = recent(store, &FactName::YoungestRefusedAge, evidence::LATELY, now)?;
    let served_age = settings.retention.max(prior_knowledge.served_age.unwrap_or(0));
    let settings = HoleSettings {
        ages: settings.hole_ages.clone(),
        refresh: settings.plan.refresh.clone(),
        served_age: refused_age.map_or(served_age, |refused| served_age.min(refused)),
        window: settings.plan.window,
        domains_per_request: settings.plan.domains_per_request,
        since_last_run: store.last_run_ended()?.map_or(i64::MAX, |ended| now - ended),
    };
    Ok(plan_holes(&holes, range, now, &settings))
}
