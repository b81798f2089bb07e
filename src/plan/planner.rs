//! Turns what is due for many domains into requests.

use super::cut::Cuts;
use super::due::due;
use super::requests::{Order, Requests};
use crate::model::convert::to_u64;
use crate::model::slot::UnixSeconds;
use crate::model::{CoverageSpan, Domain, Refresh, Span};

/// What shapes a plan beside coverage and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSettings {
    /// The longest span of one request, in seconds.
    pub window: i64,
    /// The most domains in one request; at least one is taken as one.
    pub domains_per_request: usize,
    /// When slots are asked for.
    pub refresh: Refresh,
    /// Whether settled slots are asked for, too.
    pub force: bool,
    /// Which windows come first.
    pub order: Order,
}

/// How much a plan asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlanSize {
    /// Requests, when none is split or repeated.
    pub requests: u64,
    /// Slots, summed over the domains.
    pub slots: u64,
}

/// What a run will ask for. `--dry-run` prints this value, and a run executes this value.
///
/// It holds ranges, not windows: its size depends on the number of domains and holes, not on the length of
/// the range. The windows are made as they are taken.
#[derive(Debug, Clone)]
pub struct Plan {
    range: Span,
    available_until: UnixSeconds,
    /// Domains that are due for the same ranges.
    cohorts: Vec<Cohort>,
    window: i64,
    domains_per_request: usize,
    order: Order,
}

#[derive(Debug, Clone)]
struct Cohort {
    due: Vec<Span>,
    domains: Vec<Domain>,
}

impl Plan {
    /// Plans `range` for the domains of `coverage`, as of `now`.
    #[must_use]
    pub fn new(
        range: Span,
        coverage: &[(Domain, Vec<CoverageSpan>)],
        now: UnixSeconds,
        settings: &PlanSettings,
    ) -> Self {
        let range = range.to_grid();
        let mut cohorts: Vec<Cohort> = Vec::new();
        for (domain, covered) in coverage {
            let due = due(range, covered, now, &settings.refresh, settings.force);
            if due.is_empty() {
                continue;
            }
            match cohorts.iter_mut().find(|cohort| cohort.due == due) {
                Some(cohort) => cohort.domains.push(domain.clone()),
                None => cohorts.push(Cohort {
                    due,
                    domains: vec![domain.clone()],
                }),
            }
        }
        Self {
            range,
            available_until: settings.refresh.horizon(now),
            cohorts,
            window: settings.window,
            domains_per_request: settings.domains_per_request.max(1),
            order: settings.order,
        }
    }

    /// What was asked for, on the grid.
    #[must_use]
    pub fn range(&self) -> Span {
        self.range
    }

    /// Where the range is cut, because newer slots are not available by now.
    #[must_use]
    pub fn cut_at(&self) -> Option<UnixSeconds> {
        Some(self.available_until.max(self.range.start())).filter(|end| *end < self.range.end())
    }

    /// Whether nothing is due.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cohorts.is_empty()
    }

    /// Counts the requests and slots by walking through them.
    #[must_use]
    pub fn size(&self) -> PlanSize {
        self.requests().fold(PlanSize::default(), |size, request| {
            let domains = to_u64(request.domains.len());
            let slots = to_u64(request.window.slots());
            PlanSize {
                requests: size.requests + 1,
                slots: size.slots + domains * slots,
            }
        })
    }

    /// The requests, in the plan's order.
    #[must_use]
    pub fn requests(&self) -> Requests {
        let cohorts = self
            .cohorts
            .iter()
            .map(|cohort| (Cuts::new(&cohort.due, self.window), &*cohort.domains));
        Requests::new(cohorts, self.domains_per_request, self.order)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::model::coverage::splice;
    use crate::model::slot::SLOT_SECONDS;
    use crate::plan::due::covered_by;
    use crate::plan::requests::PlannedRequest;

    const BASE: UnixSeconds = 1_767_196_800; // 2026-01-01 00:00 in UTC+8

    fn settings() -> PlanSettings {
        PlanSettings {
            window: 86_400,
            domains_per_request: 2,
            refresh: Refresh {
                available_after: 600,
                ages: vec![3_600, 86_400],
            },
            force: false,
            order: Order::OldestFirst,
        }
    }

    fn domain(at: usize) -> Domain {
        format!("d{at}.example.com").parse().unwrap()
    }

    fn span(start: i64, end: i64) -> Span {
        Span::new(BASE + start * SLOT_SECONDS, BASE + end * SLOT_SECONDS).unwrap()
    }

    #[test]
    fn domains_with_the_same_window_share_requests_and_others_do_not() {
        let now = BASE + 30 * 86_400;
        let known = covered_by(span(0, 288), now, &settings().refresh);
        let coverage = vec![
            (domain(0), vec![]),
            (domain(1), known),
            (domain(2), vec![]),
            (domain(3), vec![]),
        ];
        let plan = Plan::new(span(0, 2 * 288), &coverage, now, &settings());
        let listed: Vec<_> = plan
            .requests()
            .map(|request| {
                (
                    request.window,
                    request
                        .domains
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" "),
                )
            })
            .collect();
        let names = |list: &str| {
            list.split(' ')
                .map(|n| format!("d{n}.example.com"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            listed,
            [
                (span(0, 288), names("0 2")),
                (span(0, 288), names("3")),
                (span(288, 576), names("0 1")),
                (span(288, 576), names("2 3")),
            ]
        );
        assert_eq!(
            plan.size(),
            PlanSize {
                requests: 4,
                slots: 3 * 288 + 4 * 288
            }
        );
    }

    #[test]
    fn turning_to_the_newest_in_the_middle_loses_no_request_and_repeats_none() {
        let plan = Plan::new(
            span(0, 10 * 288),
            &[(domain(0), vec![]), (domain(1), vec![]), (domain(2), vec![])],
            i64::MAX / 2,
            &settings(),
        );
        let mut requests = plan.requests();
        let mut taken: Vec<_> = requests.by_ref().take(3).collect();
        requests.turn_to_newest();
        taken.extend(requests.by_ref().take(3));
        assert_eq!(taken[4].window, span(9 * 288, 10 * 288));
        taken.extend(requests);
        let key = |request: &PlannedRequest| (request.window, request.domains.clone());
        let mut all: Vec<_> = plan.requests().collect();
        all.sort_by_key(key);
        taken.sort_by_key(key);
        assert_eq!(taken, all);
    }

    proptest! {
           /// Whatever ranges, window sizes and moments came before: planned = requested − settled, no slot
           /// twice, and after the plan is carried out nothing is due at that moment.
           #[test]
           fn a_plan_asks_for_exactly_what_is_due_and_then_nothing_is(
               history in prop::collection::vec((0_usize..4, 0_i64..1500, 1_i64..900, 0_i64..2000), 0..10),
               from in 0_i64..1500, length in 1_i64..1500, now in 0_i64..3000,
               window in 1_i64..900, batch in 1_usize..5, newest in any::<bool>(), force in any::<bool>(),
           ) {
               let settings = PlanSettings {
                   window: window * SLOT_SECONDS, domains_per_request: batch, force,
                   order: if newest { Order::NewestFirst } else { Order::OldestFirst }, ..settings()
               };
               let now = BASE + now * SLOT_SECONDS;
               let mut coverage: Vec<(Domain, Vec<CoverageSpan>)> = (0..4).map(|at| (domain(at), vec![])).collect();
               let mut history = history;
               history.sort_by_key(|fetch| fetch.3);
               for (at, start, length, asked) in history {
                   let fresh = covered_by(span(start, start + length), BASE + asked * SLOT_SECONDS, &settings.refresh);
                   coverage[at].1 = splice(&coverage[at].1, &fresh);
               }
               let range = span(from, from + length);
               let plan = Plan::new(range, &coverage, now, &settings);
               let mut asked: BTreeMap<Domain, BTreeSet<i64>> = BTreeMap::new();
               let mut last: Option<Span> = None;
               for request in plan.requests() {
                   prop_assert!(request.window.on_grid() && request.window.seconds() <= settings.window);
                   prop_assert!(!request.domains.is_empty() && request.domains.len() <= batch);
                   if let Some(last) = last {
                       let ordered = if newest { request.window.end() <= last.end() } else { request.window.start() >= last.start() };
    prop_assert!(ordered);
                   }
                   last = Some(request.window);
                   for name in &request.domains {
                       for slot in 0..request.window.slots() {
                           let fresh = asked.entry(name.clone()).or_default().insert(request.window.start() + slot * SLOT_SECONDS);
                           prop_assert!(fresh, "a slot is asked for twice");
                       }
                       let at = coverage.iter().position(|(known, _)| known == name).unwrap();
                       let fresh = covered_by(request.window, now, &settings.refresh);
                       coverage[at].1 = splice(&coverage[at].1, &fresh);
                   }
               }
               let size = plan.size();
               prop_assert_eq!(size.slots, u64::try_from(asked.values().map(BTreeSet::len).sum::<usize>()).unwrap());
               let again = Plan::new(range, &coverage, now, &PlanSettings { force: false, ..settings });
               prop_assert!(again.is_empty());
           }
       }
}
