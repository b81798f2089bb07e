//! An answer and its holes: kept until the holes are confirmed, then committed as one.
//!
//! What a confirmation brings belongs to the same commit as the answer that lacked it, so that a window is never
//! stored with a hole that the next request fills.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::confirm::{Confirmation, Holes, inside, ranges, smaller};
use super::knowledge::Knowledge;
use super::spacing::figures_at;
use super::sub_request::SubRequest;
use crate::api::{Answer, DomainAnswer};
use crate::model::convert::{to_u32, to_u64};
use crate::model::gaps::Shape;
use crate::model::slot::{SLOT_SECONDS, slot_floor};
use crate::model::{CodeBook, CoverageSpan, Domain, PointColumns, Reject, RunTotals, Span, UnixSeconds};

/// So many confirmations of one answer are made at most; what is left shows as unconfirmed.
const MAX_CONFIRMATIONS: u32 = 200;

/// An answer that waits for its confirmations.
#[derive(Debug)]
pub(super) struct PendingAnswer {
    pub(super) request: SubRequest,
    /// How many domains were asked for, those included whose entries are not held here.
    asked_domains: usize,
    pub(super) asked_at: UnixSeconds,
    /// What of the request was available when it was asked for.
    pub(super) window: Span,
    pub(super) coverage: Vec<CoverageSpan>,
    pub(super) points: Vec<(Domain, PointColumns)>,
    pub(super) book: CodeBook,
    pub(super) rejects: Vec<Reject>,
    /// SlotsJson whose point was rejected.
    pub(super) rejected: BTreeMap<Domain, BTreeSet<UnixSeconds>>,
    /// SlotsJson without a point that two answers agree on.
    pub(super) confirmed: BTreeMap<Domain, BTreeSet<UnixSeconds>>,
    pub(super) totals: RunTotals,
    /// What is still to be confirmed.
    open: Vec<Holes>,
    to_ask: VecDeque<Confirmation>,
    confirmations: u32,
    /// Whether a confirmation has brought a point that the answer lacked.
    was_cut: bool,
}

impl PendingAnswer {
    /// Holds what `answers` say of `request`, as far as it was available.
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
            let slots: BTreeSet<_> = answer
                .rejected
                .into_iter()
                .filter(|slot| window.contains(*slot))
                .collect();
            if !slots.is_empty() {
                rejected.insert(answer.domain.clone(), slots);
            }
            points.push((answer.domain, before(answer.points, until)));
        }
        let asked_domains = request.domains.len();
        let request = SubRequest {
            domains: points.iter().map(|(domain, _)| domain.clone()).collect(),
            ..request
        };
        Some(Self {
            request,
            asked_domains,
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

    /// The slots of each domain that hold neither a point nor a rejected one.
    pub(super) fn holes(&self) -> Vec<Holes> {
        let of = |(domain, points): &(Domain, PointColumns)| {
            let slots = missing(self.window, points, self.rejected.get(domain));
            (!slots.is_empty()).then(|| (domain.clone(), slots))
        };
        self.points.iter().filter_map(of).collect()
    }

    /// `holes` are to be confirmed by requests of another shape than the request's.
    pub(super) fn confirm(&mut self, holes: Vec<Holes>, knowledge: &Knowledge) {
        let than = (self.asked_domains, self.request.window.slots());
        self.ask_for(&holes, than, knowledge);
        self.open = holes;
    }

    /// The next confirmation to ask for.
    pub(super) fn next_confirmation(&mut self) -> Option<Confirmation> {
        if self.confirmations >= MAX_CONFIRMATIONS {
            return None;
        }
        let next = self.to_ask.pop_front()?;
        self.confirmations += 1;
        Some(next)
    }

    /// Takes what a confirmation brought. True where it was anything new.
    pub(super) fn take(&mut self, confirm: &Confirmation, answer: Answer, knowledge: &mut Knowledge) -> bool {
        let asked = (confirm.domains.len(), confirm.window.slots());
        let mut brought = false;
        let (mut new, mut resolved) = (0, 0);
        let received: usize = answer.domains.iter().map(|domain| domain.points.len()).sum();
        for DomainAnswer { domain, points, .. } in answer.domains {
            let Some((_, open)) = self.open.iter_mut().find(|(of, _)| *of == domain) else {
                continue;
            };
            let Some((_, held)) = self.points.iter_mut().find(|(of, _)| *of == domain) else {
                continue;
            };
            let came: Vec<usize> = (0..points.len())
                .filter(|at| {
                    let slot = points.ts.get(*at).copied().map(slot_floor);
                    slot.is_some_and(|slot| open.binary_search(&slot).is_ok())
                })
                .collect();
            if came.is_empty() {
                continue;
            }
            brought = true;
            new += came.len();
            for at in &came {
                held.push_translated(&mut self.book, &points, &answer.book, *at);
            }
            let slots: BTreeSet<_> = came
                .iter()
                .filter_map(|at| points.ts.get(*at).copied().map(slot_floor))
                .collect();
            open.retain(|slot| !slots.contains(slot));
            if let Some(rejected) = self.rejected.get_mut(&domain) {
                let before = rejected.len();
                rejected.retain(|slot| !slots.contains(slot));
                resolved += before - rejected.len();
            }
            let texts = self.rejects.len();
            self.rejects.retain(|reject| {
                let of_slot = reject.ts.is_some_and(|ts| slots.contains(&slot_floor(ts)));
                !(of_slot && reject.domain.eq_ignore_ascii_case(domain.as_str()))
            });
            let taken_back = to_u64(texts - self.rejects.len());
            self.totals.points_rejected = self.totals.points_rejected.saturating_sub(taken_back);
            knowledge.confirmed(&domain, true);
        }
        let missing = inside(&self.open, confirm.window);
        let missing: Vec<Holes> = missing
            .into_iter()
            .filter(|(domain, _)| confirm.domains.contains(domain))
            .collect();
        if brought {
            if new == resolved {
                // Another figure in place of two that contradict each other says nothing of the answer's size.
            } else if !self.was_cut {
                self.was_cut = true;
                let held: usize = self.points.iter().map(|(_, points)| points.len()).sum();
                let before = held.saturating_sub(new);
                knowledge.limits.incomplete(self.request.size(), to_u64(before));
            } else if !missing.is_empty() {
                let asked = to_u64(asked.0) * to_u64(asked.1);
                knowledge.limits.incomplete(asked, to_u64(received));
            }
            self.totals.points_received += to_u64(new);
            self.ask_for(&missing, asked, knowledge);
        } else {
            for (domain, slots) in missing {
                // A rejected point is no hole, however often it comes.
                let rejected = self.rejected.get(&domain);
                let empty = slots
                    .into_iter()
                    .filter(|slot| rejected.is_none_or(|rejected| !rejected.contains(slot)));
                let empty: Vec<_> = empty.collect();
                if !empty.is_empty() {
                    self.confirmed.entry(domain.clone()).or_default().extend(empty);
                    knowledge.confirmed(&domain, false);
                }
            }
        }
        brought
    }

    /// Whether an answer holds nothing but points that are held already, with the same figures.
    pub(super) fn holds_all_of(&self, answer: &Answer) -> bool {
        answer.padding == 0
            && answer.surplus == 0
            && answer.domains.iter().all(|domain| {
                let held = self.points.iter().find(|(of, _)| *of == domain.domain);
                domain.points.ts.iter().all(|ts| {
                    let known = held.and_then(|(_, points)| figures_at(points, *ts));
                    known.is_some() && known == figures_at(&domain.points, *ts)
                })
            })
    }

    /// Asks for the same without padding, where that was not done.
    pub(super) fn ask_exactly(&mut self, confirm: Confirmation) {
        if !confirm.exact {
            self.to_ask.push_front(Confirmation {
                exact: true,
                ..confirm
            });
        }
    }

    /// Asks for the slots of which an answer holds points one by one, in place of taking them.
    pub(super) fn ask_one_by_one(&mut self, confirm: &Confirmation, answer: &Answer) {
        for answered in &answer.domains {
            let Some((domain, open)) = self.open.iter().find(|(of, _)| *of == answered.domain) else {
                continue;
            };
            let slots = answered.points.ts.iter().map(|ts| slot_floor(*ts));
            for slot in
                slots.filter(|slot| open.binary_search(slot).is_ok() && confirm.window.contains(*slot))
            {
                self.to_ask.push_back(Confirmation {
                    domains: vec![domain.clone()],
                    window: Span::slot_of(slot),
                    exact: true,
                });
            }
        }
    }

    /// Whether the answer held all that a confirmation found.
    pub(super) fn was_complete(&self) -> bool {
        !self.was_cut
    }

    /// The confirmed holes as ranges.
    pub(super) fn confirmed_ranges(&self) -> Vec<(Domain, Vec<Span>)> {
        let of = |(domain, slots): (&Domain, &BTreeSet<UnixSeconds>)| {
            let slots: Vec<_> = slots.iter().copied().collect();
            (!slots.is_empty()).then(|| (domain.clone(), ranges(&slots)))
        };
        self.confirmed.iter().filter_map(of).collect()
    }

    /// The request that left the holes.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            domains: to_u32(self.asked_domains),
            slots: to_u32(self.request.window.slots()),
        }
    }

    fn ask_for(&mut self, holes: &[Holes], than: (usize, i64), knowledge: &Knowledge) {
        for confirm in smaller(holes, than) {
            let most = knowledge.limits.domains_for(confirm.window);
            for group in confirm.domains.chunks(most) {
                self.to_ask.push_back(Confirmation {
                    domains: group.to_vec(),
                    ..confirm.clone()
                });
            }
        }
    }
}

/// The slots of `window` without a point and without a rejected one.
fn missing(
    window: Span,
    points: &PointColumns,
    rejected: Option<&BTreeSet<UnixSeconds>>,
) -> Vec<UnixSeconds> {
    if i64::try_from(points.len()) == Ok(window.slots()) {
        return Vec::new();
    }
    let mut held = points.ts.iter().copied().map(slot_floor).peekable();
    let mut slots = Vec::new();
    let mut slot = window.start();
    while slot < window.end() {
        while held.next_if(|known| *known < slot).is_some() {}
        if held.peek() != Some(&slot) && rejected.is_none_or(|rejected| !rejected.contains(&slot)) {
            slots.push(slot);
        }
        slot += SLOT_SECONDS;
    }
    slots
}

/// The points before `until`. A point of a slot that was not yet available is left for the next run.
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
