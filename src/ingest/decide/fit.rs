//! Cuts a sub-request to the known limits before it is asked for.

use std::collections::BTreeMap;

use super::knowledge::Knowledge;
use super::sub_request::SubRequest;
use super::window_task::WindowTask;
use crate::model::{Domain, Span, UnixSeconds};
use crate::plan::cut::Cuts;

impl WindowTask {
    /// Returns the piece of `request` to ask for now. The rest goes back to the queue. Refused domains, and slots
    /// known to be beyond retention, are committed without asking.
    pub(super) fn fit(&mut self, mut request: SubRequest, knowledge: &Knowledge) -> Option<SubRequest> {
        let whole = Span::new(request.first_slot(), request.window.end()).unwrap_or(request.window);
        let domains = request.domains.into_iter();
        let (refused, left): (Vec<_>, Vec<_>) = domains.partition(|domain| knowledge.is_refused(domain));
        if !refused.is_empty() {
            self.leave_out(whole, &refused, None);
        }
        request.domains = left;
        if request.domains.is_empty() {
            return None;
        }
        let request = self.after_the_edge(request, knowledge)?;
        let request = self.without_suspects(request, knowledge);
        self.cut_to_limits(request, knowledge)
    }

    /// Returns `request` if none of it lies before the edge of retention; else queues the pieces after the edge.
    fn after_the_edge(&mut self, request: SubRequest, knowledge: &Knowledge) -> Option<SubRequest> {
        let window = request.window;
        let mut groups: BTreeMap<Option<UnixSeconds>, Vec<Domain>> = BTreeMap::new();
        for domain in &request.domains {
            let edge = knowledge.edge(domain).filter(|edge| *edge > window.start());
            groups.entry(edge).or_default().push(domain.clone());
        }
        if groups.keys().all(Option::is_none) {
            return Some(request);
        }
        for (edge, domains) in groups {
            let Some(edge) = edge else {
                self.requeue(request.with_domains(&domains));
                continue;
            };
            if let Some(window) = Span::new(edge, window.end()) {
                self.requeue(SubRequest {
                    window,
                    // The rest of a search lies before the edge.
                    search: None,
                    ..request.with_domains(&domains)
                });
            }
            if let Some(older) = Span::new(request.first_slot(), edge.min(window.end())) {
                self.before_the_edge(older, &domains, knowledge);
            }
        }
        None
    }

    /// Takes out the domains that spoiled an answer before. Each of them is asked alone.
    fn without_suspects(&mut self, request: SubRequest, knowledge: &Knowledge) -> SubRequest {
        if request.domains.len() == 1 {
            return request;
        }
        let domains = request.domains.iter().cloned();
        let (suspects, mut others): (Vec<_>, Vec<_>) =
            domains.partition(|domain| knowledge.is_suspect(domain));
        let mut suspects = suspects.into_iter();
        if others.is_empty() {
            others.extend(suspects.next());
        }
        for domain in suspects {
            self.queue_last(request.piece(request.window, &[domain]));
        }
        SubRequest {
            domains: others,
            ..request
        }
    }

    fn cut_to_limits(&mut self, request: SubRequest, knowledge: &Knowledge) -> Option<SubRequest> {
        let limits = &knowledge.limits;
        let longest = limits.longest();
        if let Some(longest) = longest.filter(|longest| *longest < request.window.seconds()) {
            let mut cuts = Cuts::new(&[request.window], longest);
            let pieces: Vec<_> = std::iter::from_fn(|| cuts.take_newest()).collect();
            for window in pieces {
                // A search continues below its oldest piece.
                let is_oldest = window.start() == request.window.start();
                self.requeue(SubRequest {
                    window,
                    search: request.search.clone().filter(|_| is_oldest),
                    ..request.clone()
                });
            }
            return None;
        }
        let most = limits.domains_for(request.window);
        if most >= request.domains.len() {
            return Some(request);
        }
        let groups = request.domains.chunks(most).rev();
        groups.for_each(|group| self.requeue(request.with_domains(group)));
        None
    }
}
