//! What the value of a key may be.
//!
//! One rule serves the flag, the variable and the file. An error begins with the value and ends with what is expected.

use std::error::Error;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::settings::Config;
use super::source::Setting;
use crate::model::UnixSeconds;
use crate::model::convert::to_i64;
use crate::model::duration::{DAY_MILLIS, SECOND_MILLIS, parse_duration, show_duration};
use crate::model::moment::parse_moment;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS};

/// The longest window, in seconds: no endpoint of the API family is documented to take more than 31 days.
const MAX_WINDOW: i64 = 31 * DAY_SECONDS;
/// The oldest age at which a slot may be fetched again, in milliseconds; the API keeps a month or so.
const MAX_AGE: u64 = 366 * DAY_MILLIS;

/// The lowest and the highest number of requests per second.
const RATES: RangeInclusive<f64> = 0.001..=10_000.0;

type ValueError = Box<dyn Error>;

/// What may be written for a key, with the function that sets its field.
#[derive(Debug, Clone, Copy)]
pub enum ValueKind {
    /// A text with a rule of its own.
    Text(&'static str, fn(&mut Config, &str) -> Result<(), ValueError>),
    /// A list with a rule of its own.
    Words(&'static str, fn(&mut Config, &[&str]) -> Result<(), ValueError>),
    /// A file. In the configuration file its path is relative to that file.
    Path(fn(&mut Config, PathBuf)),
    /// The secret key: a file or a command. [`SecretKeySource`](super::SecretKeySource) reads it.
    SecretKey(TomlType),
    /// `true` or `false`.
    Switch(fn(&mut Config, bool)),
    /// A time; ages count back from now.
    Time(fn(&mut Config, UnixSeconds)),
    /// A whole number from the first to the second.
    Count(usize, usize, fn(&mut Config, usize)),
    /// Requests per second; `None` is no limit.
    Rate(fn(&mut Config, Option<f64>)),
    /// A size in bytes.
    Size(fn(&mut Config, u64)),
    /// A length of time from the first to the second, in milliseconds; whole seconds if the first is.
    Length(u64, u64, fn(&mut Config, Duration)),
    /// The span of a request, in seconds.
    Window(fn(&mut Config, i64)),
    /// Ages of slots, in seconds. None at all means that nothing is fetched twice.
    Ages(fn(&mut Config, Vec<i64>)),
}

/// How a value is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TomlType {
    /// In quotes. Dates may stand without.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Switch,
    /// A list of texts.
    List,
}

impl ValueKind {
    /// How the value is written in the file.
    #[must_use]
    pub fn toml_type(&self) -> TomlType {
        match self {
            Self::Words(..) | Self::Ages(_) => TomlType::List,
            Self::SecretKey(written) => *written,
            Self::Switch(_) => TomlType::Switch,
            Self::Count(..) | Self::Rate(_) => TomlType::Number,
            _ => TomlType::Text,
        }
    }

    /// What to write in the file instead of a value of the wrong type.
    pub(super) fn form(&self) -> String {
        let rule = self.rule();
        match self.toml_type() {
            TomlType::Text => format!("{rule}, in quotes"),
            TomlType::Number => format!("{rule}, without quotes"),
            TomlType::Switch | TomlType::List => rule,
        }
    }

    /// What the value may be, for messages and for the documentation.
    #[must_use]
    pub fn rule(&self) -> String {
        let length = |millis: &u64| show_duration(Duration::from_millis(*millis));
        let rule = match self {
            Self::Text(rule, _) | Self::Words(rule, _) => rule,
            Self::Path(_) | Self::SecretKey(TomlType::Text) => "a path",
            Self::SecretKey(_) => "a list of texts, such as `[\"pass\", \"jdcdn\"]`",
            Self::Switch(_) => "`true` or `false`",
            Self::Time(_) => "a time such as `2026-01-01`",
            Self::Count(least, most, _) => return format!("a whole number from {least} to {most}"),
            Self::Rate(_) => "a number from 0.001 to 10000, such as `5` or `0.5`, or `0` for no limit",
            Self::Size(_) => "a size above zero, such as `64MiB` or `1GB`",
            Self::Length(least, most, _) => {
                let unit = if least.is_multiple_of(SECOND_MILLIS) {
                    "whole seconds"
                } else {
                    "a length of time"
                };
                return format!("{unit} from `{}` to `{}`", length(least), length(most));
            }
            Self::Window(_) => "a multiple of `5m` up to `1d`, or of `1d` up to `31d`",
            Self::Ages(_) => {
                let most = length(&MAX_AGE);
                return format!(
                    "a list of rising ages above zero and up to `{most}`, such as `[\"1h\", \"24h\"]`"
                );
            }
        };
        rule.to_owned()
    }

    /// Checks `setting` and sets its field. Ages count back from `now`.
    pub(super) fn apply(
        &self,
        config: &mut Config,
        setting: &Setting,
        now: UnixSeconds,
    ) -> Result<(), ValueError> {
        let refusal = || format!("`{setting}` is not {}", self.rule());
        // A path may hold bytes that are not UTF-8.
        let words = match self {
            Self::Path(_) => Vec::new(),
            _ => setting.texts()?,
        };
        let given = words.first().copied().unwrap_or_default();
        let trimmed = given.trim();
        match self {
            Self::SecretKey(_) => {}
            Self::Path(set) => match setting.path() {
                path if path.as_os_str().is_empty() => return Err("the path is empty".into()),
                path => set(config, path),
            },
            Self::Text(_, set) => set(config, given)?,
            Self::Words(_, set) => set(config, &words)?,
            Self::Switch(set) => set(config, trimmed.parse().map_err(|_| refusal())?),
            Self::Time(set) => set(config, parse_moment(given, now)?),
            Self::Count(least, most, set) => {
                let count = trimmed
                    .parse()
                    .ok()
                    .filter(|count| (least..=most).contains(&count));
                set(config, count.ok_or_else(refusal)?);
            }
            Self::Rate(set) => {
                let rate = trimmed
                    .parse()
                    .ok()
                    .filter(|rate| *rate == 0.0 || RATES.contains(rate));
                let rate = rate.ok_or_else(refusal)?;
                set(config, Some(rate).filter(|rate| *rate > 0.0));
            }
            Self::Size(set) => {
                let size = trimmed.parse::<ByteSize>().ok().map(|size| size.as_u64());
                set(config, size.filter(|size| *size > 0).ok_or_else(refusal)?);
            }
            Self::Length(least, most, set) => {
                let length = Some(parse_duration(given)?).filter(|length| is_between(*length, *least, *most));
                set(config, length.ok_or_else(refusal)?);
            }
            Self::Window(set) => {
                let length = Some(parse_duration(given)?).filter(|length| is_window(*length));
                set(config, seconds(length.ok_or_else(refusal)?));
            }
            Self::Ages(set) => {
                let ages = words.iter().map(|age| parse_duration(age));
                let ages = ages.collect::<Result<Vec<_>, _>>()?;
                let are_ages = ages.iter().all(|age| is_between(*age, SECOND_MILLIS, MAX_AGE));
                if !are_ages || !ages.is_sorted_by(|age, next| age < next) {
                    return Err(refusal().into());
                }
                set(config, ages.into_iter().map(seconds).collect());
            }
        }
        Ok(())
    }
}

/// The whole seconds of a length of time.
pub(super) fn seconds(length: Duration) -> i64 {
    to_i64(length.as_secs())
}

/// Whether `length` lies between `least` and `most` (milliseconds). It must be whole seconds if `least` is.
fn is_between(length: Duration, least: u64, most: u64) -> bool {
    let bounds = Duration::from_millis(least)..=Duration::from_millis(most);
    bounds.contains(&length) && (length.subsec_nanos() == 0 || !least.is_multiple_of(SECOND_MILLIS))
}

/// Whether a request may have this span. Longer windows than a day begin and end at midnight, so 36 hours would be cut.
fn is_window(length: Duration) -> bool {
    let span = seconds(length);
    let unit = if span > DAY_SECONDS {
        DAY_SECONDS
    } else {
        SLOT_SECONDS
    };
    length.subsec_nanos() == 0 && (SLOT_SECONDS..=MAX_WINDOW).contains(&span) && span % unit == 0
}
