//! Where the API's memory ends: status 21, "the date must be within one month".
//!
//! A request is refused for the oldest slot in it, so a refused window says little about its newer request, and one
//! refusal may be a lie. The search: the newest slot of the window is asked for. If that is served, halving finds
//! the edge, and each step brings points. If it is refused, another cut that begins with it is asked for. Only
//! when two requests of different cuts were refused is anything concluded, and then only of slots that are older
//! than `fetch.retention`, and only where nothing as old or older was served. Everything else has failed: it is
//! remembered in `origin_refusals` and asked for again.

use super::conclusion::{Conclusion, ConclusionKind};
use super::evidence::{DAYS_OF_REFUSALS, refused_twice};
use super::knowledge::Knowledge;
use super::sub_request::SubRequest;
use super::window_task::{Output, WindowTask};
use crate::api::ApiStatus;
use crate::api::FailureKind;
use crate::model::slot::{SLOT_SECONDS, slot_ceil};
use crate::model::span::EVER;
use crate::model::{Domain, FactName, Span, UnixSeconds};
use crate::store::{Coverage, Note};

/// What a conclusion about retention rests on.
const EVIDENCE: &str = "status 21 for two different ranges; nothing as old was served";

/// A search for the edge of retention, below one refused window.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// What lies directly before the request and is not asked for yet; it was refused as request of something larger.
    rest: Option<Span>,
    /// What lies before that: newer slots were refused.
    aside: Option<Span>,
    /// The starts of the refused requests, each of another cut.
    refused: Vec<UnixSeconds>,
    pub(super) stage: Stage,
}

/// Which step of the search a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The newest slot of a refused window.
    Newest,
    /// A half of what is unknown.
    Halving,
    /// A slot that was refused, once more in another cut.
    Second,
}

impl Search {
    /// The first slot of what is searched, `request` included.
    pub(super) fn first(&self, request: Span) -> UnixSeconds {
        let before = self.aside.or(self.rest);
        before.map_or(request.start(), |before| before.start())
    }
}

impl SubRequest {
    /// The range to send for the second cut of a slot: with the slot after it, or before it where that one is not
    /// available yet.
    pub(super) fn second_cut(&self, now: UnixSeconds) -> Span {
        let slot = self.window;
        let later = Span::new(slot.start(), slot.end() + SLOT_SECONDS).filter(|cut| cut.end() <= now);
        let earlier = Span::new(slot.start() - SLOT_SECONDS, slot.end());
        later.or(earlier).unwrap_or(slot)
    }
}

impl WindowTask {
    /// A request was refused as too old.
    pub(super) fn refused_as_too_old(
        &mut self,
        mut request: SubRequest,
        kind: &FailureKind,
        (knowledge, now): (&mut Knowledge, UnixSeconds),
    ) {
        if request.padded {
            return self.requeue(request.unpadded());
        }
        knowledge.meet_retention();
        let window = request.window;
        let Some(mut search) = request.search.take() else {
            let last = Span::new(window.end() - SLOT_SECONDS, window.end()).unwrap_or(window);
            let rest = Span::new(window.start(), last.start());
            let stage = if rest.is_some() {
                Stage::Newest
            } else {
                Stage::Second
            };
            let refused = vec![window.start()];
            let aside = None;
            return self.search(
                &request,
                last,
                Search {
                    rest,
                    aside,
                    refused,
                    stage,
                },
            );
        };
        let start = if search.stage == Stage::Second {
            request.second_cut(now).start()
        } else {
            window.start()
        };
        search.refused.push(start);
        match search.stage {
            Stage::Newest => {
                search.stage = Stage::Second;
                self.search(&request, window, search);
            }
            Stage::Halving => {
                if let Some((older, newer)) = window.halve() {
                    search.aside = Span::new(search.first(window), older.start());
                    search.rest = Some(older);
                    self.search(&request, newer, search);
                } else {
                    search.stage = Stage::Second;
                    self.search(&request, window, search);
                }
            }
            Stage::Second => self.edge_found(&request, &search, kind, (knowledge, now)),
        }
    }

    /// A request of a search was served: what lies before it is unknown still.
    pub(super) fn search_on(&mut self, request: &SubRequest) {
        let Some(search) = &request.search else { return };
        let (whole, aside) = match (search.rest, search.aside) {
            (Some(rest), aside) => (rest, aside),
            // All that was refused has been served after all.
            (None, Some(aside)) => (aside, None),
            (None, None) => return,
        };
        let (rest, window) = match whole.halve() {
            Some((older, newer)) => (Some(older), newer),
            None => (None, whole),
        };
        let search = Search {
            rest,
            aside,
            refused: search.refused.clone(),
            stage: Stage::Halving,
        };
        self.search(request, window, search);
    }

    fn search(&mut self, request: &SubRequest, window: Span, search: Search) {
        self.requeue(SubRequest {
            search: Some(search),
            ..request.piece(window, &request.domains)
        });
    }

    /// Two different cuts were refused: the slot of `request`, and what lies before it, is too old, or has failed.
    fn edge_found(
        &mut self,
        request: &SubRequest,
        search: &Search,
        kind: &FailureKind,
        (knowledge, now): (&mut Knowledge, UnixSeconds),
    ) {
        let refused_before = self.takes_back.filter(|span| *span != EVER);
        let from = search.first(request.window);
        // A scout speaks for all that an earlier run was refused.
        let from = refused_before.map_or(from, |span| span.start().min(from));
        let Some(whole) = Span::new(from, request.window.end()) else {
            return;
        };
        let proven = refused_twice(search.refused.clone()).unwrap_or(from);
        let evidence = knowledge.too_old(&request.domains, proven, now, self.rules.retention);
        if evidence.is_contradicted() {
            return self.refuse_range(whole, &request.domains, kind, (knowledge, now));
        }
        let believed_until = if evidence.days >= DAYS_OF_REFUSALS {
            proven + SLOT_SECONDS
        } else {
            slot_ceil(now - self.rules.retention).min(proven + SLOT_SECONDS)
        };
        if believed_until > from {
            knowledge.set_edge(&request.domains, believed_until);
        }
        if let Some(old) = Span::new(from, believed_until.min(whole.end())) {
            self.mark(old, &request.domains, now);
        }
        if let Some(young) = Span::new(believed_until.max(from), whole.end()) {
            self.refuse_range(young, &request.domains, kind, (knowledge, now));
            knowledge.refuse_young(&request.domains, young.end());
        }
    }

    /// A range that lies before the edge: it is not asked for.
    pub(super) fn too_old(
        &mut self,
        window: Span,
        domains: &[Domain],
        knowledge: &Knowledge,
        now: UnixSeconds,
    ) {
        let evidence = knowledge.too_old(domains, window.start(), now, self.rules.retention);
        let until = if evidence.days >= DAYS_OF_REFUSALS {
            window.end()
        } else {
            slot_ceil(now - self.rules.retention)
        };
        if let Some(old) = Span::new(window.start(), until.min(window.end())) {
            self.mark(old, domains, now);
        }
        if let Some(young) = Span::new(until.max(window.start()), window.end()) {
            let kind = FailureKind::Api {
                status: ApiStatus::BEYOND_ONE_MONTH,
                message: String::new(),
            };
            self.refuse_range(young, domains, &kind, (knowledge, now));
        }
    }

    /// Marks a range as beyond retention: it is asked for again only by the daily probe.
    fn mark(&mut self, window: Span, domains: &[Domain], now: UnixSeconds) {
        let mut commit = Self::commit(window, domains, Coverage::BeyondRetention { at: now }, now);
        // The next run probes once, and then one a day does.
        commit.notes.push(Note::Fact {
            name: FactName::RetentionProbed,
            value: 0,
            at: 0,
        });
        self.put(Output::Commit(Box::new(commit)));
        self.put(Output::Concluded(Conclusion {
            kind: ConclusionKind::BeyondRetention,
            domains: domains.to_vec(),
            span: window,
            evidence: EVIDENCE.to_owned(),
        }));
    }

    /// A range was refused: it has failed, and is remembered so that it is not asked for at every run.
    fn refuse_range(
        &mut self,
        window: Span,
        domains: &[Domain],
        kind: &FailureKind,
        (knowledge, now): (&Knowledge, UnixSeconds),
    ) {
        let note = Note::Refused {
            domains: domains.to_vec(),
            span: window,
            status: ApiStatus::BEYOND_ONE_MONTH.code(),
            at: now,
            newer_served: knowledge.served_newer_than(window.end() - 1),
        };
        self.fail(window, domains, kind, Some(note), now);
    }
}
