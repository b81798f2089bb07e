//! Which request meets which fault.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use super::fault::{Fault, RetryAfter};
use super::log::LoggedRequest;
use super::noise::Noise;
use super::settings::Settings;

/// Faults for the next requests, one each.
///
/// ```
/// use jdcdn_stats::simulator::{Fault, FaultScript};
/// let script = FaultScript::new().then(Fault::http(503)).then(Fault::None).then_times(2, Fault::Html);
/// ```
#[derive(Debug, Clone, Default)]
pub struct FaultScript(VecDeque<Fault>);

impl FaultScript {
    /// A script without steps.
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
        self.0.extend(std::iter::repeat_n(fault, times));
        self
    }
}

type Condition = Box<dyn Fn(&LoggedRequest) -> bool + Send>;

/// A fault for every request that meets all conditions of the rule.
pub struct Rule {
    fault: Fault,
    /// How often it may still strike; None for always.
    left: Option<usize>,
    conditions: Vec<Condition>,
}

impl Rule {
    /// Strikes every time.
    #[must_use]
    pub fn always(fault: impl Into<Fault>) -> Self {
        Self {
            fault: fault.into(),
            left: None,
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
            left: Some(times),
            ..Self::always(fault)
        }
    }

    /// Only requests that ask for this domain, in any case.
    #[must_use]
    pub fn for_domain(self, domain: &str) -> Self {
        let domain = domain.to_ascii_lowercase();
        self.when(move |request| request.domains.contains(&domain))
    }

    /// Only requests whose window holds this moment, in Unix seconds.
    #[must_use]
    pub fn for_moment(self, ts: i64) -> Self {
        self.when(move |request| {
            request.start.is_some_and(|start| start <= ts) && request.end.is_some_and(|end| ts < end)
        })
    }

    /// Only the request of this number; the first request of a simulator is 1.
    #[must_use]
    pub fn for_sequence(self, sequence: u64) -> Self {
        self.when(move |request| request.sequence == sequence)
    }

    /// Only requests of which `condition` is true; their outcome is not known yet and reads as status 0.
    #[must_use]
    pub fn when(mut self, condition: impl Fn(&LoggedRequest) -> bool + Send + 'static) -> Self {
        self.conditions.push(Box::new(condition));
        self
    }

    fn strikes(&mut self, request: &LoggedRequest) -> bool {
        let strikes = self.left != Some(0) && self.conditions.iter().all(|condition| condition(request));
        if strikes {
            self.left = self.left.map(|left| left - 1);
        }
        strikes
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("fault", &self.fault)
            .field("left", &self.left)
            .field("conditions", &self.conditions.len())
            .finish()
    }
}

/// Decides on each request: the script first, then the rules in their order, then the mix.
#[derive(Debug)]
pub(crate) struct Schedule {
    script: VecDeque<Fault>,
    rules: Vec<Rule>,
    mix: Mix,
}

impl Schedule {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            script: VecDeque::new(),
            rules: Vec::new(),
            mix: Mix {
                noise: Noise::new(settings.fault_seed),
                rate: settings.fault_rate,
                struck: HashSet::new(),
            },
        }
    }

    pub(crate) fn append(&mut self, script: FaultScript) {
        self.script.extend(script.0);
    }

    pub(crate) fn add(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Ends the script and drops the rules; the mix goes on.
    pub(crate) fn clear(&mut self) {
        self.script.clear();
        self.rules.clear();
    }

    pub(crate) fn next(&mut self, request: &LoggedRequest) -> Fault {
        if let Some(fault) = self.script.pop_front() {
            return fault;
        }
        if let Some(rule) = self
            .rules
            .iter_mut()
            .find_map(|rule| rule.strikes(request).then_some(rule))
        {
            return rule.fault.clone();
        }
        self.mix.next(request)
    }
}

/// Transient faults that strike a share of the requests.
#[derive(Debug)]
struct Mix {
    noise: Noise,
    rate: f64,
    /// The requests that met a fault and have not been repeated yet.
    struck: HashSet<u64>,
}

impl Mix {
    fn next(&mut self, request: &LoggedRequest) -> Fault {
        let content = Noise::new(0)
            .named(&request.domains.join(","))
            .at(request.start.unwrap_or_default())
            .at(request.end.unwrap_or_default())
            .bits();
        // A client may give up on an unreadable answer after its second try: without this, chance alone
        // would now and then fail a run that did nothing wrong.
        let repeated = self.struck.remove(&content);
        let noise = self.noise.branch(request.sequence);
        let chance = f64::from(u32::try_from(noise.bits() >> 32).unwrap_or(u32::MAX)) / 4_294_967_296.0;
        if repeated || chance >= self.rate {
            return Fault::None;
        }
        self.struck.insert(content);
        match noise.branch(1).between(0, 13) {
            0 => Fault::http(500),
            1 => Fault::http(502),
            2 => Fault::http(503),
            3 => Fault::http(504),
            4 | 5 => Fault::http_retry(429, RetryAfter::Seconds(0)),
            6 => Fault::http_retry(429, RetryAfter::Seconds(1)),
            7 => Fault::envelope(-1),
            8 => Fault::envelope(1),
            9 => Fault::envelope(8),
            10 => Fault::ResetBeforeAnswer,
            11 => Fault::ResetMidBody,
            12 => Fault::Truncated,
            _ => Fault::Html,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::Outcome;
    use super::*;

    fn request(sequence: u64, domain: &str, start: i64) -> LoggedRequest {
        LoggedRequest {
            sequence,
            domains: vec![domain.to_owned()],
            start: Some(start),
            end: Some(start + 300),
            asked_at: 0,
            outcome: Outcome::Answered(0),
        }
    }

    fn schedule(rate: f64) -> Schedule {
        Schedule::new(&Settings {
            fault_rate: rate,
            ..Settings::default()
        })
    }

    #[test]
    fn the_script_comes_first_then_the_rules_in_order() {
        let mut schedule = schedule(0.0);
        schedule.append(FaultScript::new().then(Fault::Html).then(Fault::None));
        schedule.add(Rule::once(Fault::Hang));
        schedule.add(Rule::always(Fault::Empty));
        let met: Vec<_> = (1..=5).map(|n| schedule.next(&request(n, "a.com", 0))).collect();
        assert_eq!(
            met,
            [Fault::Html, Fault::None, Fault::Hang, Fault::Empty, Fault::Empty]
        );
        schedule.clear();
        assert_eq!(schedule.next(&request(6, "a.com", 0)), Fault::None);
    }

    #[test]
    fn a_rule_strikes_only_where_all_its_conditions_hold() {
        let mut schedule = schedule(0.0);
        schedule.add(Rule::times(2, Fault::Empty).for_domain("A.com").for_moment(600));
        let mut met = |n, domain, start| schedule.next(&request(n, domain, start)) == Fault::Empty;
        assert!(!met(1, "b.com", 600));
        assert!(!met(2, "a.com", 300));
        assert!(met(3, "a.com", 600));
        assert!(met(4, "a.com", 400));
        assert!(!met(5, "a.com", 600));
    }

    #[test]
    fn a_rule_may_wait_for_a_certain_request() {
        let mut schedule = schedule(0.0);
        schedule.add(Rule::always(Fault::Empty).for_sequence(2));
        let met: Vec<_> = (1..=3)
            .map(|n| schedule.next(&request(n, "a.com", 0)).name())
            .collect();
        assert_eq!(met, ["none", "empty", "none"]);
    }

    #[test]
    fn the_mix_strikes_its_share_in_every_way_and_the_same_way_again() {
        let run = || -> Vec<Fault> {
            let mut schedule = schedule(0.05);
            (1..=5_000)
                .map(|n| schedule.next(&request(n, "a.com", 300 * n.cast_signed())))
                .collect()
        };
        let faults = run();
        assert_eq!(faults, run());
        let struck: Vec<_> = faults.iter().filter(|fault| **fault != Fault::None).collect();
        assert!((200..300).contains(&struck.len()), "{}", struck.len());
        let kinds: HashSet<_> = struck.iter().map(|fault| format!("{fault:?}")).collect();
        assert_eq!(kinds.len(), 13);
    }

    #[test]
    fn a_repeated_request_gets_through_the_mix() {
        let mut schedule = schedule(1.0);
        let met: Vec<_> = (1..=4)
            .map(|n| schedule.next(&request(n, "a.com", 0)) == Fault::None)
            .collect();
        assert_eq!(met, [false, true, false, true]);
    }
}
