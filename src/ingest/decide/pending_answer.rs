//! An answer with holes: it is kept until the holes are confirmed, and then committed.
//!
//! The points of a confirmation belong to the same commit as the answer that lacked them. So a window is never stored
//! with a hole that the next request fills.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::confirm::{Confirmation, Holes, inside, ranges, smaller};
use super::doubt::values_at;
use super::knowledge::Knowledge;
use super::sub_request::SubRequest;
use crate::api::{CheckedAnswer, DomainAnswer};
use crate::model::convert::{to_i64, to_u32, to_u64};
use crate::model::gaps::Shape;
use crate::model::slot::{SLOT_SECONDS, slot_floor};
use crate::model::{CodeBook, CoverageSpan, Domain, PointColumns, Reject, RunTotals, Span, UnixSeconds};

/// How many confirmations of one answer are made at most. Holes beyond that stay unconfirmed.
const MAX_CONFIRMATIONS: u32 = 200;

/// Slots by domain.
type SlotsOf = BTreeMap<Domain, BTreeSet<UnixSeconds>>;

/// An answer that waits for its confirmations.
#[derive(Debug)]
pub(super) struct PendingAnswer {
    pub(super) request: SubRequest,
    /// How many domains were asked for, with those whose entries could not be used.
    asked_domains: usize,
    pub(super) asked_at: UnixSeconds,
    /// The part of the request's window that was available when it was asked for.
    pub(super) window: Span,
    pub(super) coverage: Vec<CoverageSpan>,
    pub(super) points: Vec<(Domain, PointColumns)>,
    pub(super) book: CodeBook,
    pub(super) rejects: Vec<Reject>,
    /// Slots whose point was rejected.
    pub(super) rejected: SlotsOf,
    /// Slots without a point that two answers agree on.
    pub(super) confirmed: SlotsOf,
    pub(super) totals: RunTotals,
    /// The holes that are still to be confirmed.
    open: Vec<Holes>,
    to_ask: VecDeque<Confirmation>,
    confirmations: u32,
    /// Whether a confirmation brought a point that the answer lacked.
    was_cut: bool,
}

impl PendingAnswer {
    /// Keeps the entries of an answer to `request`, as far as their slots were available. `None` if none were.
    pub(super) fn new(
        request: SubRequest,
        asked_at: UnixSeconds,
        coverage: Vec<CoverageSpan>,
        answers: Vec<DomainAnswer>,
        book: CodeBook,
    ) -> Option<Self> {
        let until = coverage.last()?.span.end();
        let window = Span::new(request.window.start(), until)?;
        let mut rejected = BTreeMap::new();
        let mut points = Vec::with_capacity(answers.len());
        for answer in answers {
            let slots = answer.rejected.into_iter();
            let slots: BTreeSet<_> = slots.filter(|slot| window.contains(*slot)).collect();
            if !slots.is_empty() {
                rejected.insert(answer.domain.clone(), slots);
            }
            points.push((answer.domain, before(answer.points, until)));
        }
        let domains: Vec<Domain> = points.iter().map(|(domain, _)| domain.clone()).collect();
        Some(Self {
            asked_domains: request.domains.len(),
            request: SubRequest { domains, ..request },
            asked_at,
            window,
            coverage,
            points,
            book,
            rejects: Vec::new(),
            rejected,
            confirmed: BTreeMap::new(),
            totals: RunTotals::default(),
            open: Vec::new(),
            to_ask: VecDeque::new(),
            confirmations: 0,
            was_cut: false,
        })
    }

    /// Returns the slots of each domain that hold neither a point nor a rejected one.
    pub(super) fn holes(&self) -> Vec<Holes> {
        let of = |(domain, points): &(Domain, PointColumns)| {
            let slots = missing(self.window, points, self.rejected.get(domain));
            (!slots.is_empty()).then(|| (domain.clone(), slots))
        };
        self.points.iter().filter_map(of).collect()
    }

    /// Queues confirmations of `holes`, of another shape than the request.
    pub(super) fn confirm(&mut self, holes: Vec<Holes>, knowledge: &Knowledge) {
        let than = (self.asked_domains, self.request.window.slots());
        self.ask_for(&holes, than, knowledge);
        self.open = holes;
    }

    /// Returns the next confirmation to ask for.
    pub(super) fn next_confirmation(&mut self) -> Option<Confirmation> {
        if self.confirmations >= MAX_CONFIRMATIONS {
            return None;
        }
        let next = self.to_ask.pop_front()?;
        self.confirmations += 1;
        Some(next)
    }

    /// Takes the answer to a confirmation. Returns whether it brought a new point.
    pub(super) fn take(
        &mut self,
        confirmation: &Confirmation,
        answer: CheckedAnswer,
        knowledge: &mut Knowledge,
    ) -> bool {
        let asked = (confirmation.domains.len(), confirmation.window.slots());
        let received: usize = answer.domains.iter().map(|domain| domain.points.len()).sum();
        let (mut new, mut resolved) = (0, 0);
        for DomainAnswer { domain, points, .. } in answer.domains {
            let (added, no_longer_rejected) = self.add_missing(&domain, &points, &answer.book);
            if added > 0 {
                knowledge.confirmed(&domain, true);
            }
            new += added;
            resolved += no_longer_rejected;
        }
        let mut missing = inside(&self.open, confirmation.window);
        missing.retain(|(domain, _)| confirmation.domains.contains(domain));
        if new == 0 {
            self.confirm_empty(missing, knowledge);
            return false;
        }
        if new == resolved {
            // A point in place of two that contradict each other says nothing about the size of the answer.
        } else if !self.was_cut {
            self.was_cut = true;
            let received: usize = self.points.iter().map(|(_, points)| points.len()).sum();
            let before = to_u64(received.saturating_sub(new));
            knowledge.limits.incomplete(self.request.size(), before);
        } else if !missing.is_empty() {
            let slots = to_u64(asked.0) * to_u64(asked.1);
            knowledge.limits.incomplete(slots, to_u64(received));
        }
        self.totals.points_received += to_u64(new);
        self.ask_for(&missing, asked, knowledge);
        true
    }

    /// Adds the points of `domain` whose slots are open. Returns how many there are, and how many of their slots were
    /// rejected before.
    fn add_missing(&mut self, domain: &Domain, points: &PointColumns, book: &CodeBook) -> (usize, usize) {
        let Some((_, open)) = self.open.iter_mut().find(|(of, _)| of == domain) else {
            return (0, 0);
        };
        let Some((_, stored)) = self.points.iter_mut().find(|(of, _)| of == domain) else {
            return (0, 0);
        };
        let (mut new, mut slots) = (0, BTreeSet::new());
        for (at, ts) in points.ts.iter().enumerate() {
            let slot = slot_floor(*ts);
            if open.binary_search(&slot).is_ok() {
                stored.push_translated(&mut self.book, points, book, at);
                slots.insert(slot);
                new += 1;
            }
        }
        if new == 0 {
            return (0, 0);
        }
        open.retain(|slot| !slots.contains(slot));
        let mut resolved = 0;
        if let Some(rejected) = self.rejected.get_mut(domain) {
            let before = rejected.len();
            rejected.retain(|slot| !slots.contains(slot));
            resolved = before - rejected.len();
        }
        let texts = self.rejects.len();
        self.rejects.retain(|reject| {
            let of_slot = reject.ts.is_some_and(|ts| slots.contains(&slot_floor(ts)));
            !(of_slot && reject.domain.eq_ignore_ascii_case(domain.as_str()))
        });
        let withdrawn = to_u64(texts - self.rejects.len());
        self.totals.points_rejected = self.totals.points_rejected.saturating_sub(withdrawn);
        (new, resolved)
    }

    /// Notes that a second answer without a point agrees about the holes `missing`.
    fn confirm_empty(&mut self, missing: Vec<Holes>, knowledge: &mut Knowledge) {
        for (domain, mut slots) in missing {
            // A rejected point is no hole, however often it comes.
            if let Some(rejected) = self.rejected.get(&domain) {
                slots.retain(|slot| !rejected.contains(slot));
            }
            if !slots.is_empty() {
                knowledge.confirmed(&domain, false);
                self.confirmed.entry(domain).or_default().extend(slots);
            }
        }
    }

    /// Whether all points of an answer are here already, with the same values.
    pub(super) fn holds_all_of(&self, answer: &CheckedAnswer) -> bool {
        answer.padding == 0
            && answer.surplus == 0
            && answer.domains.iter().all(|domain| {
                let of_domain = self.points.iter().find(|(of, _)| *of == domain.domain);
                domain.points.ts.iter().all(|ts| {
                    let known = of_domain.and_then(|(_, points)| values_at(points, *ts));
                    known.is_some() && known == values_at(&domain.points, *ts)
                })
            })
    }

    /// Asks for the same again without padding, unless that was done.
    pub(super) fn ask_exactly(&mut self, confirmation: Confirmation) {
        if !confirmation.exact {
            self.to_ask.push_front(Confirmation {
                exact: true,
                ..confirmation
            });
        }
    }

    /// Asks for each slot of which the answer holds a point alone, in place of taking the points.
    pub(super) fn ask_one_by_one(&mut self, confirmation: &Confirmation, answer: &CheckedAnswer) {
        for answered in &answer.domains {
            let Some((domain, open)) = self.open.iter().find(|(of, _)| *of == answered.domain) else {
                continue;
            };
            let slots = answered.points.ts.iter().map(|ts| slot_floor(*ts));
            for slot in
                slots.filter(|slot| open.binary_search(slot).is_ok() && confirmation.window.contains(*slot))
            {
                self.to_ask.push_back(Confirmation {
                    domains: vec![domain.clone()],
                    window: Span::slot_of(slot),
                    exact: true,
                });
            }
        }
    }

    /// Whether the answer held every point that a confirmation found.
    pub(super) fn was_complete(&self) -> bool {
        !self.was_cut
    }

    /// Returns the confirmed holes as ranges.
    pub(super) fn confirmed_ranges(&self) -> Vec<(Domain, Vec<Span>)> {
        let of = |(domain, slots): (&Domain, &BTreeSet<UnixSeconds>)| {
            let slots: Vec<_> = slots.iter().copied().collect();
            (!slots.is_empty()).then(|| (domain.clone(), ranges(&slots)))
        };
        self.confirmed.iter().filter_map(of).collect()
    }

    /// Returns the shape of the request that left the holes.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            domains: to_u32(self.asked_domains),
            slots: to_u32(self.request.window.slots()),
        }
    }

    fn ask_for(&mut self, holes: &[Holes], than: (usize, i64), knowledge: &Knowledge) {
        for confirmation in smaller(holes, than) {
            let most = knowledge.limits.domains_for(confirmation.window);
            for group in confirmation.domains.chunks(most) {
                self.to_ask.push_back(Confirmation {
                    domains: group.to_vec(),
                    ..confirmation.clone()
                });
            }
        }
    }
}

/// Returns the slots of `window` without a point and without a rejected one.
fn missing(
    window: Span,
    points: &PointColumns,
    rejected: Option<&BTreeSet<UnixSeconds>>,
) -> Vec<UnixSeconds> {
    if to_i64(points.len()) == window.slots() {
        return Vec::new();
    }
    let mut with_point = points.ts.iter().copied().map(slot_floor).peekable();
    let mut slots = Vec::new();
    let mut slot = window.start();
    while slot < window.end() {
        while with_point.next_if(|known| *known < slot).is_some() {}
        if with_point.peek() != Some(&slot) && rejected.is_none_or(|rejected| !rejected.contains(&slot)) {
            slots.push(slot);
        }
        slot += SLOT_SECONDS;
    }
    slots
}

/// Returns the points before `until`. The next run asks for the slots that were not available yet.
fn before(points: PointColumns, until: UnixSeconds) -> PointColumns {
    if points.ts.iter().all(|ts| *ts < until) {
        return points;
    }
    let mut kept = PointColumns::default();
    for (at, ts) in points.ts.iter().enumerate() {
        if *ts < until {
            kept.push_from(&points, at);
        }
    }
    kept
}
