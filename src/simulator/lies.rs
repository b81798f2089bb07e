//! Answers that are wrong and look right, for a share of the requests.

use super::data_fault::{DataFault, EntryForm, Spelling};
use super::fault::Fault;
use super::log::LoggedRequest;
use super::mutation::Mutation;
use super::noise::Noise;
use super::truth::POINT_SECONDS;
use crate::model::convert::{to_i64, to_usize};

const LIES: u64 = 200;
const DAY: i64 = 86_400;

/// Figures that make the whole answer unreadable.
const UNREADABLE: [Mutation; 4] = [
    Mutation::NaN,
    Mutation::Infinity,
    Mutation::NaNPv,
    Mutation::NaNCount,
];
/// What makes one point unusable.
const UNUSABLE: [Mutation; 9] = [
    Mutation::NegativeBandwidth,
    Mutation::NegativePv,
    Mutation::BeyondI64,
    Mutation::WordBandwidth,
    Mutation::NullBandwidth,
    Mutation::TextTime,
    Mutation::OffGridTime,
    Mutation::WithoutCodes,
    Mutation::NullPoint,
];
/// Times that are none.
const TIMES: [Mutation; 3] = [
    Mutation::OffGridTime,
    Mutation::MillisecondTime,
    Mutation::NegativeTime,
];
const SPELLINGS: [Spelling; 4] = [
    Spelling::Blanks,
    Spelling::MixedCase,
    Spelling::FinalDot,
    Spelling::Wildcard,
];
const SPANS: [i64; 4] = [42, 43, 44, 45];
const STOPS: [i64; 4] = [3, 4, 7, 20];

/// Lies for a share of the requests, decided by a seed and the number of the request.
#[derive(Debug)]
pub(crate) struct Lies {
    noise: Noise,
    pub(crate) rate: f64,
}

impl Lies {
    pub(crate) fn new(seed: u64, rate: f64) -> Self {
        Self {
            noise: Noise::new(seed).branch(LIES),
            rate,
        }
    }

    /// The lie that this request meets.
    pub(crate) fn next(&self, request: &LoggedRequest) -> Option<Fault> {
        let noise = self.noise.branch(request.sequence);
        noise.strikes(self.rate).then(|| lie(noise.branch(1), request))
    }
}

/// A lie about `request`: in one of four cases a refusal, else an answer.
fn lie(noise: Noise, request: &LoggedRequest) -> Fault {
    if noise.happens(250_000) {
        refusal(noise.branch(1))
    } else {
        wrong_answer(noise.branch(2), request)
    }
}

fn refusal(noise: Noise) -> Fault {
    let drawn = noise.branch(1);
    match noise.between(0, 12) {
        // What is believed most easily.
        0..=3 => Fault::envelope(21),
        4 => Fault::envelope(drawn.one_of(&SPANS)),
        5 => Fault::envelope(22),
        6 => Fault::envelope(drawn.one_of(&[15, 18])),
        7 => Fault::envelope(drawn.one_of(&STOPS)),
        8 => Fault::http(413),
        9 => Fault::http(drawn.one_of(&[401, 403, 407])),
        10 => Fault::Redirect {
            status: drawn.one_of(&[301, 302, 303, 307, 308]),
            // Nobody serves there.
            location: "http://127.0.0.1:9/".to_owned(),
        },
        11 => Fault::HugeLength { bytes: 1 << 40 },
        _ => Fault::GbkMessage { status: Some(21) },
    }
}

fn wrong_answer(noise: Noise, request: &LoggedRequest) -> Fault {
    let drawn = noise.branch(1);
    let (domain, slot) = target(noise.branch(2), request);
    let of_one = drawn.happens(500_000).then(|| domain.clone());
    let some = |share: i64| {
        let chosen = |(at, _): &(i64, &String)| noise.branch(3).at(*at).happens(share);
        let domains = (0..).zip(&request.domains).filter(chosen);
        domains.map(|(_, domain)| domain.clone()).collect::<Vec<_>>()
    };
    let fault = match noise.between(0, 23) {
        0 => DataFault::AbsentDomain(domain),
        1 => DataFault::AbsentDomains(some(500_000)),
        2 => DataFault::NoDomains,
        3 => DataFault::EmptyDomain(domain),
        4 => DataFault::NoPoints,
        5 | 6 => DataFault::CutSeries {
            domain: of_one,
            kept_percent: to_usize(drawn.at(1).between(0, 95)),
        },
        7 => DataFault::RowCap(usize::try_from(drawn.at(1).between(1, 1_000)).unwrap_or(1)),
        8 => DataFault::Omit { domain, slot },
        9 | 10 => DataFault::Entry {
            domain,
            form: drawn.at(1).one_of(&EntryForm::WRONG),
        },
        11 => DataFault::Mutate {
            domain,
            slot,
            mutation: drawn.at(1).one_of(&UNREADABLE),
        },
        12 => DataFault::Mutate {
            domain,
            slot,
            mutation: drawn.at(1).one_of(&UNUSABLE),
        },
        13 => DataFault::MutateAll {
            domain: of_one,
            mutation: drawn.at(1).one_of(&TIMES),
        },
        14 => DataFault::ConflictingDuplicate { domain, slot },
        15 => DataFault::TwoTimes { domain, slot },
        16 => DataFault::Granularity {
            seconds: drawn.at(1).one_of(&[3_600, DAY]),
        },
        17 => DataFault::OutsideWindow,
        18 => DataFault::Flood {
            points: usize::try_from(drawn.at(1).between(1, 1_000)).unwrap_or(1),
            mutation: drawn.at(2).happens(500_000).then(|| drawn.at(3).one_of(&TIMES)),
        },
        19 => DataFault::OtherWindow {
            seconds: other_window(drawn, request),
        },
        20 => DataFault::OnlyOtherDomains(vec!["other.example.net".to_owned()]),
        21 => DataFault::Spelling {
            domain: of_one,
            spelling: drawn.at(1).one_of(&SPELLINGS),
        },
        22 => return Fault::partial_content(),
        _ => return Fault::surplus(),
    };
    Fault::Data(fault)
}

/// A domain and a slot that were asked for.
fn target(noise: Noise, request: &LoggedRequest) -> (String, i64) {
    let domains = to_i64(request.domains.len());
    let at = to_usize(noise.branch(1).between(0, domains - 1));
    let domain = request.domains.get(at).cloned().unwrap_or_default();
    let (start, end) = (request.start.unwrap_or(0), request.end.unwrap_or(0));
    let first = start.div_euclid(POINT_SECONDS);
    let last = end.saturating_sub(1).div_euclid(POINT_SECONDS);
    (domain, noise.branch(2).between(first, last) * POINT_SECONDS)
}

/// A distance that leaves no point in the range, also when it is widened to whole hours.
fn other_window(noise: Noise, request: &LoggedRequest) -> i64 {
    let span = request.end.unwrap_or(0) - request.start.unwrap_or(0);
    let hours = span.div_euclid(3_600) + 3 + noise.at(1).between(0, 24);
    if noise.at(2).happens(500_000) {
        hours * 3_600
    } else {
        -hours * 3_600
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::log::Outcome;
    use super::*;

    const START: i64 = 1_767_542_400;

    fn request(sequence: u64) -> LoggedRequest {
        LoggedRequest {
            sequence,
            domains: vec!["a.com".to_owned(), "b.com".to_owned()],
            start: Some(START),
            end: Some(START + 3_600),
            asked_at: 0,
            outcome: Outcome::Answered(0),
        }
    }

    fn lies(seed: u64, rate: f64) -> Vec<Option<Fault>> {
        let lies = Lies::new(seed, rate);
        (1..=5_000).map(|n| lies.next(&request(n))).collect()
    }

    #[test]
    fn a_seed_tells_the_same_lies_again() {
        assert_eq!(lies(1, 0.1), lies(1, 0.1));
        assert_ne!(lies(1, 0.1), lies(2, 0.1));
        let told = lies(1, 0.1).iter().flatten().count();
        assert!((400..600).contains(&told), "{told}");
        assert!(lies(1, 0.0).iter().all(Option::is_none));
    }

    #[test]
    fn every_kind_of_lie_is_told() {
        let mut told = BTreeMap::<String, u32>::new();
        for fault in lies(1, 1.0).into_iter().flatten() {
            let kind = match &fault {
                Fault::Data(DataFault::Entry { form, .. }) => format!("{form:?}"),
                Fault::Data(DataFault::Mutate { mutation, .. }) => format!("{mutation:?}"),
                fault => fault.name().to_owned(),
            };
            *told.entry(kind).or_default() += 1;
        }
        assert!(told.values().all(|times| *times >= 5), "{told:?}");
        // 12 statuses and 4 of HTTP, 3 other refusals, 9 forms, 13 mutations, and 19 others.
        assert_eq!(told.len(), 60, "{told:?}");
    }

    #[test]
    fn a_lie_is_about_what_was_asked_for() {
        for fault in lies(3, 1.0).into_iter().flatten() {
            if let Fault::Data(DataFault::ConflictingDuplicate { domain, slot }) = &fault {
                assert!(["a.com", "b.com"].contains(&domain.as_str()));
                assert!((START..START + 3_600).contains(slot) && slot % POINT_SECONDS == 0);
            }
            if let Fault::Data(DataFault::OtherWindow { seconds }) = fault {
                assert!(seconds.abs() >= 4 * 3_600);
            }
        }
    }

    #[test]
    fn a_request_that_cannot_be_read_is_lied_to_as_well() {
        let lies = Lies::new(1, 1.0);
        let blank = |sequence| LoggedRequest {
            domains: Vec::new(),
            start: None,
            end: None,
            ..request(sequence)
        };
        assert!((1..200).all(|sequence| lies.next(&blank(sequence)).is_some()));
    }
}
