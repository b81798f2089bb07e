//! What earlier runs were refused, or have marked as beyond retention, and what of it is asked for again.

use std::collections::BTreeMap;

use super::job::JobSettings;
use super::summary::FailedRange;
use crate::api::ApiStatus;
use crate::model::coverage::splice;
use crate::model::slot::SLOT_SECONDS;
use crate::model::{CoverageSpan, Domain, Refusal, Span, UnixSeconds, civil, span};
use crate::plan::{Order, Plan, PlanSettings, PlannedRequest};

type Covered = Vec<(Domain, Vec<CoverageSpan>)>;

/// A range that was refused: its newest window is asked for, and the rest where that is answered.
#[derive(Debug)]
pub struct RefusedRange {
    /// The newest window.
    pub first: PlannedRequest,
    /// The rest.
    pub rest: Plan,
    /// What was refused.
    pub refused: Span,
}

/// What is marked as beyond retention.
#[derive(Debug)]
pub struct RetentionMarks {
    /// The newest marked slot, and domains of which it is marked.
    pub probe: PlannedRequest,
    /// All marked ranges.
    pub plan: Plan,
    /// The domains with marks.
    pub domains: Vec<Domain>,
    /// From the first mark to the last.
    pub span: Span,
}

/// `coverage` with everything that was refused taken out of what is due.
#[must_use]
pub fn closed(coverage: &[(Domain, Vec<CoverageSpan>)], refusals: &[Refusal], range: Span) -> Covered {
    let not_due = |span| CoverageSpan {
        span,
        age_when_fetched: None,
        beyond_retention: true,
        fetched_at: 0,
    };
    let close = |(domain, covered): &(Domain, Vec<CoverageSpan>)| {
        let rows = refusals.iter().filter(|refusal| refusal.domain == *domain);
        let covered = rows.fold(covered.clone(), |covered, refusal| {
            let span = if is_of_the_domain(refusal) {
                range
            } else {
                refusal.span
            };
            splice(&covered, &[not_due(span)])
        });
        (domain.clone(), covered)
    };
    coverage.iter().map(close).collect()
}

/// Whether the domain was refused, and not a range of it.
fn is_of_the_domain(refusal: &Refusal) -> bool {
    refusal.status != ApiStatus::BEYOND_ONE_MONTH.code()
}

/// What was refused by earlier runs: what is asked for again now, and what is not yet.
pub(super) fn again(
    coverage: &[(Domain, Vec<CoverageSpan>)],
    refusals: &[Refusal],
    (range, now): (Span, UnixSeconds),
    settings: &JobSettings,
) -> (Vec<RefusedRange>, Vec<FailedRange>) {
    let mut groups: BTreeMap<(Option<Span>, i64), Vec<&Refusal>> = BTreeMap::new();
    let mut told = Vec::new();
    for refusal in refusals {
        let span = (!is_of_the_domain(refusal)).then_some(refusal.span);
        if settings.named || refusal.next_at <= now {
            groups.entry((span, refusal.status)).or_default().push(refusal);
        } else {
            told.extend(still_refused(coverage, refusal, (range, now), &settings.plan));
        }
    }
    let mut again = Vec::new();
    for ((span, _), rows) in groups {
        // A range is asked for with as many domains as fit; a refused domain would spoil a batch.
        let fit = if span.is_some() {
            settings.plan.domains_per_request
        } else {
            1
        };
        for (nth, group) in rows.chunks(fit.max(1)).enumerate() {
            let asked = (span.is_none() || nth == 0).then(|| {
                let domains: Vec<&Domain> = group.iter().map(|refusal| &refusal.domain).collect();
                let of: Covered = coverage
                    .iter()
                    .filter(|(domain, _)| domains.contains(&domain))
                    .cloned()
                    .collect();
                let within = span.map_or(Some(range), |span| span.intersect(&range));
                let refused = span.unwrap_or(span::EVER);
                within.and_then(|within| ask_again(&of, (within, refused), now, &settings.plan))
            });
            match asked {
                Some(ask) => again.extend(ask),
                None => told.extend(
                    group
                        .iter()
                        .filter_map(|refusal| still_refused(coverage, refusal, (range, now), &settings.plan)),
                ),
            }
        }
    }
    (again, told)
}

/// The newest window that is due in `within`, and the rest.
fn ask_again(
    coverage: &[(Domain, Vec<CoverageSpan>)],
    (within, refused): (Span, Span),
    now: UnixSeconds,
    settings: &PlanSettings,
) -> Option<RefusedRange> {
    let newest = PlanSettings {
        order: Order::NewestFirst,
        ..settings.clone()
    };
    let mut first = Plan::new(within, coverage, now, &newest).requests().next()?;
    if refused != span::EVER {
        // Two cuts of the newest slot tell of all that is older.
        let end = first.window.end();
        first.window = Span::new(end - SLOT_SECONDS, end)?;
    }
    let done = CoverageSpan {
        span: first.window,
        age_when_fetched: Some(i64::MAX),
        beyond_retention: false,
        fetched_at: now,
    };
    let rest: Covered = coverage
        .iter()
        .map(|(domain, covered)| (domain.clone(), splice(covered, &[done])))
        .collect();
    Some(RefusedRange {
        first,
        rest: Plan::new(within, &rest, now, &newest),
        refused,
    })
}

/// What is told of a refusal that is not asked for again yet; nothing where nothing of it is due.
fn still_refused(
    coverage: &[(Domain, Vec<CoverageSpan>)],
    refusal: &Refusal,
    (range, now): (Span, UnixSeconds),
    settings: &PlanSettings,
) -> Option<FailedRange> {
    let within = if is_of_the_domain(refusal) {
        range
    } else {
        refusal.span.intersect(&range)?
    };
    let of: Covered = coverage
        .iter()
        .filter(|(domain, _)| *domain == refusal.domain)
        .cloned()
        .collect();
    if Plan::new(within, &of, now, settings).is_empty() {
        return None;
    }
    let status = ApiStatus::from_code(refusal.status);
    Some(FailedRange {
        domains: vec![refusal.domain.clone()],
        span: Some(within),
        error: format!(
            "{} (status {}), {} times since {} UTC+8; not asked for again before {}",
            status.meaning(),
            refusal.status,
            refusal.times,
            civil::cst_minute(refusal.first_at),
            civil::cst_minute(refusal.next_at),
        ),
        help: Some("to ask at once, name the domain with `-d`, or use `--force`".to_owned()),
    })
}

/// What is marked as beyond retention in `range`.
pub(super) fn marked(
    coverage: &[(Domain, Vec<CoverageSpan>)],
    range: Span,
    now: UnixSeconds,
    settings: &PlanSettings,
) -> Option<RetentionMarks> {
    let marks = |covered: &[CoverageSpan]| -> Vec<Span> {
        let pieces = covered.iter().filter(|piece| piece.age_when_fetched.is_none());
        pieces.filter_map(|piece| piece.span.intersect(&range)).collect()
    };
    let with_marks: Vec<(&Domain, Vec<Span>)> = coverage
        .iter()
        .map(|(domain, covered)| (domain, marks(covered)))
        .filter(|(_, marks)| !marks.is_empty())
        .collect();
    let all = || with_marks.iter().flat_map(|(_, marks)| marks);
    let end = all().map(Span::end).max()?;
    let span = Span::new(all().map(Span::start).min()?, end)?;
    let newest = Span::new(end - SLOT_SECONDS, end)?;
    let mut domains: Vec<Domain> = with_marks
        .iter()
        .filter(|(_, marks)| marks.iter().any(|mark| mark.contains(newest.start())))
        .map(|(domain, _)| (*domain).clone())
        .collect();
    domains.truncate(settings.domains_per_request.max(1));
    let open: Covered = with_marks
        .iter()
        .map(|(domain, marks)| ((*domain).clone(), everything_but(marks, span)))
        .collect();
    Some(RetentionMarks {
        probe: PlannedRequest {
            window: newest,
            domains,
        },
        plan: Plan::new(span, &open, now, settings),
        domains: with_marks.iter().map(|(domain, _)| (*domain).clone()).collect(),
        span,
    })
}

/// Coverage of all of `span` but `open`, which is ordered.
fn everything_but(open: &[Span], span: Span) -> Vec<CoverageSpan> {
    let mut covered = Vec::with_capacity(open.len() + 1);
    let mut from = span.start();
    for (start, end) in open
        .iter()
        .map(|mark| (mark.start(), mark.end()))
        .chain([(span.end(), span.end())])
    {
        covered.extend(Span::new(from, start).map(|span| CoverageSpan {
            span,
            age_when_fetched: Some(i64::MAX),
            beyond_retention: false,
            fetched_at: 0,
        }));
        from = end;
    }
    covered
}
