//! The back-to-origin traffic of a domain: its scale, its days and weeks, its surges and outages.
//!
//! Everything is invented and reproducible. Amounts are computed in parts per million with integers, because an
//! answer of thousands of points has to be written in milliseconds.

use super::noise::Noise;
use super::time::{DAY, HOUR, UTC8_SECONDS};
use crate::model::convert::to_usize;

const MILLION: i64 = 1_000_000;

/// Share of the peak at each full hour of a UTC+8 day, in thousandths; the last entry is the next midnight.
const HOURS: [i64; 25] = [
    420, 280, 190, 140, 120, 130, 200, 340, 520, 640, 700, 740, 780, 740, 710, 720, 730, 750, 800, 900, 980,
    1000, 880, 640, 420,
];

/// Thousandths, Monday first.
const WEEKDAYS: [i64; 7] = [1000, 990, 985, 1000, 1060, 1180, 1150];

/// The status codes in the vendor's example answer, in its order. Every point reports all of them.
pub const LISTED_CODES: [&str; 17] = [
    "0", "200", "201", "204", "206", "300", "301", "302", "464", "465", "466", "512", "605", "612", "613",
    "other", "000",
];

/// Other answers of an origin. A point reports them only if it counted one.
pub const EXTRA_CODES: [&str; 4] = ["404", "502", "503", "504"];

/// The labels of the independent branches of a domain's noise.
mod branch {
    pub(super) const KIND: u64 = 1;
    pub(super) const PEAK: u64 = 2;
    pub(super) const OBJECT: u64 = 3;
    pub(super) const DAY: u64 = 4;
    pub(super) const SURGE: u64 = 5;
    pub(super) const OUTAGE: u64 = 6;
    pub(super) const SLOT: u64 = 7;
    pub(super) const QUIET: u64 = 8;
    pub(super) const CODES: u64 = 9;
    pub(super) const BYTES: u64 = 10;
}

/// What a domain serves. This decides the number, the size and the status codes of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SiteKind {
    /// Pages, with almost no visitors at night: most slots between 02:00 and 05:00 are zero.
    Site,
    /// Many small objects.
    Images,
    /// Few huge objects, fetched in ranges: the peaks exceed 2^32 bit/s.
    Download,
    /// Small answers around the clock.
    Api,
}

/// The traffic of one domain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DomainTraffic {
    noise: Noise,
    kind: SiteKind,
    /// Points report only three codes.
    few_codes: bool,
    /// Requests in the busiest 5 minutes of a normal day.
    peak: i64,
    object_bytes: i64,
    /// How many of a million requests end with each code of [`LISTED_CODES`] and [`EXTRA_CODES`], without an outage.
    shares: [i64; LISTED_CODES.len() + EXTRA_CODES.len()],
}

/// The requests that reached the origin in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) requests: i64,
    outage: bool,
}

impl DomainTraffic {
    /// Returns the traffic of the domain with this lower-case name.
    pub(crate) fn new(seed: Noise, domain: &str, few_codes: bool) -> Self {
        let noise = seed.named(domain);
        let kind = match domain.split('.').next() {
            Some("www") => SiteKind::Site,
            Some("img" | "images" | "static") => SiteKind::Images,
            Some("download" | "dl") => SiteKind::Download,
            Some("api") => SiteKind::Api,
            _ => match noise.branch(branch::KIND).between(0, 7) {
                0 => SiteKind::Download,
                1..=3 => SiteKind::Images,
                4..=5 => SiteKind::Site,
                _ => SiteKind::Api,
            },
        };
        let (peak, object_bytes) = match kind {
            SiteKind::Site => ((300, 3_000), (8_000, 40_000)),
            SiteKind::Images => ((5_000, 40_000), (20_000, 120_000)),
            SiteKind::Download => ((6_000, 20_000), (30_000_000, 60_000_000)),
            SiteKind::Api => ((1_000, 10_000), (1_000, 6_000)),
        };
        Self {
            noise,
            kind,
            few_codes,
            peak: noise.branch(branch::PEAK).between(peak.0, peak.1),
            object_bytes: noise
                .branch(branch::OBJECT)
                .between(object_bytes.0, object_bytes.1),
            shares: std::array::from_fn(|position| {
                let mut codes = LISTED_CODES.iter().chain(&EXTRA_CODES);
                codes.nth(position).map_or(0, |code| share(kind, code))
            }),
        }
    }

    pub(crate) fn noise(&self) -> Noise {
        self.noise
    }

    /// Returns the requests of the 5 minutes that begin at `slot`.
    pub(crate) fn load(&self, slot: i64) -> Load {
        let local = slot.saturating_add(UTC8_SECONDS);
        let (day, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let noise = self.noise.branch(branch::SLOT).at(slot);

        let asleep = self.kind == SiteKind::Site && (2 * HOUR..5 * HOUR).contains(&second);
        if asleep {
            return Load {
                requests: noise.branch(branch::QUIET).between(-11, 3).max(0),
                outage: false,
            };
        }
        let outage = self.episode(branch::OUTAGE, slot, 15 * DAY, 1_200, 3_600);
        let surge = self.episode(branch::SURGE, slot, 10 * DAY, 1_800, 7_200);
        let factors = [
            day_share(second),
            week_share(day),
            self.noise.branch(branch::DAY).at(day).between(920, 1_080),
            noise.between(900, 1_100),
            surge.map_or(1_000, |surge| 1_000 + surge.strength * surge.share() / 1_000),
            // Half of the visitors give up while the origin fails.
            outage.map_or(1_000, |_| 500),
        ];
        let level = factors
            .iter()
            .fold(MILLION, |level, factor| level * factor / 1_000);
        Load {
            requests: self.peak * level / MILLION,
            outage: outage.is_some(),
        }
    }

    /// Divides `load` into the codes of [`LISTED_CODES`] and [`EXTRA_CODES`], in that order.
    ///
    /// The counts add up to the requests. Extra codes with a count of zero are left out. `noise` decides the rounding.
    pub(crate) fn codes(&self, load: Load, noise: Noise) -> Vec<(&'static str, i64)> {
        let noise = noise.branch(branch::CODES);
        if self.few_codes {
            let missing = load.requests * noise.between(0, 20) / 1_000;
            return vec![("200", load.requests - missing), ("404", missing), ("000", 0)];
        }
        let mut codes = Vec::with_capacity(LISTED_CODES.len() + EXTRA_CODES.len());
        let mut left = load.requests;
        let listed = LISTED_CODES.iter().chain(&EXTRA_CODES).zip(self.shares);
        for (position, (code, share)) in (0..).zip(listed) {
            let share = match *code {
                "502" if load.outage => 300_000,
                "503" if load.outage => 80_000,
                "504" if load.outage => 170_000,
                _ => share,
            };
            let mut count = 0;
            if left > 0 && share > 0 {
                let noise = noise.branch(position);
                let share = share * noise.at(1).between(700, 1_300) / 1_000;
                // Randomly rounded, so that rare codes appear now and then.
                let fraction = noise.at(2).between(0, MILLION - 1);
                count = ((load.requests * share + fraction) / MILLION).min(left);
            }
            left -= count;
            if codes.len() < LISTED_CODES.len() || count > 0 {
                codes.push((*code, count));
            }
        }
        // The rest are normal successes.
        if let Some((_, count)) = codes.iter_mut().find(|(code, _)| *code == "200") {
            *count = left;
        }
        codes
    }

    /// Returns the bandwidth, in bit/s over 5 minutes, of the successful requests in `codes`.
    pub(crate) fn bandwidth(&self, codes: &[(&'static str, i64)], noise: Noise) -> i64 {
        let served: i64 = codes
            .iter()
            .filter(|(code, _)| matches!(*code, "200" | "206" | "other"))
            .map(|(_, count)| count)
            .sum();
        let noise = noise.branch(branch::BYTES);
        let bytes = served * self.object_bytes / 1_000 * noise.between(850, 1_150);
        if served == 0 {
            0
        } else {
            bytes * 8 / 300 + noise.at(1).between(0, 999)
        }
    }

    /// Returns the episode of this kind that contains `slot`: one in each `period`, at a random time.
    fn episode(&self, kind: u64, slot: i64, period: i64, shortest: i64, longest: i64) -> Option<Episode> {
        let turn = slot.div_euclid(period);
        let noise = self.noise.branch(kind).at(turn);
        let length = noise.at(0).between(shortest, longest);
        let start = turn * period + noise.at(1).between(0, period - longest);
        let elapsed = slot - start;
        (0..length).contains(&elapsed).then(|| Episode {
            elapsed,
            length,
            strength: noise.at(2).between(1_500, 5_000),
        })
    }
}

/// A period of unusual traffic.
#[derive(Debug, Clone, Copy)]
struct Episode {
    elapsed: i64,
    length: i64,
    /// Its addition at the highest point, in thousandths of the normal traffic.
    strength: i64,
}

impl Episode {
    /// Returns thousandths of the strength: they rise to the middle and fall again.
    fn share(self) -> i64 {
        let from_middle = (2 * self.elapsed - self.length).abs();
        1_000 - 1_000 * from_middle / self.length
    }
}

/// Returns how many of a million requests end with `code`. The rest end with "200".
fn share(kind: SiteKind, code: &str) -> i64 {
    match code {
        "502" => 15,
        "504" => 10,
        "206" if kind == SiteKind::Download => 620_000,
        "206" => 700,
        "204" if kind == SiteKind::Api => 30_000,
        "301" => 1_500,
        "302" => 6_000,
        "404" => 900,
        "000" => 400,
        "other" => 60,
        "0" | "201" | "204" => 20,
        "512" | "464" | "612" => 4,
        _ => 0,
    }
}

fn day_share(second: i64) -> i64 {
    let hour = to_usize(second / HOUR);
    let here = HOURS.get(hour).copied().unwrap_or(1_000);
    let next = HOURS.get(hour + 1).copied().unwrap_or(here);
    here + (next - here) * (second % HOUR) / HOUR
}

fn week_share(day: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    let weekday = to_usize((day + 3).rem_euclid(7));
    WEEKDAYS.get(weekday).copied().unwrap_or(1_000)
}
