//! Plans the requests for what is due.

use super::cut::Cuts;
use super::due::due;
use super::requests::{Order, Requests};
use crate::model::convert::to_u64;
use crate::model::slot::UnixSeconds;
use crate::model::{CoverageSpan, Domain, Refresh, Span};

/// The settings of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSettings {
    /// The longest span of one request, in seconds.
    pub window: i64,
    /// The most domains in one request; 0 counts as 1.
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
    /// Requests, if none is split or repeated.
    pub requests: u64,
    /// Slots, summed over the domains.
    pub slots: u64,
}

/// The plan of a run. `--dry-run` prints this value, and a run executes it.
///
/// It holds ranges, not windows. So its size depends on the number of domains and holes, not on the length of the
/// range. The windows are cut when they are needed.
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

    /// Returns the planned range, on the grid.
    #[must_use]
    pub fn range(&self) -> Span {
        self.range
    }

    /// Returns where the range is cut, because newer slots are not available by now.
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

    /// Returns the requests, in the plan's order.
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

    #[derive(Debug, Clone)]
    struct Case {
        /// Earlier fetches: the domain, the first slot, the number of slots, and the slot of the request.
        history: Vec<(usize, i64, i64, i64)>,
        range: Span,
        now: i64,
        settings: PlanSettings,
    }

    fn cases() -> impl Strategy<Value = Case> {
        let history = prop::collection::vec((0_usize..4, 0_i64..1500, 1_i64..900, 0_i64..2000), 0..10);
        let range = (0_i64..1500, 1_i64..1500);
        let order = prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst)];
        let settings = (1_i64..900, 1_usize..5, order, any::<bool>());
        (history, range, 0_i64..3000, settings).prop_map(|(mut history, (from, length), now, settings)| {
            history.sort_by_key(|fetch| fetch.3);
            let (window, domains_per_request, order, force) = settings;
            Case {
                history,
                range: span(from, from + length),
                now: BASE + now * SLOT_SECONDS,
                settings: PlanSettings {
                    window: window * SLOT_SECONDS,
                    domains_per_request,
                    force,
                    order,
                    ..self::settings()
                },
            }
        })
    }

    /// Planned = requested − settled, no slot twice, and after the plan is carried out nothing is due at that time.
    fn check(case: Case) {
        let Case { settings, now, .. } = case;
        let fetch = |covered: &mut Vec<CoverageSpan>, window: Span, asked_at: i64| {
            *covered = splice(covered, &covered_by(window, asked_at, &settings.refresh));
        };
        let mut coverage: Vec<(Domain, Vec<CoverageSpan>)> = (0..4).map(|at| (domain(at), vec![])).collect();
        for (at, start, length, asked) in case.history {
            let asked_at = BASE + asked * SLOT_SECONDS;
            fetch(&mut coverage[at].1, span(start, start + length), asked_at);
        }
        let plan = Plan::new(case.range, &coverage, now, &settings);
        let mut asked: BTreeMap<Domain, BTreeSet<i64>> = BTreeMap::new();
        let mut last: Option<Span> = None;
        for PlannedRequest { window, domains } in plan.requests() {
            assert!(window.on_grid() && window.seconds() <= settings.window);
            assert!(!domains.is_empty() && domains.len() <= settings.domains_per_request);
            let ordered = last.is_none_or(|last| match settings.order {
                Order::NewestFirst => window.end() <= last.end(),
                Order::OldestFirst => window.start() >= last.start(),
            });
            assert!(ordered);
            last = Some(window);
            for name in domains {
                for slot in 0..window.slots() {
                    let slots = asked.entry(name.clone()).or_default();
                    let fresh = slots.insert(window.start() + slot * SLOT_SECONDS);
                    assert!(fresh, "a slot is asked for twice");
                }
                let at = coverage.iter().position(|(known, _)| *known == name).unwrap();
                fetch(&mut coverage[at].1, window, now);
            }
        }
        let slots: usize = asked.values().map(BTreeSet::len).sum();
        assert_eq!(plan.size().slots, to_u64(slots));
        let again = PlanSettings {
            force: false,
            ..settings.clone()
        };
        assert!(Plan::new(case.range, &coverage, now, &again).is_empty());
    }

    proptest! {
        #[test]
        fn a_plan_asks_for_exactly_what_is_due_and_then_nothing_is(case in cases()) {
            check(case);
        }
    }
}
