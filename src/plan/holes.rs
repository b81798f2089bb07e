//! The slots without a point that are asked for again.
//!
//! A point may come late, or an answer may lack it by mistake. So a slot without a point is asked for again at each
//! hole age. Ages of a day and more are handled once a day, in whole UTC+8 days. For each domain and age, a *cursor*
//! says up to where that is done. A shorter age that is no refresh age is handled slot by slot.
//!
//! An unconfirmed hole that has passed its last age is asked for again once a day.

use std::collections::{BTreeMap, BTreeSet};

use super::cut::Cuts;
use crate::model::convert::to_i64;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS, UnixSeconds, cst_day_floor, slot_floor};
use crate::model::{Domain, Gap, GapReason, Refresh, Span};

/// The cursors of unconfirmed holes are stored under this age.
pub const UNCONFIRMED: i64 = -1;
/// The requests are spread over this time, in seconds, so that a run every five minutes makes only a few of them.
const SPREAD: i64 = 6 * HOUR_SECONDS;
/// A run makes at least this many of them.
const FEWEST: usize = 2;

/// The holes of one domain, and its cursors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainHoles {
    /// The domain.
    pub domain: Domain,
    /// Its gaps of reason `empty` and `rejected`, in order.
    pub gaps: Vec<Gap>,
    /// The cursor of each age: holes before it were asked for again.
    pub cursors: BTreeMap<i64, UnixSeconds>,
}

/// The settings of the requests for holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoleSettings {
    /// The hole ages, in seconds, ascending.
    pub ages: Vec<i64>,
    /// When all slots are asked for, with or without a point.
    pub refresh: Refresh,
    /// The greatest age at which the service is known to serve slots, in seconds.
    pub served_age: i64,
    /// The longest window, in seconds.
    pub window: i64,
    /// The most domains in one request.
    pub domains_per_request: usize,
    /// How long ago the last run ended, in seconds.
    pub since_last_run: i64,
}

/// One request for slots without a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoleRequest {
    /// A UTC+8 day, or a part of one.
    pub window: Span,
    /// The domains with holes in it.
    pub domains: Vec<Domain>,
    /// The known holes, to judge the answer.
    pub holes: Vec<(Domain, Gap)>,
}

/// The requests for holes of a run, and the cursors after all of them are answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HolePlan {
    /// The requests, newest first.
    pub requests: Vec<HoleRequest>,
    /// Holes that are due and left for other runs: outside of the range, or too many for one run.
    pub left: Vec<(Domain, Span)>,
    /// The new cursor of each age.
    pub targets: Vec<(i64, UnixSeconds)>,
}

/// Returns the requests for the `holes` that are due at `now` inside `range`.
#[must_use]
pub fn plan_holes(holes: &[DomainHoles], range: Span, now: UnixSeconds, settings: &HoleSettings) -> HolePlan {
    let targets = targets(now, settings);
    let mut due: BTreeMap<Span, BTreeSet<usize>> = BTreeMap::new();
    for (at, domain) in holes.iter().enumerate() {
        for &(age, target) in &targets {
            let Some(from) = domain.cursors.get(&age).copied() else {
                continue;
            };
            let span = if age == UNCONFIRMED {
                let last_age = settings.ages.last().copied().unwrap_or(0);
                let oldest = cst_day_floor(now - settings.served_age) + DAY_SECONDS;
                // Once a day, of all days that no age is left for.
                Span::new(oldest, cst_day_floor(now - last_age)).filter(|_| from < target)
            } else {
                Span::new(from, target)
            };
            let Some(span) = span else { continue };
            let is_meant =
                |gap: &&Gap| age != UNCONFIRMED || gap.reason == GapReason::Empty && !gap.confirmed;
            for gap in domain.gaps.iter().filter(is_meant) {
                let Some(inside) = gap.span.intersect(&span) else {
                    continue;
                };
                for unit in units(inside, age, settings.window) {
                    due.entry(unit).or_default().insert(at);
                }
            }
        }
    }
    share_out(holes, (due, range), targets, settings)
}

/// Returns, for each age, the end of the slots that have it.
fn targets(now: UnixSeconds, settings: &HoleSettings) -> Vec<(i64, UnixSeconds)> {
    let ages = settings.ages.iter().copied();
    // A short age that is a refresh age is asked for together with the refresh.
    let ages = ages
        .filter(|age| *age < settings.served_age)
        .filter(|age| *age >= DAY_SECONDS || !settings.refresh.ages.contains(age));
    let mut targets: Vec<_> = ages
        .map(|age| {
            let until = now - age;
            let floor = if age < DAY_SECONDS {
                slot_floor(until)
            } else {
                cst_day_floor(until)
            };
            (age, floor)
        })
        .collect();
    targets.push((UNCONFIRMED, cst_day_floor(now)));
    targets
}

/// Returns the windows that hold `span`: whole UTC+8 days for ages of a day and more.
fn units(span: Span, age: i64, window: i64) -> Vec<Span> {
    let whole = if (0..DAY_SECONDS).contains(&age) {
        Some(span)
    } else {
        let last = cst_day_floor(span.end() - SLOT_SECONDS);
        Span::new(cst_day_floor(span.start()), last + DAY_SECONDS)
    };
    let Some(whole) = whole else { return Vec::new() };
    let mut cuts = Cuts::new(&[whole], window.min(DAY_SECONDS));
    std::iter::from_fn(|| cuts.take_oldest())
        .filter(|unit| unit.intersect(&span).is_some())
        .collect()
}

fn share_out(
    holes: &[DomainHoles],
    (due, range): (BTreeMap<Span, BTreeSet<usize>>, Span),
    targets: Vec<(i64, UnixSeconds)>,
    settings: &HoleSettings,
) -> HolePlan {
    let mut requests = Vec::new();
    let mut left = Vec::new();
    for (window, domains) in due.into_iter().rev() {
        let domains: Vec<&DomainHoles> = domains.into_iter().filter_map(|at| holes.get(at)).collect();
        let Some(window) = window.intersect(&range) else {
            left.extend(domains.iter().map(|of| (of.domain.clone(), window)));
            continue;
        };
        for group in domains.chunks(settings.domains_per_request.max(1)) {
            let inside = |of: &&DomainHoles| {
                let gaps = of.gaps.iter().filter(|gap| gap.span.intersect(&window).is_some());
                gaps.map(|gap| (of.domain.clone(), *gap)).collect::<Vec<_>>()
            };
            requests.push(HoleRequest {
                window,
                domains: group.iter().map(|of| of.domain.clone()).collect(),
                holes: group.iter().flat_map(inside).collect(),
            });
        }
    }
    let budget = budget(requests.len(), settings.since_last_run);
    let later = requests.split_off(budget.min(requests.len()));
    let later = later.into_iter().flat_map(|request| {
        request
            .domains
            .into_iter()
            .map(move |domain| (domain, request.window))
    });
    left.extend(later);
    HolePlan {
        requests,
        left,
        targets,
    }
}

/// Returns how many of `due` requests a run makes that comes `since_last_run` seconds after the last one.
fn budget(due: usize, since_last_run: i64) -> usize {
    let share = to_i64(due).saturating_mul(since_last_run.clamp(0, SPREAD)) / SPREAD;
    usize::try_from(share).unwrap_or(due).max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = 1_767_196_800 + 40 * DAY_SECONDS + 3_600; // 2026-02-10 01:00 in UTC+8

    fn settings() -> HoleSettings {
        HoleSettings {
            ages: vec![3_600, 86_400, 3 * 86_400, 7 * 86_400, 25 * 86_400],
            refresh: Refresh {
                available_after: 600,
                ages: vec![3_600, 86_400],
            },
            served_age: 28 * 86_400,
            window: 86_400,
            domains_per_request: 20,
            since_last_run: SPREAD,
        }
    }

    fn gap(day: i64, slot: i64, slots: i64, confirmed: bool) -> Gap {
        let start = cst_day_floor(NOW) + day * DAY_SECONDS + slot * 300;
        Gap {
            span: Span::new(start, start + slots * 300).unwrap(),
            reason: GapReason::Empty,
            confirmed,
            shape: None,
        }
    }

    /// As the cursors are after a run at `now`.
    fn after(now: UnixSeconds) -> BTreeMap<i64, UnixSeconds> {
        targets(now, &settings()).into_iter().collect()
    }

    fn domain(gaps: Vec<Gap>, cursors: BTreeMap<i64, UnixSeconds>) -> DomainHoles {
        DomainHoles {
            domain: "www.a.com".parse().unwrap(),
            gaps,
            cursors,
        }
    }

    fn ever() -> Span {
        Span::new(0, i64::MAX / 2).unwrap()
    }

    fn days(plan: &HolePlan) -> Vec<i64> {
        let day = |request: &HoleRequest| (request.window.start() - cst_day_floor(NOW)) / DAY_SECONDS;
        plan.requests.iter().map(day).collect()
    }

    #[test]
    fn a_hole_is_asked_for_once_at_each_age_of_a_day_and_more() {
        let hole = gap(-1, 100, 2, true);
        let mut cursors = after(NOW - 86_400);
        let mut asked = Vec::new();
        for tick in 0..30 * 288 {
            let now = NOW + tick * 300;
            let plan = plan_holes(&[domain(vec![hole], cursors.clone())], ever(), now, &settings());
            if !plan.requests.is_empty() {
                assert_eq!(plan.requests[0].window.slots(), 288);
                asked.push(tick / 288);
            }
            cursors.extend(plan.targets);
        }
        // The day before NOW is a day old as a whole when the next one is over, and so on.
        assert_eq!(asked, [0, 2, 6, 24]);
    }

    #[test]
    fn an_unconfirmed_hole_that_no_age_is_left_for_is_asked_for_once_a_day_while_it_is_served() {
        let old = gap(-27, 0, 1, false);
        let holes = [domain(vec![old], after(NOW - 86_400))];
        assert_eq!(days(&plan_holes(&holes, ever(), NOW, &settings())), [-27]);
        let again = [domain(vec![old], after(NOW))];
        assert!(
            plan_holes(&again, ever(), NOW + 600, &settings())
                .requests
                .is_empty()
        );
        let confirmed = [domain(vec![gap(-27, 0, 1, true)], after(NOW - 86_400))];
        assert!(
            plan_holes(&confirmed, ever(), NOW, &settings())
                .requests
                .is_empty()
        );
        let out_of_reach = [domain(vec![gap(-30, 0, 1, false)], after(NOW - 86_400))];
        assert!(
            plan_holes(&out_of_reach, ever(), NOW, &settings())
                .requests
                .is_empty()
        );
    }

    #[test]
    fn ages_above_what_is_served_are_not_due() {
        let holes = [domain(vec![gap(-8, 3, 1, true)], after(NOW - 86_400))];
        assert_eq!(days(&plan_holes(&holes, ever(), NOW, &settings())), [-8]);
        let week = HoleSettings {
            served_age: 7 * 86_400,
            ..settings()
        };
        assert!(plan_holes(&holes, ever(), NOW, &week).requests.is_empty());
    }

    #[test]
    fn many_holes_are_spread_over_the_runs_of_some_hours() {
        let of = |at: usize| DomainHoles {
            domain: format!("d{at}.com").parse().unwrap(),
            ..domain(vec![gap(-2, 0, 288, true)], after(NOW - 86_400))
        };
        let holes: Vec<_> = (0..1_000).map(of).collect();
        let tick = HoleSettings {
            since_last_run: 300,
            ..settings()
        };
        let plan = plan_holes(&holes, ever(), NOW, &tick);
        assert_eq!((plan.requests.len(), plan.left.len()), (2, 960));
        let daily = plan_holes(&holes, ever(), NOW, &settings());
        assert_eq!((daily.requests.len(), daily.left.len()), (50, 0));
    }

    #[test]
    fn a_short_age_that_is_no_refresh_age_is_followed_slot_by_slot() {
        let settings = HoleSettings {
            ages: vec![3_600, 6 * 3_600],
            ..settings()
        };
        let cursors = targets(NOW - 300, &settings).into_iter().collect();
        let slot = slot_floor(NOW - 6 * 3_600 - 300);
        let hole = Gap {
            span: Span::slot_of(slot),
            ..gap(0, 0, 1, true)
        };
        let plan = plan_holes(&[domain(vec![hole], cursors)], ever(), NOW, &settings);
        assert_eq!(plan.requests.len(), 1);
        assert_eq!(plan.requests[0].window, hole.span);
    }
}
