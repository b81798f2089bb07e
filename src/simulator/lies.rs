//! Lies: a share of the requests gets an answer that looks right and is wrong.

use super::data_fault::{DataFault, EntryForm, Spelling};
use super::fault::Fault;
use super::listing_fault::ListingFault;
use super::log::LoggedRequest;
use super::mutation::Mutation;
use super::noise::Noise;
use super::time::{DAY, HOUR, POINT_SECONDS};
use crate::model::convert::{to_i64, to_usize};

const LIES: u64 = 200;

/// Figures that make the whole answer unreadable.
const UNREADABLE: [Mutation; 4] = [
    Mutation::NaN,
    Mutation::Infinity,
    Mutation::NaNPv,
    Mutation::NaNCount,
];
/// Figures that make one point unusable.
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
/// Times that no point has.
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

/// Draws the lies from a seed and the number of the request.
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

    /// Returns the lie that this request meets.
    pub(crate) fn next(&self, request: &LoggedRequest) -> Option<Fault> {
        let noise = self.noise.branch(request.sequence);
        noise.strikes(self.rate).then(|| lie(noise.branch(1), request))
    }
}

/// Returns a refusal in one of four cases, and a wrong answer in the others.
fn lie(noise: Noise, request: &LoggedRequest) -> Fault {
    if noise.happens(250_000) {
        refusal(noise.branch(1))
    } else if request.lists_domains {
        Fault::Listing(wrong_listing(noise.branch(2)))
    } else {
        wrong_answer(noise.branch(2), request)
    }
}

fn refusal(noise: Noise) -> Fault {
    let drawn = noise.branch(1);
    match noise.between(0, 12) {
        // The most credible refusal.
        0..=3 => Fault::envelope(21),
        4 => Fault::envelope(drawn.one_of(&SPANS)),
        5 => Fault::envelope(22),
        6 => Fault::envelope(drawn.one_of(&[15, 18])),
        7 => Fault::envelope(drawn.one_of(&STOPS)),
        8 => Fault::http(413),
        9 => Fault::http(drawn.one_of(&[401, 403, 407])),
        10 => Fault::Redirect {
            status: drawn.one_of(&[301, 302, 303, 307, 308]),
            // Nothing listens there.
            location: "http://127.0.0.1:9/".to_owned(),
        },
        11 => Fault::HugeLength { bytes: 1 << 40 },
        _ => Fault::GbkMessage { status: Some(21) },
    }
}

fn wrong_listing(noise: Noise) -> ListingFault {
    match noise.between(0, 9) {
        0 => ListingFault::Total(1),
        1 => ListingFault::Total(-1),
        2 => ListingFault::TotalText("null"),
        3 => ListingFault::SamePage,
        4 => ListingFault::Endless,
        5 => ListingFault::EmptyPage,
        6 => ListingFault::Entry("null"),
        7 => ListingFault::Entry(r#"{"domain":7}"#),
        8 => ListingFault::NullMembers,
        _ => ListingFault::NullList,
    }
}

fn wrong_answer(noise: Noise, request: &LoggedRequest) -> Fault {
    let drawn = noise.branch(1);
    let (domain, slot) = target(noise.branch(2), request);
    let of_one = drawn.happens(500_000).then(|| domain.clone());
    let number = |low, high| to_usize(drawn.at(1).between(low, high));
    let mutate = |mutation| DataFault::Mutate {
        domain: domain.clone(),
        slot,
        mutation,
    };
    let fault = match noise.between(0, 23) {
        0 => DataFault::AbsentDomain(domain),
        1 => {
            let domains = (0..).zip(&request.domains);
            let absent = domains.filter(|(at, _)| noise.branch(3).at(*at).happens(500_000));
            DataFault::AbsentDomains(absent.map(|(_, domain)| domain.clone()).collect())
        }
        2 => DataFault::NoDomains,
        3 => DataFault::EmptyDomain(domain),
        4 => DataFault::NoPoints,
        5 | 6 => DataFault::CutSeries {
            domain: of_one,
            kept_percent: number(0, 95),
        },
        7 => DataFault::RowCap(number(1, 1_000)),
        8 => DataFault::Omit { domain, slot },
        9 | 10 => DataFault::Entry {
            domain,
            form: drawn.at(1).one_of(&EntryForm::WRONG),
        },
        11 => mutate(drawn.at(1).one_of(&UNREADABLE)),
        12 => mutate(drawn.at(1).one_of(&UNUSABLE)),
        13 => DataFault::MutateAll {
            domain: of_one,
            mutation: drawn.at(1).one_of(&TIMES),
        },
        14 => DataFault::ConflictingDuplicate { domain, slot },
        15 => DataFault::TwoTimes { domain, slot },
        16 => DataFault::Granularity {
            seconds: drawn.at(1).one_of(&[HOUR, DAY]),
        },
        17 => DataFault::OutsideWindow,
        18 => DataFault::Flood {
            points: number(1, 1_000),
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

/// Returns a domain and a slot of the request.
fn target(noise: Noise, request: &LoggedRequest) -> (String, i64) {
    let domains = to_i64(request.domains.len());
    let at = to_usize(noise.branch(1).between(0, domains - 1));
    let domain = request.domains.get(at).cloned().unwrap_or_default();
    let (start, end) = (request.start.unwrap_or(0), request.end.unwrap_or(0));
    let first = start.div_euclid(POINT_SECONDS);
    let last = end.saturating_sub(1).div_euclid(POINT_SECONDS);
    (domain, noise.branch(2).between(first, last) * POINT_SECONDS)
}

/// Returns a distance that leaves no point in the range, even if the range is widened to whole hours.
fn other_window(noise: Noise, request: &LoggedRequest) -> i64 {
    let span = request.end.unwrap_or(0) - request.start.unwrap_or(0);
    let hours = span.div_euclid(HOUR) + 3 + noise.at(1).between(0, 24);
    let sign = if noise.at(2).happens(500_000) { 1 } else { -1 };
    sign * hours * HOUR
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::log::RequestOutcome;
    use super::*;

    const START: i64 = 1_767_542_400;

    fn request(sequence: u64) -> LoggedRequest {
        LoggedRequest {
            sequence,
            lists_domains: false,
            domains: vec!["a.com".to_owned(), "b.com".to_owned()],
            start: Some(START),
            end: Some(START + 3_600),
            arrived_at: 0,
            outcome: RequestOutcome::Answered(0),
        }
    }

    fn lies(seed: u64, rate: f64) -> Vec<Option<Fault>> {
        let lies = Lies::new(seed, rate);
        (1..=5_000).map(|n| lies.next(&request(n))).collect()
    }

    #[test]
    fn a_seed_always_draws_the_same_lies() {
        assert_eq!(lies(1, 0.1), lies(1, 0.1));
        assert_ne!(lies(1, 0.1), lies(2, 0.1));
        let drawn = lies(1, 0.1).iter().flatten().count();
        assert!((400..600).contains(&drawn), "{drawn}");
        assert!(lies(1, 0.0).iter().all(Option::is_none));
    }

    #[test]
    fn every_kind_of_lie_is_drawn() {
        let mut drawn = BTreeMap::<String, u32>::new();
        for fault in lies(1, 1.0).into_iter().flatten() {
            let kind = match &fault {
                Fault::Data(DataFault::Entry { form, .. }) => format!("{form:?}"),
                Fault::Data(DataFault::Mutate { mutation, .. }) => format!("{mutation:?}"),
                Fault::Envelope { .. } | Fault::Http { .. } => format!("{fault:?}"),
                fault => {
                    let text = format!("{fault:?}");
                    let variant = text.strip_prefix("Data(").unwrap_or(&text);
                    variant
                        .split([' ', '(', ')'])
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                }
            };
            *drawn.entry(kind).or_default() += 1;
        }
        assert!(drawn.values().all(|times| *times >= 5), "{drawn:?}");
        // 12 statuses and 4 of HTTP, 3 other refusals, 9 forms, 13 mutations, and 19 others.
        assert_eq!(drawn.len(), 60, "{drawn:?}");
    }

    #[test]
    fn a_lie_is_about_the_request() {
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
    fn an_unreadable_request_gets_lies_too() {
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
