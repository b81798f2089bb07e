//! A part as the known limits let it be asked for.

use std::collections::BTreeMap;

use super::knowledge::Knowledge;
use super::part::Part;
use super::task::Task;
use crate::model::{Domain, Span, UnixSeconds};
use crate::plan::cut::Cuts;

impl Task {
    /// What of `part` is to be asked for now. What is left over goes back to the queue; what is refused, or
    /// known to be beyond retention, is dealt with without asking.
    pub(super) fn fit(&mut self, mut part: Part, knowledge: &Knowledge, now: UnixSeconds) -> Option<Part> {
        let (refused, left): (Vec<_>, Vec<_>) = part
            .domains
            .into_iter()
            .partition(|domain| knowledge.is_refused(domain));
        if !refused.is_empty() {
            let first = part
                .search
                .as_ref()
                .map_or(part.window.start(), |search| search.first(part.window));
            let whole = Span::new(first, part.window.end()).unwrap_or(part.window);
            self.give_up_quietly(whole, refused, now);
        }
        part.domains = left;
        if part.domains.is_empty() {
            return None;
        }
        let part = self.before_the_edge(part, knowledge, now)?;
        let part = self.suspects_alone(part, knowledge);
        self.cut_to_limits(part, knowledge)
    }

    /// Puts aside what lies before the edge of retention.
    fn before_the_edge(&mut self, part: Part, knowledge: &Knowledge, now: UnixSeconds) -> Option<Part> {
        let start = part.window.start();
        let mut groups: BTreeMap<Option<UnixSeconds>, Vec<Domain>> = BTreeMap::new();
        for domain in &part.domains {
            let edge = knowledge.edge(domain).filter(|edge| *edge > start);
            groups.entry(edge).or_default().push(domain.clone());
        }
        if groups.keys().all(Option::is_none) {
            return Some(part);
        }
        for (edge, domains) in groups {
            let Some(edge) = edge else {
                self.requeue(Part {
                    domains,
                    ..part.clone()
                });
                continue;
            };
            let newer = Span::new(edge.max(start), part.window.end());
            if let Some(window) = newer {
                self.requeue(Part {
                    window,
                    domains: domains.clone(),
                    // What a search had left lies before the edge.
                    search: None,
                    ..part.clone()
                });
            }
            let from = part
                .search
                .as_ref()
                .map_or(start, |search| search.first(part.window));
            if let Some(older) = Span::new(from, edge.min(part.window.end())) {
                self.too_old(older, &domains, knowledge, now);
            }
        }
        None
    }

    /// Takes the domains out of a batch of which no answer could be read: each is asked alone.
    fn suspects_alone(&mut self, part: Part, knowledge: &Knowledge) -> Part {
        if part.domains.len() == 1 {
            return part;
        }
        let (suspects, mut others): (Vec<_>, Vec<_>) = part
            .domains
            .iter()
            .cloned()
            .partition(|domain| knowledge.is_suspect(domain));
        let mut suspects = suspects.into_iter();
        if others.is_empty() {
            others.extend(suspects.next());
        }
        for domain in suspects {
            self.queue_last(part.piece(part.window, &[domain]));
        }
        Part {
            domains: others,
            ..part
        }
    }

    fn cut_to_limits(&mut self, part: Part, knowledge: &Knowledge) -> Option<Part> {
        let limits = &knowledge.limits;
        if let Some(longest) = limits
            .longest()
            .filter(|longest| *longest < part.window.seconds())
        {
            let mut cuts = Cuts::new(&[part.window], longest);
            let pieces: Vec<_> = std::iter::from_fn(|| cuts.take_newest()).collect();
            for window in pieces {
                // A search goes on below its oldest piece.
                let is_oldest = window.start() == part.window.start();
                self.requeue(Part {
                    window,
                    search: part.search.clone().filter(|_| is_oldest),
                    ..part.clone()
                });
            }
            return None;
        }
        let most = limits.domains_for(part.window);
        if most < part.domains.len() {
            for group in part.domains.chunks(most).rev() {
                self.requeue(Part {
                    domains: group.to_vec(),
                    ..part.clone()
                });
            }
            return None;
        }
        Some(part)
    }
}
