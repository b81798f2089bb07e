//! The requests of a plan, one after the other.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use super::cut::Cuts;
use crate::model::{Domain, Span};

/// Which windows come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Fills the history from its beginning.
    OldestFirst,
    /// Fetches the figures that people look at first.
    NewestFirst,
}

/// One request of a plan: a window and the domains that are due for all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRequest {
    /// The range to ask for.
    pub window: Span,
    /// The domains to ask for, in order, at least one.
    pub domains: Vec<Domain>,
}

/// The requests of a plan, made one after the other.
#[derive(Debug, Clone)]
pub struct Requests {
    queues: Vec<(Cuts, Arc<[Domain]>)>,
    /// The rest of the current window.
    current: VecDeque<PlannedRequest>,
    domains_per_request: usize,
    order: Order,
}

impl Requests {
    pub(super) fn new<'a>(
        cohorts: impl Iterator<Item = (Cuts, &'a [Domain])>,
        domains_per_request: usize,
        order: Order,
    ) -> Self {
        let queues = cohorts.map(|(cuts, domains)| (cuts, domains.into())).collect();
        Self {
            queues,
            current: VecDeque::new(),
            domains_per_request,
            order,
        }
    }

    /// Continues with the newest windows first.
    ///
    /// If a window is beyond retention, all older ones are, too. From the newest end a run meets that edge once, and
    /// does not ask for every window beyond it.
    pub fn turn_to_newest(&mut self) {
        self.order = Order::NewestFirst;
    }

    fn refill(&mut self) -> Option<()> {
        let order = self.order;
        let peek = |cuts: &Cuts| match order {
            Order::OldestFirst => cuts.oldest(),
            Order::NewestFirst => cuts.newest(),
        };
        let windows = self.queues.iter().filter_map(|(cuts, _)| peek(cuts));
        let window = match order {
            Order::OldestFirst => windows.min()?,
            Order::NewestFirst => windows.min_by_key(|window| Reverse((window.end(), window.start())))?,
        };
        let mut domains: Vec<Domain> = Vec::new();
        for (cuts, cohort) in &mut self.queues {
            if peek(cuts) == Some(window) {
                match order {
                    Order::OldestFirst => cuts.take_oldest(),
                    Order::NewestFirst => cuts.take_newest(),
                };
                domains.extend_from_slice(cohort);
            }
        }
        domains.sort_unstable();
        let groups = domains.chunks(self.domains_per_request);
        self.current.extend(groups.map(|group| PlannedRequest {
            window,
            domains: group.to_vec(),
        }));
        Some(())
    }
}

impl Iterator for Requests {
    type Item = PlannedRequest;

    fn next(&mut self) -> Option<PlannedRequest> {
        if self.current.is_empty() {
            self.refill()?;
        }
        self.current.pop_front()
    }
}
