//! What a run carries out, from what the database knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decide::knowledge::PriorKnowledge;
use super::decide::{Rules, Sampling, evidence};
use super::refused_ranges::{RefusedRange, RetentionMarks, again, closed, marked};
use super::summary::FailedRange;
use crate::model::convert::to_u64;
use crate::model::slot::{DAY_SECONDS, cst_day_floor};
use crate::model::span;
use crate::model::{CoverageSpan, Domain, FactName, KeepLimits, Refusal, RetryPolicy, Span, UnixSeconds};
use crate::plan::holes::{DomainHoles, HolePlan, HoleSettings, plan_holes};
use crate::plan::{Plan, PlanSettings};
use crate::store::{Expected, Store, StoreError};

/// What a run carries out.
#[derive(Debug)]
pub struct Job {
    /// The command, as `origin_runs.command` shows it.
    pub command: &'static str,
    /// The number of domains that were asked for.
    pub domains: u64,
    /// The domains that were asked for.
    pub asked_domains: Vec<Domain>,
    /// What is due.
    pub plan: Plan,
    /// What an earlier run was refused, and is asked for again now.
    pub again: Vec<RefusedRange>,
    /// Whether every answer takes back what was refused before (`--force`).
    pub takes_back: bool,
    /// What an earlier run was refused, and is not asked for yet.
    pub still_refused: Vec<FailedRange>,
    /// What is marked as beyond retention, where a probe is due.
    pub marked: Option<RetentionMarks>,
    /// SlotsJson without a point that are asked for again.
    pub holes: HolePlan,
    /// What earlier runs knew of the service.
    pub known: PriorKnowledge,
    /// What decisions depend on.
    pub rules: Arc<Rules>,
    /// What the configuration wants to be complete; see [`Finish::expected`](crate::store::Finish::expected).
    pub expected: Option<Expected>,
    /// How fast.
    pub pace: Pace,
    /// What is kept of rejects and runs.
    pub keep: KeepLimits,
    /// The user name that asks: the file remembers when it was answered last.
    pub username: String,
    /// What a person should know beforehand.
    pub warnings: Vec<String>,
}

/// How fast requests are sent, and how often again.
#[derive(Debug, Clone)]
pub struct Pace {
    /// The most requests under way at a time; at least one is taken as one.
    pub concurrency: usize,
    /// The most requests a second; `None` is no limit.
    pub requests_per_second: Option<f64>,
    /// The attempts of one request.
    pub retry: RetryPolicy,
    /// The seed of the jitter.
    pub seed: u64,
    /// Whether the API is known to accept the credentials; see [`Fetcher`](super::fetcher::Fetcher).
    pub answered_before: bool,
}

/// What is asked of a run.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// The command.
    pub command: &'static str,
    /// The domains.
    pub domains: Vec<Domain>,
    /// The range.
    pub range: Span,
    /// Whether the domains were named on the command line: what was refused of them is asked for at once.
    pub named: bool,
    /// How the range is cut.
    pub plan: PlanSettings,
    /// The ages at which slots without a point are asked for again.
    pub hole_ages: Vec<i64>,
    /// Status 21 is believed only of slots older than this.
    pub retention: i64,
    /// See [`Job::expected`].
    pub expected: Option<Expected>,
    /// How fast.
    pub pace: Pace,
    /// What is kept.
    pub keep: KeepLimits,
    /// The user name.
    pub username: String,
}

type Covered = Vec<(Domain, Vec<CoverageSpan>)>;

impl Job {
    /// Plans a run as of `now`.
    pub fn prepare(store: &Store, settings: JobSettings, now: UnixSeconds) -> Result<Self, StoreError> {
        let range = settings.range.to_grid();
        let mut coverage: Covered = Vec::with_capacity(settings.domains.len());
        for domain in &settings.domains {
            coverage.push((domain.clone(), store.coverage(domain, range)?));
        }
        let force = settings.plan.force;
        let refusals = if force {
            Vec::new()
        } else {
            store.refusals(&settings.domains)?
        };
        let known = known(store, &settings.domains, &refusals, force, now)?;
        let plan = Plan::new(range, &closed(&coverage, &refusals, range), now, &settings.plan);
        let (again, still_refused) = again(&coverage, &refusals, (range, now), &settings);
        let probed = store.fact(&FactName::RetentionProbed)?;
        let probe_is_due = probed.is_none_or(|fact| cst_day_floor(fact.learned_at) < cst_day_floor(now));
        let marked = if force || !probe_is_due {
            None
        } else {
            marked(&coverage, range, now, &settings.plan)
        };
        let holes = holes_to_ask_for(store, &settings, range, now, &known)?;
        Ok(Self {
            command: settings.command,
            domains: to_u64(settings.domains.len()),
            asked_domains: settings.domains,
            plan,
            again,
            takes_back: force,
            still_refused,
            marked,
            holes,
            known,
            rules: Arc::new(Rules {
                refresh: settings.plan.refresh,
                retention: settings.retention,
                range,
            }),
            expected: settings.expected,
            pace: settings.pace,
            keep: settings.keep,
            username: settings.username,
            warnings: Vec::new(),
        })
    }
}

/// On how many days it will have been refused, today included.
fn days_by(refusal: &Refusal, now: UnixSeconds) -> u32 {
    refusal.days + u32::from(cst_day_floor(refusal.last_at) < cst_day_floor(now))
}

fn known(
    store: &Store,
    domains: &[Domain],
    refusals: &[Refusal],
    force: bool,
    now: UnixSeconds,
) -> Result<PriorKnowledge, StoreError> {
    let fact = |name: FactName, lately: i64| -> Result<Option<i64>, StoreError> {
        let fact = store.fact(&name)?;
        Ok(fact
            .filter(|fact| (0..=lately).contains(&(now - fact.learned_at)))
            .map(|fact| fact.value))
    };
    let sampling = store.sampling()?.into_iter();
    Ok(PriorKnowledge {
        served_age: fact(FactName::OldestServedAge, evidence::LATELY)?,
        sub_hour: fact(FactName::SubHourPoints, DAY_SECONDS)?.is_some(),
        complete_points: fact(FactName::CompletePoints, DAY_SECONDS)?
            .and_then(|points| u64::try_from(points).ok()),
        sampling: sampling
            .map(|(domain, fruitless, skipped)| (domain, Sampling { fruitless, skipped }))
            .collect(),
        newest_points: store.newest_points(domains)?.into_iter().collect(),
        refused_days: refusals
            .iter()
            .map(|refusal| (refusal.domain.clone(), refusal.span, days_by(refusal, now)))
            .collect(),
        force,
    })
}

fn holes_to_ask_for(
    store: &Store,
    settings: &JobSettings,
    range: Span,
    now: UnixSeconds,
    known: &PriorKnowledge,
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
                gaps: store.holes(domain, span::EVER)?,
                cursors,
            });
        }
    }
    let refused = store.fact(&FactName::YoungestRefusedAge)?;
    let refused = refused.filter(|fact| (0..=evidence::LATELY).contains(&(now - fact.learned_at)));
    let served = settings.retention.max(known.served_age.unwrap_or(0));
    let settings = HoleSettings {
        ages: settings.hole_ages.clone(),
        refresh: settings.plan.refresh.clone(),
        served_age: refused.map_or(served, |fact| served.min(fact.value)),
        window: settings.plan.window,
        domains_per_request: settings.plan.domains_per_request,
        since_last_run: store.last_run_ended()?.map_or(i64::MAX, |ended| now - ended),
    };
    Ok(plan_holes(&holes, range, now, &settings))
}
