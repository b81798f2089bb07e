//! The ranges that earlier runs were refused, or marked as beyond retention, and which of them are due again.

use std::collections::BTreeMap;

use super::summary::FailedRange;
use crate::api::ApiStatus;
use crate::model::coverage::splice;
use crate::model::slot::SLOT_SECONDS;
use crate::model::span::EVER;
use crate::model::{CoverageSpan, Domain, Refusal, Span, UnixSeconds, civil};
use crate::plan::{Order, Plan, PlanSettings, PlannedRequest};

/// How to ask for what is refused without a wait. Every command that fetches a range has this option.
const ASK_AT_ONCE: &str = "to ask at once, name the domain with `-d`";

/// A refused range: its newest window is asked for, and then the rest if that is answered.
#[derive(Debug)]
pub struct RefusedRange {
    /// The newest window.
    pub first: PlannedRequest,
    /// The rest.
    pub rest: Plan,
    /// The range that was refused.
    pub refused: Span,
}

/// The ranges that are marked as beyond retention.
#[derive(Debug)]
pub struct RetentionMarks {
    /// The newest marked slot, and domains of which it is marked.
    pub probe: PlannedRequest,
    /// All marked ranges.
    pub plan: Plan,
    /// The domains with marks.
    pub domains: Vec<Domain>,
    /// The range from the first mark to the last.
    pub span: Span,
}

type DomainCoverage = (Domain, Vec<CoverageSpan>);

/// The input of the plans for a run.
#[derive(Debug, Clone, Copy)]
pub struct Planning<'a> {
    /// The stored coverage of each domain in the range.
    pub coverage: &'a [DomainCoverage],
    /// The range of the run, on the grid.
    pub range: Span,
    /// The time of planning.
    pub now: UnixSeconds,
    /// How the range is cut.
    pub settings: &'a PlanSettings,
}

impl Planning<'_> {
    /// Returns the plan for everything that is due and not refused.
    #[must_use]
    pub fn plan_without(&self, refusals: &[Refusal]) -> Plan {
        let closed = |(domain, covered): &DomainCoverage| {
            let rows = refusals.iter().filter(|refusal| refusal.domain == *domain);
            let covered = rows.fold(covered.clone(), |covered, refusal| {
                let span = refused_range(refusal).unwrap_or(self.range);
                splice(&covered, &[CoverageSpan::beyond_retention(span, 0)])
            });
            (domain.clone(), covered)
        };
        let open: Vec<_> = self.coverage.iter().map(closed).collect();
        Plan::new(self.range, &open, self.now, self.settings)
    }

    /// Returns the refused ranges that are due again, and those that are not due yet. If the domains were `named` on
    /// the command line, everything is due.
    pub(super) fn refused(&self, refusals: &[Refusal], named: bool) -> (Vec<RefusedRange>, Vec<FailedRange>) {
        let mut groups: BTreeMap<(Option<Span>, i64), Vec<&Refusal>> = BTreeMap::new();
        let mut not_due: Vec<&Refusal> = Vec::new();
        for refusal in refusals {
            if named || refusal.next_at <= self.now {
                let key = (refused_range(refusal), refusal.status);
                groups.entry(key).or_default().push(refusal);
            } else {
                not_due.push(refusal);
            }
        }
        let mut due = Vec::new();
        for ((span, _), rows) in groups {
            let Some(span) = span else {
                // A refused domain would spoil a batch, so each is asked alone.
                due.extend(
                    rows.iter()
                        .filter_map(|row| self.ask_again(&[row], self.range, EVER)),
                );
                continue;
            };
            // As many domains as fit stand for all of them.
            let fit = self.settings.domains_per_request.max(1).min(rows.len());
            let (asked, others) = rows.split_at(fit);
            let within = span.intersect(&self.range);
            due.extend(within.and_then(|within| self.ask_again(asked, within, span)));
            not_due.extend(others);
        }
        let still_refused = not_due.into_iter();
        (
            due,
            still_refused
                .filter_map(|refusal| self.still_refused(refusal))
                .collect(),
        )
    }

    /// Returns the newest window that is due in `within`, and the rest.
    fn ask_again(&self, refusals: &[&Refusal], within: Span, refused: Span) -> Option<RefusedRange> {
        let newest_first = PlanSettings {
            order: Order::NewestFirst,
            ..self.settings.clone()
        };
        let plan = |coverage: &[DomainCoverage]| Plan::new(within, coverage, self.now, &newest_first);
        let mut coverage = self.coverage_of(|domain| refusals.iter().any(|row| row.domain == *domain));
        let mut first = plan(&coverage).requests().next()?;
        if refused != EVER {
            // Two requests for the newest slot prove everything older as refused.
            let end = first.window.end();
            first.window = Span::new(end - SLOT_SECONDS, end)?;
        }
        let done = CoverageSpan::settled(first.window, self.now);
        for (_, covered) in &mut coverage {
            *covered = splice(covered, &[done]);
        }
        Some(RefusedRange {
            first,
            rest: plan(&coverage),
            refused,
        })
    }

    /// Returns the failure of a refusal that is not due yet; `None` if none of it would be due otherwise.
    fn still_refused(&self, refusal: &Refusal) -> Option<FailedRange> {
        let within = match refused_range(refusal) {
            Some(span) => span.intersect(&self.range)?,
            None => self.range,
        };
        let coverage = self.coverage_of(|domain| *domain == refusal.domain);
        if Plan::new(within, &coverage, self.now, self.settings).is_empty() {
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
            help: Some(match refused_range(refusal) {
                Some(_) => ASK_AT_ONCE.to_owned(),
                None => format!("{}; {ASK_AT_ONCE}", status.help().unwrap_or("check the domain")),
            }),
            is_refusal: true,
            refuses_domain: refused_range(refusal).is_none(),
        })
    }

    /// Returns the ranges that are marked as beyond retention.
    pub(super) fn marks(&self) -> Option<RetentionMarks> {
        let marks = |covered: &[CoverageSpan]| -> Vec<Span> {
            let pieces = covered.iter().filter(|piece| piece.age_when_fetched.is_none());
            pieces
                .filter_map(|piece| piece.span.intersect(&self.range))
                .collect()
        };
        let with_marks: Vec<(&Domain, Vec<Span>)> = self
            .coverage
            .iter()
            .map(|(domain, covered)| (domain, marks(covered)))
            .filter(|(_, marks)| !marks.is_empty())
            .collect();
        let all = with_marks.iter().flat_map(|(_, marks)| marks).copied();
        let span = all.reduce(|one, other| one.hull(&other))?;
        let newest = Span::new(span.end() - SLOT_SECONDS, span.end())?;
        let has_newest = |marks: &[Span]| marks.iter().any(|mark| mark.contains(newest.start()));
        let newest_domains = with_marks.iter().filter(|(_, marks)| has_newest(marks));
        let open: Vec<DomainCoverage> = with_marks
            .iter()
            .map(|(domain, marks)| ((*domain).clone(), everything_but(marks, span)))
            .collect();
        Some(RetentionMarks {
            probe: PlannedRequest {
                window: newest,
                domains: newest_domains
                    .map(|(domain, _)| (*domain).clone())
                    .take(self.settings.domains_per_request.max(1))
                    .collect(),
            },
            plan: Plan::new(span, &open, self.now, self.settings),
            domains: open.into_iter().map(|(domain, _)| domain).collect(),
            span,
        })
    }

    fn coverage_of(&self, chosen: impl Fn(&Domain) -> bool) -> Vec<DomainCoverage> {
        let coverage = self.coverage.iter();
        coverage.filter(|(domain, _)| chosen(domain)).cloned().collect()
    }
}

/// Returns the range that was refused; `None` if it was the domain.
fn refused_range(refusal: &Refusal) -> Option<Span> {
    (refusal.status == ApiStatus::BEYOND_ONE_MONTH.code()).then_some(refusal.span)
}

/// Returns coverage for all of `span` except `open`, which is in order.
fn everything_but(open: &[Span], span: Span) -> Vec<CoverageSpan> {
    let mut covered = Vec::with_capacity(open.len() + 1);
    let mut from = span.start();
    let ends = open.iter().map(|mark| (mark.start(), mark.end()));
    for (start, end) in ends.chain([(span.end(), span.end())]) {
        covered.extend(Span::new(from, start).map(|span| CoverageSpan::settled(span, 0)));
        from = end;
    }
    covered
}
