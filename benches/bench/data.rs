//! The measured data: a pure function of the domain and the slot, in the shape of the API's.
//!
//! Every point names 17 codes. One to four of them are above zero, 2.6 in the mean. The store, the local server and the
//! peers all get the same points.

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;

use jdcdn_stats::model::points::{CodeIndex, SetIndex};
use jdcdn_stats::model::slot::{DAY_SECONDS, HOUR_SECONDS, SLOT_SECONDS};
use jdcdn_stats::model::{CodeBook, Domain, PointColumns, Refresh, Span, UnixSeconds};
use jdcdn_stats::plan::covered_by;
use jdcdn_stats::store::{Commit, Coverage};

use crate::Result;

/// The default of `fetch.domains_per_request`.
pub(crate) const DOMAINS_PER_REQUEST: usize = 20;

const CODES: [&str; 17] = [
    "0", "000", "200", "206", "301", "302", "304", "400", "403", "404", "416", "499", "500", "502", "503",
    "504", "other",
];
/// The index of `200` in [`CODES`]: every point has it.
const OK: usize = 2;
/// Other codes above zero, by index, with the share of the points that have them.
const OTHERS: [(usize, f64); 3] = [(9, 0.9), (5, 0.5), (13, 0.21)];

/// The figures of one point.
struct Figures {
    bandwidth: i64,
    pv: i64,
    counts: [i64; CODES.len()],
}

/// Which figures an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revision {
    /// Those that come first.
    First,
    /// One point in a hundred has other figures than before.
    OnePercentChanged,
}

/// Returns the figures of a domain's point at `ts`.
fn figures(domain: usize, ts: UnixSeconds, revision: Revision) -> Figures {
    let place = (u64::try_from(domain).unwrap_or(0) << 40) ^ (ts.unsigned_abs() / 300);
    // Spreads neighbouring places over all seeds.
    let mut seed = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    seed ^= seed >> 29;
    if revision == Revision::OnePercentChanged && seed.is_multiple_of(100) {
        seed = !seed;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut counts = [0; CODES.len()];
    if let Some(count) = counts.get_mut(OK) {
        *count = random.i64(1..5_000_000);
    }
    for (code, share) in OTHERS {
        if random.f64() < share
            && let Some(count) = counts.get_mut(code)
        {
            *count = random.i64(1..20_000);
        }
    }
    Figures {
        bandwidth: random.i64(1..9_000_000_000),
        pv: counts.iter().sum(),
        counts,
    }
}

/// Returns the measured domains.
pub(crate) fn names(domains: usize) -> Result<Vec<Domain>> {
    let names = (0..domains).map(|at| format!("www{at}.example.com").parse());
    Ok(names.collect::<std::result::Result<_, _>>()?)
}

/// Returns the number of a measured domain.
pub(crate) fn number(name: &str) -> Option<usize> {
    name.strip_prefix("www")?
        .strip_suffix(".example.com")?
        .parse()
        .ok()
}

/// Returns the refresh ages that the configuration has by default.
pub(crate) fn refresh() -> Refresh {
    Refresh {
        available_after: 600,
        ages: vec![HOUR_SECONDS, DAY_SECONDS],
    }
}

/// Returns the groups of domains that share a request.
pub(crate) fn groups(domains: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let starts = (0..domains).step_by(DOMAINS_PER_REQUEST);
    starts.map(move |start| start..domains.min(start + DOMAINS_PER_REQUEST))
}

/// The codes of the measured points.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    book: Arc<CodeBook>,
    indexes: [CodeIndex; CODES.len()],
    set: SetIndex,
}

impl Codes {
    pub(crate) fn new() -> Self {
        let mut book = CodeBook::default();
        let indexes = CODES.map(|code| book.intern(code));
        let set = book.intern_set(&indexes);
        Self {
            book: Arc::new(book),
            indexes,
            set,
        }
    }

    /// Returns what a group of domains brings for a window, fetched at `now`.
    pub(crate) fn answer(
        &self,
        names: &[Domain],
        group: Range<usize>,
        window: Span,
        now: UnixSeconds,
        revision: Revision,
    ) -> Commit {
        let domains = names.get(group.clone()).unwrap_or_default();
        let points = group.zip(domains).map(|(domain, name)| {
            let mut columns = PointColumns::default();
            let mut counted = Vec::with_capacity(CODES.len());
            for ts in slots(window) {
                let point = figures(domain, ts, revision);
                counted.clear();
                let counts = self.indexes.iter().copied().zip(point.counts);
                counted.extend(counts.filter(|(_, count)| *count > 0));
                columns.push(ts, point.bandwidth, point.pv, self.set, &counted);
            }
            (name.clone(), columns)
        });
        Commit {
            coverage: Coverage::Fetched(covered_by(window, now, &refresh())),
            points: points.collect(),
            book: Arc::clone(&self.book),
            ..Commit::new(domains.to_vec(), window, now)
        }
    }
}

/// Writes the answer of the API for some domains and a window, with every zero.
pub(crate) fn write_body(body: &mut Vec<u8>, domains: &[usize], window: Span, revision: Revision) {
    body.extend_from_slice(br#"{"status":0,"msg":"Successful","data":["#);
    for (at, &domain) in domains.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        // Writing to a Vec cannot fail.
        let _ = write!(body, r#"{comma}{{"domain":"www{domain}.example.com","data":["#);
        for (at, ts) in slots(window).enumerate() {
            let point = figures(domain, ts, revision);
            body.extend_from_slice(if at > 0 { b",[" } else { b"[" });
            number_text(body, ts);
            body.push(b',');
            number_text(body, point.bandwidth);
            body.push(b',');
            number_text(body, point.pv);
            body.extend_from_slice(b",{");
            for (at, (code, count)) in CODES.into_iter().zip(point.counts).enumerate() {
                body.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
                body.extend_from_slice(code.as_bytes());
                body.extend_from_slice(b"\":");
                number_text(body, count);
            }
            body.extend_from_slice(b"}]");
        }
        body.extend_from_slice(b"]}");
    }
    body.extend_from_slice(b"]}");
}

/// Writes a number that is not negative. The general formatter would be the server's bottleneck.
fn number_text(body: &mut Vec<u8>, number: i64) {
    let start = body.len();
    let mut rest = number.unsigned_abs();
    loop {
        body.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if let Some(digits) = body.get_mut(start..) {
        digits.reverse();
    }
}

fn slots(window: Span) -> impl Iterator<Item = UnixSeconds> {
    (0..window.slots()).map(move |slot| window.start() + slot * SLOT_SECONDS)
}
