//! Finds where the API's retention ends: status 21, "the date must be within one month".
//!
//! The API refuses a request because of its oldest slot. So a refused window says little about its newer slots, and a
//! single refusal may be wrong. The search asks for the newest slot of the window first. If that is served, halving
//! finds the edge, and each step brings points. If it is refused, the search asks for the slot again in another
//! range. A conclusion needs two refusals in different ranges. It is drawn only for slots older than
//! `fetch.retention`, and only if no slot as old was served. Everything else has failed: it is kept in
//! `origin_refusals` and asked for again.

use super::conclusion::ConclusionKind;
use super::edge_search::{Search, Stage, second_range};
use super::evidence::refused_twice;
use super::knowledge::Knowledge;
use super::sub_request::SubRequest;
use super::window_task::WindowTask;
use crate::api::{ApiStatus, FailureKind};
use crate::model::slot::SLOT_SECONDS;
use crate::model::span::EVER;
use crate::model::{Domain, FactName, Span, UnixSeconds};
use crate::store::{Commit, Coverage, Note};

/// The evidence for a conclusion about retention.
const EVIDENCE: &str = "status 21 for two different ranges; nothing as old was served";

impl WindowTask {
    /// Takes the refusal of a request as too old, and continues the search for the edge.
    pub(super) fn refused_as_too_old(
        &mut self,
        mut request: SubRequest,
        kind: &FailureKind,
        knowledge: &mut Knowledge,
    ) {
        if request.padded {
            return self.requeue(request.unpadded());
        }
        knowledge.meet_retention();
        let window = request.window;
        let Some(mut search) = request.search.take() else {
            let newest = Span::new(window.end() - SLOT_SECONDS, window.end()).unwrap_or(window);
            let rest = Span::new(window.start(), newest.start());
            let stage = rest.map_or(Stage::Second, |_| Stage::Newest);
            let search = Search {
                rest,
                aside: None,
                refused: vec![window.start()],
                stage,
            };
            return self.search(&request, newest, search);
        };
        let stage = search.stage;
        search.refused.push(match stage {
            Stage::Second => second_range(window, self.now).start(),
            Stage::Newest | Stage::Halving => window.start(),
        });
        match (stage, window.halve()) {
            (Stage::Second, _) => self.edge_found(&request, &search, kind, knowledge),
            (Stage::Halving, Some((older, newer))) => {
                search.aside = Span::new(search.first(window), older.start());
                search.rest = Some(older);
                self.search(&request, newer, search);
            }
            (Stage::Newest | Stage::Halving, _) => {
                search.stage = Stage::Second;
                self.search(&request, window, search);
            }
        }
    }

    /// Continues a search after one of its requests was served: what lies before it is still unknown.
    pub(super) fn search_on(&mut self, request: &SubRequest) {
        let Some(search) = &request.search else { return };
        let (unknown, aside) = match (search.rest, search.aside) {
            (Some(rest), aside) => (rest, aside),
            // Everything that was refused has been served after all.
            (None, Some(aside)) => (aside, None),
            (None, None) => return,
        };
        let (rest, window) = match unknown.halve() {
            Some((older, newer)) => (Some(older), newer),
            None => (None, unknown),
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

    /// Ends a search after two refusals in different ranges: the slot of `request`, and what lies before it, is too old
    /// or has failed.
    fn edge_found(
        &mut self,
        request: &SubRequest,
        search: &Search,
        kind: &FailureKind,
        knowledge: &mut Knowledge,
    ) {
        let mut from = search.first(request.window);
        // A scout stands for the whole range that an earlier run was refused.
        if let Some(refused_before) = self.takes_back.filter(|span| *span != EVER) {
            from = refused_before.start().min(from);
        }
        let (domains, end) = (&request.domains, request.window.end());
        let Some(whole) = Span::new(from, end) else {
            return;
        };
        let proven = refused_twice(search.refused.clone()).unwrap_or(from);
        let evidence = knowledge.too_old(domains, proven, self.now, self.rules.retention);
        if evidence.is_contradicted() {
            return self.refuse_range(whole, domains, kind, knowledge);
        }
        let edge = evidence.believed_before(proven + SLOT_SECONDS);
        if edge > from {
            knowledge.set_edge(domains, edge);
        }
        if self.mark_or_refuse(whole, edge, domains, kind, knowledge) {
            knowledge.refuse_young(domains, end);
        }
    }

    /// Commits a range before the known edge without asking for it.
    pub(super) fn before_the_edge(&mut self, window: Span, domains: &[Domain], knowledge: &Knowledge) {
        let evidence = knowledge.too_old(domains, window.start(), self.now, self.rules.retention);
        let kind = FailureKind::Api {
            status: ApiStatus::BEYOND_ONE_MONTH,
            message: String::new(),
        };
        let edge = evidence.believed_before(window.end());
        self.mark_or_refuse(window, edge, domains, &kind, knowledge);
    }

    /// Marks what lies before `edge` as beyond retention; the rest is refused. Returns whether there is a rest.
    fn mark_or_refuse(
        &mut self,
        window: Span,
        edge: UnixSeconds,
        domains: &[Domain],
        kind: &FailureKind,
        knowledge: &Knowledge,
    ) -> bool {
        if let Some(old) = Span::new(window.start(), edge.min(window.end())) {
            self.mark(old, domains);
        }
        let young = Span::new(edge.max(window.start()), window.end());
        if let Some(young) = young {
            self.refuse_range(young, domains, kind, knowledge);
        }
        young.is_some()
    }

    /// Marks a range as beyond retention. Only the daily probe asks for it again.
    fn mark(&mut self, window: Span, domains: &[Domain]) {
        // The next run probes once; after that one probe a day is enough.
        let probe_is_due = Note::Fact {
            name: FactName::RetentionProbed,
            value: 0,
            at: 0,
        };
        self.commit(Commit {
            coverage: Coverage::BeyondRetention { at: self.now },
            notes: vec![probe_is_due],
            ..Commit::new(domains.to_vec(), window, self.now)
        });
        self.conclude(ConclusionKind::BeyondRetention, domains, window, EVIDENCE);
    }

    /// Fails a refused range, and records the refusal so that not every run asks for it again.
    fn refuse_range(&mut self, window: Span, domains: &[Domain], kind: &FailureKind, knowledge: &Knowledge) {
        let note = Note::Refused {
            domains: domains.to_vec(),
            span: window,
            status: ApiStatus::BEYOND_ONE_MONTH.code(),
            at: self.now,
            newer_served: knowledge.served_newer_than(window.end() - 1),
        };
        self.fail(window, domains, kind, Some(note));
    }
}
