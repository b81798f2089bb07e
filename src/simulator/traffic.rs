//! What a domain's back-to-origin traffic looks like: its scale, its days and weeks, and its bad moments.
//!
//! Everything is invented and everything is reproducible. Amounts are computed in parts per million with
//! whole numbers, because an answer of thousands of points has to be written in milliseconds.

use super::noise::Noise;
use crate::model::convert::to_usize;

/// The day and the week follow the clocks of UTC+8, where the visitors are.
const UTC8_SECONDS: i64 = 8 * 3600;
const DAY: i64 = 86_400;
const MILLION: i64 = 1_000_000;

/// Share of the peak at each full hour of a UTC+8 day, in thousandths; the last entry is the next midnight.
const HOURS: [i64; 25] = [
    420, 280, 190, 140, 120, 130, 200, 340, 520, 640, 700, 740, 780, 740, 710, 720, 730, 750, 800, 900, 980,
    1000, 880, 640, 420,
];

/// Thousandths, Monday first.
const WEEKDAYS: [i64; 7] = [1000, 990, 985, 1000, 1060, 1180, 1150];

/// The status codes the vendor's example answer lists, in its order; every point reports them all.
pub const LISTED_CODES: [&str; 17] = [
    "0", "200", "201", "204", "206", "300", "301", "302", "464", "465", "466", "512", "605", "612", "613",
    "other", "000",
];

/// What an origin answers beside [`LISTED_CODES`]; reported only by points that counted one.
pub const EXTRA_CODES: [&str; 4] = ["404", "502", "503", "504"];

/// Labels of the independent branches of a domain's noise.
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

/// What a domain serves decides how many requests it sees, how large, and how they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Pages, with hardly anybody awake at night: most slots between 02:00 and 05:00 are zero.
    Site,
    /// Many small objects.
    Images,
    /// Few huge ones, fetched in ranges: the peaks exceed 2^32 bit/s.
    Download,
    /// Tiny answers around the clock.
    Api,
}

/// One domain's traffic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    noise: Noise,
    kind: Kind,
    /// Points report three codes only.
    light: bool,
    /// Requests in the busiest 5 minutes of an ordinary day.
    peak: i64,
    object_bytes: i64,
    /// Requests of a million that end with each code of [`LISTED_CODES`] and [`EXTRA_CODES`], without an outage.
    shares: [i64; LISTED_CODES.len() + EXTRA_CODES.len()],
}

/// What reached the origin in one slot, before it is divided into status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) requests: i64,
    outage: bool,
}

impl Traffic {
    /// The traffic of the domain with this lower-case name.
    pub(crate) fn new(seed: Noise, domain: &str, light: bool) -> Self {
        let noise = seed.named(domain);
        let kind = match domain.split('.').next() {
            Some("www") => Kind::Site,
            Some("img" | "images" | "static") => Kind::Images,
            Some("download" | "dl") => Kind::Download,
            Some("api") => Kind::Api,
            _ => match noise.branch(branch::KIND).between(0, 7) {
                0 => Kind::Download,
                1..=3 => Kind::Images,
                4..=5 => Kind::Site,
                _ => Kind::Api,
            },
        };
        let (peak, object_bytes) = match kind {
            Kind::Site => ((300, 3_000), (8_000, 40_000)),
            Kind::Images => ((5_000, 40_000), (20_000, 120_000)),
            Kind::Download => ((6_000, 20_000), (30_000_000, 60_000_000)),
            Kind::Api => ((1_000, 10_000), (1_000, 6_000)),
        };
        Self {
            noise,
            kind,
            light,
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

    /// The requests of the 5 minutes that begin at `slot`.
    pub(crate) fn load(&self, slot: i64) -> Load {
        let local = slot.saturating_add(UTC8_SECONDS);
        let (day, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let noise = self.noise.branch(branch::SLOT).at(slot);

        let asleep = self.kind == Kind::Site && (2 * 3600..5 * 3600).contains(&second);
        if asleep {
            let visitors = noise.branch(branch::QUIET).between(-11, 3).max(0);
            return Load {
                requests: visitors,
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
            // While the origin fails, half the visitors give up.
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
    /// The counts add up to the requests. Extra codes that counted nothing are left out. `noise` decides how
    /// the fractions fall.
    pub(crate) fn codes(&self, load: Load, noise: Noise) -> Vec<(&'static str, i64)> {
        let noise = noise.branch(branch::CODES);
        if self.light {
            let missing = load.requests * noise.between(0, 20) / 1_000;
            return vec![("200", load.requests - missing), ("404", missing), ("000", 0)];
        }
        let mut codes = Vec::with_capacity(LISTED_CODES.len() + EXTRA_CODES.len());
        let mut left = load.requests;
        let listed = LISTED_CODES.iter().chain(&EXTRA_CODES).zip(self.shares);
        for (position, (code, share)) in (0..).zip(listed) {
            let share = if load.outage {
                outage_share(code, share)
            } else {
                share
            };
            let count = match share {
                _ if left == 0 => 0,
                0 => 0,
                share => {
                    let noise = noise.branch(position);
                    let share = share * noise.at(1).between(700, 1_300) / 1_000;
                    // Rounded by chance, so that rare codes show up now and then.
                    let fraction = noise.at(2).between(0, MILLION - 1);
                    ((load.requests * share + fraction) / MILLION).min(left)
                }
            };
            left -= count;
            if codes.len() < LISTED_CODES.len() || count > 0 {
                codes.push((*code, count));
            }
        }
        // What no other code took is the ordinary success.
        if let Some((_, count)) = codes.iter_mut().find(|(code, _)| *code == "200") {
            *count = left;
        }
        codes
    }

    /// The bandwidth in bit/s that the successful ones of `codes` took over 5 minutes.
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

    /// The episode of this kind that `slot` falls into: one in each `period`, at a moment of chance.
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

/// A stretch of unusual traffic.
#[derive(Debug, Clone, Copy)]
struct Episode {
    elapsed: i64,
    length: i64,
    /// What it adds at its height, in thousandths of the ordinary traffic.
    strength: i64,
}

impl Episode {
    /// Thousandths of the strength: rises to the middle and falls again.
    fn share(self) -> i64 {
        let from_middle = (2 * self.elapsed - self.length).abs();
        1_000 - 1_000 * from_middle / self.length
    }
}

/// Requests of a million that end with `code`; "200" is the rest.
fn share(kind: Kind, code: &str) -> i64 {
    match code {
        "502" => 15,
        "504" => 10,
        "206" if kind == Kind::Download => 620_000,
        "206" => 700,
        "204" if kind == Kind::Api => 30_000,
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

/// The share of `code` while the origin fails, where it is `share` otherwise.
fn outage_share(code: &str, share: i64) -> i64 {
    match code {
        "502" => 300_000,
        "503" => 80_000,
        "504" => 170_000,
        _ => share,
    }
}

fn day_share(second: i64) -> i64 {
    let hour = to_usize(second / 3600);
    let here = HOURS.get(hour).copied().unwrap_or(1_000);
    let next = HOURS.get(hour + 1).copied().unwrap_or(here);
    here + (next - here) * (second % 3600) / 3600
}

fn week_share(day: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    let weekday = to_usize((day + 3).rem_euclid(7));
    WEEKDAYS.get(weekday).copied().unwrap_or(1_000)
}
