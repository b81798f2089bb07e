//! Transient faults: a share of the requests meets one, and a repeated request is answered.

use std::collections::HashMap;

use super::fault::{Fault, RetryAfter};
use super::log::LoggedRequest;
use super::noise::Noise;

/// Draws the transient faults.
#[derive(Debug)]
pub(crate) struct TransientFaults {
    noise: Noise,
    pub(crate) rate: f64,
    /// By the requested domains: the ranges that met a fault and were not repeated yet.
    struck: HashMap<Vec<String>, Vec<(i64, i64)>>,
}

impl TransientFaults {
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
        let range = (request.start.unwrap_or_default(), request.end.unwrap_or_default());
        let struck = self.struck.entry(request.domains.clone()).or_default();
        // A client may give up on an unreadable answer after its second attempt. If that one could fail by chance, a
        // run without any mistake would fail now and then. The second attempt may ask for a part of the first range
        // only.
        let within = |struck: &(i64, i64)| struck.0 <= range.0 && range.1 <= struck.1;
        let repeated = struck.iter().position(within).map(|at| struck.swap_remove(at));
        let noise = self.noise.branch(request.sequence);
        if repeated.is_some() || !noise.strikes(self.rate) {
            return Fault::None;
        }
        struck.push(range);
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
