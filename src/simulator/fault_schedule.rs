//! Decides which request meets which fault.

use std::collections::VecDeque;
use std::sync::Arc;

use super::fault::Fault;
use super::lies::Lies;
use super::log::LoggedRequest;
use super::rule::Rule;
use super::settings::Settings;
use super::transient::TransientFaults;

/// Decides on each request: by the script, then the rules in their order, then the lies, then the transient faults.
#[derive(Debug)]
pub(crate) struct FaultSchedule {
    pub(super) script: VecDeque<Arc<Fault>>,
    pub(super) rules: Vec<Rule>,
    pub(super) transient: TransientFaults,
    pub(super) lies: Lies,
}

impl FaultSchedule {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            script: VecDeque::new(),
            rules: Vec::new(),
            transient: TransientFaults::new(settings.fault_seed, settings.fault_rate),
            lies: Lies::new(settings.fault_seed, settings.lie_rate),
        }
    }

    /// Returns the fault that `request` meets; [`Fault::None`] when it meets none.
    pub(crate) fn next(&mut self, request: &LoggedRequest) -> Arc<Fault> {
        if let Some(fault) = self.script.pop_front() {
            return fault;
        }
        let rule = self.rules.iter_mut().find_map(|rule| rule.strike(request));
        rule.unwrap_or_else(|| {
            let lie = self.lies.next(request);
            Arc::new(lie.unwrap_or_else(|| self.transient.next(request)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::log::RequestOutcome;
    use super::super::rule::FaultScript;
    use super::*;

    fn request(sequence: u64, domain: &str, start: i64) -> LoggedRequest {
        LoggedRequest {
            sequence,
            lists_domains: false,
            domains: vec![domain.to_owned()],
            start: Some(start),
            end: Some(start + 300),
            arrived_at: 0,
            outcome: RequestOutcome::Answered(0),
        }
    }

    fn schedule(rate: f64) -> FaultSchedule {
        FaultSchedule::new(&Settings {
            fault_rate: rate,
            ..Settings::default()
        })
    }

    #[test]
    fn the_script_comes_first_then_the_rules_in_order() {
        let mut schedule = schedule(0.0);
        schedule.script = FaultScript::new().then(Fault::Html).then(Fault::None).0;
        schedule.rules = vec![Rule::once(Fault::Hang), Rule::always(Fault::Empty)];
        let met: Vec<_> = (1..=5)
            .map(|n| Fault::clone(&schedule.next(&request(n, "a.com", 0))))
            .collect();
        assert_eq!(
            met,
            [Fault::Html, Fault::None, Fault::Hang, Fault::Empty, Fault::Empty]
        );
        schedule.rules.clear();
        assert_eq!(*schedule.next(&request(6, "a.com", 0)), Fault::None);
    }

    #[test]
    fn a_rule_strikes_only_where_all_its_conditions_hold() {
        let mut schedule = schedule(0.0);
        schedule
            .rules
            .push(Rule::times(2, Fault::Empty).for_domain("A.com").for_moment(600));
        let mut met = |n, domain, start| *schedule.next(&request(n, domain, start)) == Fault::Empty;
        assert!(!met(1, "b.com", 600));
        assert!(!met(2, "a.com", 300));
        assert!(met(3, "a.com", 600));
        assert!(met(4, "a.com", 400));
        assert!(!met(5, "a.com", 600));
    }

    #[test]
    fn a_rule_may_wait_for_a_certain_request() {
        let mut schedule = schedule(0.0);
        schedule.rules.push(Rule::always(Fault::Empty).for_sequence(2));
        let met: Vec<_> = (1..=3)
            .map(|n| *schedule.next(&request(n, "a.com", 0)) == Fault::Empty)
            .collect();
        assert_eq!(met, [false, true, false]);
    }

    #[test]
    fn a_rule_may_look_at_the_size_of_a_request() {
        let two = |sequence, start| {
            let mut request = request(sequence, "a.com", start);
            request.domains.push("b.com".to_owned());
            request
        };
        let strikes = |rule: Rule, request: &LoggedRequest| {
            let mut schedule = schedule(0.0);
            schedule.rules.push(rule);
            *schedule.next(request) == Fault::Empty
        };
        let rule = || Rule::always(Fault::Empty);
        assert!(strikes(rule().for_domain_alone("A.com"), &request(1, "a.com", 0)));
        assert!(!strikes(rule().for_domain_alone("a.com"), &two(1, 0)));
        assert!(strikes(rule().for_more_domains_than(1), &two(1, 0)));
        assert!(!strikes(rule().for_more_domains_than(2), &two(1, 0)));
        assert!(strikes(rule().for_longer_than(299), &request(1, "a.com", 0)));
        assert!(!strikes(rule().for_longer_than(300), &request(1, "a.com", 0)));
    }

    #[test]
    fn transient_faults_of_every_kind_strike_their_share_and_are_reproducible() {
        let run = || -> Vec<Arc<Fault>> {
            let mut schedule = schedule(0.05);
            (1..=5_000)
                .map(|n| schedule.next(&request(n, "a.com", 300 * n.cast_signed())))
                .collect()
        };
        let faults = run();
        assert_eq!(faults, run());
        let struck: Vec<_> = faults.iter().filter(|fault| ***fault != Fault::None).collect();
        assert!((200..300).contains(&struck.len()), "{}", struck.len());
        let kinds: HashSet<_> = struck.iter().map(|fault| format!("{fault:?}")).collect();
        assert_eq!(kinds.len(), 19);
    }

    #[test]
    fn a_repeated_request_meets_no_transient_fault() {
        let mut schedule = schedule(1.0);
        let met: Vec<_> = (1..=4)
            .map(|n| *schedule.next(&request(n, "a.com", 0)) == Fault::None)
            .collect();
        assert_eq!(met, [false, true, false, true]);
    }

    #[test]
    fn a_part_of_a_struck_window_meets_no_transient_fault() {
        let mut schedule = schedule(1.0);
        let mut padded = request(1, "a.com", 300);
        (padded.start, padded.end) = (Some(0), Some(900));
        assert_ne!(*schedule.next(&padded), Fault::None);
        assert_ne!(*schedule.next(&request(2, "b.com", 300)), Fault::None);
        assert_eq!(*schedule.next(&request(3, "a.com", 300)), Fault::None);
        assert_ne!(*schedule.next(&request(4, "a.com", 300)), Fault::None);
    }
}
