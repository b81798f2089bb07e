//! What the file remembers of the API: facts from answers, and refused ranges.

use indicatif::HumanCount;
use serde::Serialize;

use crate::cli::view::text::{counted, rfc3339};
use crate::model::convert::to_u64;
use crate::model::duration::show_seconds;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use crate::model::{Fact, FactName, UnixSeconds, civil};
use crate::store::{Reader, RefusedRanges, StoreError};

/// What the file remembers. A field is `null` where nothing is known.
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
    #[serde(serialize_with = "rfc3339")]
    learned_at: UnixSeconds,
}

#[derive(Debug, Serialize)]
struct RefusalsJson {
    ranges: u64,
    domains: u64,
    #[serde(serialize_with = "rfc3339")]
    next_at: UnixSeconds,
}

impl From<Fact> for FactJson {
    fn from(fact: Fact) -> Self {
        Self {
            value: fact.value,
            learned_at: fact.learned_at,
        }
    }
}

impl From<RefusedRanges> for RefusalsJson {
    fn from(refused: RefusedRanges) -> Self {
        Self {
            ranges: refused.ranges,
            domains: refused.domains,
            next_at: refused.next_at,
        }
    }
}

impl Remembered {
    /// Reads what the file remembers of the API and of the account `username`.
    pub fn read(reader: &Reader, username: Option<&str>) -> Result<Self, StoreError> {
        let fact = |name| Ok(reader.fact(&name)?.map(FactJson::from));
        Ok(Self {
            oldest_served_age_seconds: fact(FactName::OldestServedAge)?,
            youngest_refused_age_seconds: fact(FactName::YoungestRefusedAge)?,
            sub_hour_points: fact(FactName::SubHourPoints)?,
            complete_points: fact(FactName::CompletePoints)?,
            answered: match username {
                Some(username) => fact(FactName::Answered(username.to_owned()))?,
                None => None,
            },
            refusals: reader.refused()?.map(RefusalsJson::from),
        })
    }

    /// Returns one line for each fact that is known.
    #[must_use]
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let line = |name, fact: &Option<FactJson>, text: &dyn Fn(i64, String) -> String| {
            let fact = fact.as_ref()?;
            Some((name, text(fact.value, minute(fact.learned_at))))
        };
        let lines = [
            line("served lately", &self.oldest_served_age_seconds, &|value, on| {
                format!("slots up to {} old, on {on}", whole_age(value))
            }),
            line(
                "refused as too old",
                &self.youngest_refused_age_seconds,
                &|value, on| format!("slots of {} and more, on {on}", whole_age(value)),
            ),
            line("5-minute points", &self.sub_hour_points, &|_, on| {
                format!("seen on {on}")
            }),
            line("largest complete answer", &self.complete_points, &|value, on| {
                let points = HumanCount(to_u64(value));
                format!("{points} points; larger answers were cut short, on {on}")
            }),
            line("last answer", &self.answered, &|_, on| {
                format!("{on} to this user name")
            }),
        ];
        lines.into_iter().flatten().collect()
    }

    /// Returns the line for the ranges that are refused at present; `None` if there are none.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        let refused = self.refusals.as_ref()?;
        Some(format!(
            "{} of {}; the first run after {} asks for the next one again",
            counted(refused.ranges, "range"),
            counted(refused.domains, "domain"),
            minute(refused.next_at)
        ))
    }
}

fn minute(moment: UnixSeconds) -> String {
    format!("{} UTC+8", civil::cst_minute(moment))
}

/// Returns an age in whole days, or in whole hours below two days: the edge is not known to the second.
fn whole_age(seconds: i64) -> String {
    let unit = if seconds < 2 * DAY_SECONDS {
        HOUR_SECONDS
    } else {
        DAY_SECONDS
    };
    show_seconds(seconds - seconds.rem_euclid(unit))
}
