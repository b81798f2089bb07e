//! Transient faults that strike a share of the requests.

use std::collections::HashMap;

use super::fault::{Fault, RetryAfter};
use super::log::LoggedRequest;
use super::noise::Noise;

/// Transient faults: whoever repeats the request is answered.
#[derive(Debug)]
pub(crate) struct Mix {
    noise: Noise,
    pub(crate) rate: f64,
    /// By the domains asked for: the windows that met a fault and have not been repeated yet.
    struck: HashMap<u64, Vec<(i64, i64)>>,
}

impl Mix {
    pub(crate) fn new(seed: u64, rate: f64) -> Self {
        Self {
            noise: Noise::new(seed),
            rate,
            struck: HashMap::new(),
        }
    }

    pub(crate) fn next(&mut self, request: &LoggedRequest) -> Fault {
        if self.rate <= 0.0 && self.struck.is_empty() {
            return Fault::None;
        }
        let window = (request.start.unwrap_or_default(), request.end.unwrap_or_default());
        let domains = Noise::new(0).named(&request.domains.join(",")).bits();
        let windows = self.struck.entry(domains).or_default();
        // A client may give up on an unreadable answer after its second try: without this, chance alone
        // would now and then fail a run that did nothing wrong. The second try may leave out what the first
        // one asked for on top.
        let within = |struck: &(i64, i64)| struck.0 <= window.0 && window.1 <= struck.1;
        let repeated = windows.iter().position(within).map(|at| windows.swap_remove(at));
        let noise = self.noise.branch(request.sequence);
        if repeated.is_some() || !noise.strikes(self.rate) {
            return Fault::None;
        }
        windows.push(window);
        match noise.branch(1).between(0, 19) {
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
            13 => Fault::TruncatedJson,
            14 => Fault::Empty,
            15 => Fault::Json("null".to_owned()),
            16 => Fault::UnderStatus {
                status: 206,
                data: None,
            },
            17 => Fault::surplus(),
            18 => Fault::GbkMessage { status: None },
            _ => Fault::Html,
        }
    }
}
