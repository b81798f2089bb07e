//! Scripts and rules: faults for certain requests.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::fault::Fault;
use super::log::LoggedRequest;

/// Faults for the next requests, one each.
///
/// ```
/// use jdcdn_stats::simulator::{Fault, FaultScript};
/// let script = FaultScript::new().then(Fault::http(503)).then(Fault::None).then_times(2, Fault::Html);
/// ```
#[derive(Debug, Clone, Default)]
pub struct FaultScript(pub(super) VecDeque<Arc<Fault>>);

impl FaultScript {
    /// Returns a script without steps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step; [`Fault::None`] lets a request through.
    #[must_use]
    pub fn then(self, fault: Fault) -> Self {
        self.then_times(1, fault)
    }

    /// Adds the same step several times.
    #[must_use]
    pub fn then_times(mut self, times: usize, fault: Fault) -> Self {
        self.0.extend(std::iter::repeat_n(Arc::new(fault), times));
        self
    }
}

type Condition = Box<dyn Fn(&LoggedRequest) -> bool + Send>;

/// A fault for every request that meets all conditions of the rule.
pub struct Rule {
    fault: Arc<Fault>,
    /// How often it may still strike; `None` for always.
    remaining: Option<usize>,
    conditions: Vec<Condition>,
}

impl Rule {
    /// Strikes every time.
    #[must_use]
    pub fn always(fault: impl Into<Fault>) -> Self {
        Self {
            fault: Arc::new(fault.into()),
            remaining: None,
            conditions: Vec::new(),
        }
    }

    /// Strikes the first time.
    #[must_use]
    pub fn once(fault: impl Into<Fault>) -> Self {
        Self::times(1, fault)
    }

    /// Strikes the first `times` times.
    #[must_use]
    pub fn times(times: usize, fault: impl Into<Fault>) -> Self {
        Self {
            remaining: Some(times),
            ..Self::always(fault)
        }
    }

    /// Only requests that list the domains of the account.
    #[must_use]
    pub fn for_listings(self) -> Self {
        self.when(|request| request.lists_domains)
    }

    /// Only requests that ask for this domain, in any case.
    #[must_use]
    pub fn for_domain(self, domain: &str) -> Self {
        let domain = domain.to_ascii_lowercase();
        self.when(move |request| request.domains.contains(&domain))
    }

    /// Only requests whose window contains this moment, in Unix seconds.
    #[must_use]
    pub fn for_moment(self, ts: i64) -> Self {
        self.when(move |request| {
            request.start.is_some_and(|start| start <= ts) && request.end.is_some_and(|end| ts < end)
        })
    }

    /// Only requests that ask for this domain and no other, in any case.
    #[must_use]
    pub fn for_domain_alone(self, domain: &str) -> Self {
        let domain = domain.to_ascii_lowercase();
        self.when(move |request| request.domains == [domain.as_str()])
    }

    /// Only requests for more domains than this.
    #[must_use]
    pub fn for_more_domains_than(self, domains: usize) -> Self {
        self.when(move |request| request.domains.len() > domains)
    }

    /// Only requests for more seconds than this.
    #[must_use]
    pub fn for_longer_than(self, seconds: i64) -> Self {
        self.when(move |request| {
            let span = request.start.zip(request.end).map(|(start, end)| end - start);
            span.is_some_and(|span| span > seconds)
        })
    }

    /// Only the request of this number; the first request of a simulator is 1.
    #[must_use]
    pub fn for_sequence(self, sequence: u64) -> Self {
        self.when(move |request| request.sequence == sequence)
    }

    /// Only requests for which `condition` is true. Their outcome is not known yet and reads as status 0.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&LoggedRequest) -> bool + Send + 'static) -> Self {
        self.conditions.push(Box::new(condition));
        self
    }

    /// Returns the fault if it strikes `request`.
    pub(super) fn strike(&mut self, request: &LoggedRequest) -> Option<Arc<Fault>> {
        let strikes = self.remaining != Some(0) && self.conditions.iter().all(|condition| condition(request));
        strikes.then(|| {
            self.remaining = self.remaining.map(|times| times - 1);
            Arc::clone(&self.fault)
        })
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("fault", &self.fault)
            .field("remaining", &self.remaining)
            .field("conditions", &self.conditions.len())
            .finish()
    }
}
