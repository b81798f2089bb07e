//! What the file remembers of the service: facts from answers, and what was refused.

use indicatif::HumanCount;
use serde::Serialize;

use super::report::Report;
use crate::cli::view::text::counted;
use crate::model::convert::to_u64;
use crate::model::duration::show_seconds;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use crate::model::{Fact, FactName, UnixSeconds, civil};

use crate::store::{Reader, RefusedRanges, StoreError};

/// What the file remembers, for machines. A field is `null` where nothing is known.
#[derive(Debug, Default, Serialize)]
pub struct Remembered {
    oldest_served_age_seconds: Option<FactJson>,
    youngest_refused_age_seconds: Option<FactJson>,
    sub_hour_points: Option<FactJson>,
    complete_points: Option<FactJson>,
    answered: Option<FactJson>,
    refusals: Option<RefusalsJson>,
}

#[derive(Debug, Serialize)]
struct FactJson {
    value: i64,
    learned_at: String,
}

#[derive(Debug, Serialize)]
struct RefusalsJson {
    ranges: u64,
    domains: u64,
    next_at: String,
}

impl FactJson {
    fn new(fact: Fact) -> Self {
        Self {
            value: fact.value,
            learned_at: civil::cst_rfc3339(fact.learned_at),
        }
    }
}

/// Adds what `reader` remembers. What a file does not hold yet has no line.
pub fn check(report: &mut Report, reader: &Reader, username: Option<&str>) -> Result<(), StoreError> {
    let fact = |name| reader.fact(&name);
    let oldest = fact(FactName::OldestServedAge)?;
    let youngest = fact(FactName::YoungestRefusedAge)?;
    let sub_hour = fact(FactName::SubHourPoints)?;
    let complete = fact(FactName::CompletePoints)?;
    let answered = match username {
        Some(username) => fact(FactName::Answered(username.to_owned()))?,
        None => None,
    };
    let refused = reader.refused()?;
    for (name, detail) in [
        (
            "served lately",
            oldest.map(|fact| with_moment(&fact, &age("slots up to", &fact, "old"))),
        ),
        (
            "refused as too old",
            youngest.map(|fact| with_moment(&fact, &age("slots of", &fact, "and more"))),
        ),
        ("5-minute points", sub_hour.map(|fact| seen(fact.learned_at))),
        (
            "largest complete answer",
            complete.map(|fact| with_moment(&fact, &points(fact.value))),
        ),
        (
            "last answer",
            answered.map(|fact| format!("{} to this user name", at(fact.learned_at))),
        ),
    ] {
        if let Some(detail) = detail {
            report.ok(name, detail);
        }
    }
    if [oldest, youngest, sub_hour, complete, answered]
        .iter()
        .all(Option::is_none)
    {
        report.skip("service", "the file remembers no answer yet");
    }
    check_refusals(report, refused);
    report.remember(Remembered {
        oldest_served_age_seconds: oldest.map(FactJson::new),
        youngest_refused_age_seconds: youngest.map(FactJson::new),
        sub_hour_points: sub_hour.map(FactJson::new),
        complete_points: complete.map(FactJson::new),
        answered: answered.map(FactJson::new),
        refusals: refused.map(|refused| RefusalsJson {
            ranges: refused.ranges,
            domains: refused.domains,
            next_at: civil::cst_rfc3339(refused.next_at),
        }),
    });
    Ok(())
}

fn check_refusals(report: &mut Report, refused: Option<RefusedRanges>) {
    let name = "refusals";
    match refused {
        None => report.ok(name, "none"),
        Some(refused) => report.warn(
            name,
            format!(
                "{} of {}; the next is asked for again by the first run after {}",
                counted(refused.ranges, "range"),
                counted(refused.domains, "domain"),
                at(refused.next_at)
            ),
            "see `SELECT * FROM origin_refusals`; to ask at once, name the domain with `-d`, or use `backfill --force`",
        ),
    }
}

fn at(moment: UnixSeconds) -> String {
    format!("{} UTC+8", civil::cst_minute(moment))
}

fn with_moment(fact: &Fact, what: &str) -> String {
    format!("{what}, on {}", at(fact.learned_at))
}

fn seen(moment: UnixSeconds) -> String {
    format!("seen on {}", at(moment))
}

fn points(count: i64) -> String {
    format!("{} points; larger ones were cut short", HumanCount(to_u64(count)))
}

/// Ages in whole days, or in whole hours below two days: an edge is not known to the second.
fn age(before: &str, fact: &Fact, after: &str) -> String {
    let unit = if fact.value < 2 * DAY_SECONDS {
        HOUR_SECONDS
    } else {
        DAY_SECONDS
    };
    let whole = fact.value - fact.value.rem_euclid(unit);
    format!("{before} {} {after}", show_seconds(whole))
}
