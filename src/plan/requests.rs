//! The requests of a plan, one after the other.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use super::cut::Cuts;
use crate::model::{Domain, Span};

/// How many windows are asked for group by group. It bounds the memory.
const MAX_BAND: usize = 4;

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
    /// The rest of the current band of windows.
    current: VecDeque<PlannedRequest>,
    /// The longest window, in seconds.
    window: i64,
    domains_per_request: usize,
    order: Order,
}

impl Requests {
    pub(super) fn new<'a>(
        cohorts: impl Iterator<Item = (Cuts, &'a [Domain])>,
        (window, domains_per_request): (i64, usize),
        order: Order,
    ) -> Self {
        let queues = cohorts.map(|(cuts, domains)| (cuts, domains.into())).collect();
        Self {
            queues,
            current: VecDeque::new(),
            window,
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

    /// Takes the next band of windows: one window, or a few short ones that are near to each other.
    ///
    /// A run every five minutes asks each group of domains for the newest slot, and again for one an hour and one a day old.
    /// Asked for group by group, they find the group's pages of the database in memory. Together they are no longer than one
    /// window, so the order of the windows hardly changes.
    fn refill(&mut self) -> Option<()> {
        let first = self.peek()?;
        let mut seconds = 0;
        let mut band: Vec<PlannedRequest> = Vec::new();
        for _ in 0..MAX_BAND {
            let Some(window) = self.peek() else { break };
            seconds += window.seconds();
            let reach = first.end().max(window.end()) - first.start().min(window.start());
            if !band.is_empty() && (seconds > self.window || reach > 2 * self.window) {
                break;
            }
            band.extend(self.take(window));
        }
        // It is stable: the windows of a group stay in their order.
        band.sort_by(|one, other| one.domains.first().cmp(&other.domains.first()));
        self.current.extend(band);
        Some(())
    }

    /// Returns the next window.
    fn peek(&self) -> Option<Span> {
        let windows = self.queues.iter().filter_map(|(cuts, _)| self.order.peek(cuts));
        match self.order {
            Order::OldestFirst => windows.min(),
            Order::NewestFirst => windows.min_by_key(|window| Reverse((window.end(), window.start()))),
        }
    }

    /// Takes a window. Returns its requests.
    fn take(&mut self, window: Span) -> Vec<PlannedRequest> {
        let order = self.order;
        let mut domains: Vec<Domain> = Vec::new();
        for (cuts, cohort) in &mut self.queues {
            if order.peek(cuts) == Some(window) {
                match order {
                    Order::OldestFirst => cuts.take_oldest(),
                    Order::NewestFirst => cuts.take_newest(),
                };
                domains.extend_from_slice(cohort);
            }
        }
        domains.sort_unstable();
        let groups = domains.chunks(self.domains_per_request);
        let request = |group: &[Domain]| PlannedRequest {
            window,
            domains: group.to_vec(),
        };
        groups.map(request).collect()
    }
}

impl Order {
    fn peek(self, cuts: &Cuts) -> Option<Span> {
        match self {
            Self::OldestFirst => cuts.oldest(),
            Self::NewestFirst => cuts.newest(),
        }
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
