//! A request as the known limits let it be asked for.

use std::collections::BTreeMap;

use super::knowledge::Knowledge;
use super::sub_request::SubRequest;
use super::window_task::WindowTask;
use crate::model::{Domain, Span, UnixSeconds};
use crate::plan::cut::Cuts;

impl WindowTask {
    /// What of `request` is to be asked for now. What is left over goes back to the queue; what is refused, or
    /// known to be beyond retention, is dealt with without asking.
    pub(super) fn fit(
        &mut self,
        mut request: SubRequest,
        knowledge: &Knowledge,
        now: UnixSeconds,
    ) -> Option<SubRequest> {
        let (refused, left): (Vec<_>, Vec<_>) = request
            .domains
            .into_iter()
            .partition(|domain| knowledge.is_refused(domain));
        if !refused.is_empty() {
            let first = request
                .search
                .as_ref()
                .map_or(request.window.start(), |search| search.first(request.window));
            let whole = Span::new(first, request.window.end()).unwrap_or(request.window);
            self.give_up_quietly(whole, refused, now);
        }
        request.domains = left;
        if request.domains.is_empty() {
            return None;
        }
        let request = self.before_the_edge(request, knowledge, now)?;
        let request = self.suspects_alone(request, knowledge);
        self.cut_to_limits(request, knowledge)
    }

    /// Puts aside what lies before the edge of retention.
    fn before_the_edge(
        &mut self,
        request: SubRequest,
        knowledge: &Knowledge,
        now: UnixSeconds,
    ) -> Option<SubRequest> {
        let start = request.window.start();
        let mut groups: BTreeMap<Option<UnixSeconds>, Vec<Domain>> = BTreeMap::new();
        for domain in &request.domains {
            let edge = knowledge.edge(domain).filter(|edge| *edge > start);
            groups.entry(edge).or_default().push(domain.clone());
        }
        if groups.keys().all(Option::is_none) {
            return Some(request);
        }
        for (edge, domains) in groups {
            let Some(edge) = edge else {
                self.requeue(SubRequest {
                    domains,
                    ..request.clone()
                });
                continue;
            };
            let newer = Span::new(edge.max(start), request.window.end());
            if let Some(window) = newer {
                self.requeue(SubRequest {
                    window,
                    domains: domains.clone(),
                    // What a search had left lies before the edge.
                    search: None,
                    ..request.clone()
                });
            }
            let from = request
                .search
                .as_ref()
                .map_or(start, |search| search.first(request.window));
            if let Some(older) = Span::new(from, edge.min(request.window.end())) {
                self.too_old(older, &domains, knowledge, now);
            }
        }
        None
    }

    /// Takes the domains out of a batch of which no answer could be read: each is asked alone.
    fn suspects_alone(&mut self, request: SubRequest, knowledge: &Knowledge) -> SubRequest {
        if request.domains.len() == 1 {
            return request;
        }
        let (suspects, mut others): (Vec<_>, Vec<_>) = request
            .domains
            .iter()
            .cloned()
            .partition(|domain| knowledge.is_suspect(domain));
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
        if let Some(longest) = limits
            .longest()
            .filter(|longest| *longest < request.window.seconds())
        {
            let mut cuts = Cuts::new(&[request.window], longest);
            let pieces: Vec<_> = std::iter::from_fn(|| cuts.take_newest()).collect();
            for window in pieces {
                // A search goes on below its oldest piece.
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
        if most < request.domains.len() {
            for group in request.domains.chunks(most).rev() {
                self.requeue(SubRequest {
                    domains: group.to_vec(),
                    ..request.clone()
                });
            }
            return None;
        }
        Some(request)
    }
}
