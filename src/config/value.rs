//! What the value of a key may be.
//!
//! One rule serves the flag, the variable and the file. Its error begins with the text that was written and ends with
//! what is expected.

use std::borrow::Cow;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::settings::Config;
use super::source::Setting;
use crate::model::convert::to_i64;
use crate::model::duration::{DAY_MILLIS, SECOND_MILLIS, parse_duration, show_duration};
use crate::model::moment::parse_moment;
use crate::model::slot::{DAY_SECONDS, SLOT_SECONDS};
use crate::model::{UnixSeconds, text};

/// The longest window, in seconds: no endpoint of the API family is documented to take more than 31 days.
const MAX_WINDOW: i64 = 31 * DAY_SECONDS;
/// The oldest age at which a slot may be fetched again, in milliseconds; the API keeps a month or so.
const MAX_AGE: u64 = 366 * DAY_MILLIS;

type Refusal = Box<dyn Error>;

/// What may be written for a key, with the function that sets its field.
#[derive(Debug, Clone, Copy)]
pub enum ValueKind {
    /// A text of this form, with a rule of its own.
    Text(&'static str, fn(&mut Config, &str) -> Result<(), Refusal>),
    /// A list of this form, with a rule of its own.
    Words(&'static str, fn(&mut Config, &[&str]) -> Result<(), Refusal>),
    /// A file. In the configuration file its path is relative to that file.
    Path(fn(&mut Config, PathBuf)),
    /// Where the secret key is: a file or a command. [`SecretKeySource`](super::SecretKeySource) reads it.
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

    /// What to write in the file, for a value of the wrong type.
    pub(super) fn form(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Text(form, _) => return format!("{form} in quotes").into(),
            Self::Words(form, _) => form,
            Self::SecretKey(TomlType::List) => "a list of texts, such as [\"pass\", \"jdcdn\"]",
            Self::Path(_) | Self::SecretKey(_) => "a path in quotes",
            Self::Switch(_) => "`true` or `false`",
            Self::Time(_) => "a time in quotes, such as \"2026-01-01\"",
            Self::Count(..) => "a whole number without quotes",
            Self::Rate(_) => "a number without quotes",
            Self::Size(_) => "a size in quotes, such as \"64MiB\"",
            Self::Length(..) | Self::Window(_) => "a length of time in quotes, such as \"5m\"",
            Self::Ages(_) => "a list of lengths of time, such as [\"1h\", \"24h\"]",
        })
    }

    /// What the value may be, for the documentation and for a value out of bounds.
    #[must_use]
    pub fn rule(&self) -> Cow<'static, str> {
        let length = |millis| show_duration(Duration::from_millis(millis));
        Cow::Borrowed(match self {
            Self::Text(form, _) | Self::Words(form, _) => form,
            Self::Path(_) | Self::SecretKey(TomlType::Text) => "a path",
            Self::Switch(_) | Self::SecretKey(_) => return self.form(),
            Self::Time(_) => "a time",
            Self::Count(least, most, _) => return format!("a whole number from {least} to {most}").into(),
            Self::Rate(_) => {
                "requests per second from 0.001 to 10000, such as `5` or `0.5`, or `0` for no limit"
            }
            Self::Size(_) => "a size above zero, such as `64MiB` or `1GB`",
            Self::Length(least, most, _) => {
                let whole = if least % SECOND_MILLIS == 0 {
                    "whole seconds"
                } else {
                    "a length of time"
                };
                return format!("{whole} from `{}` to `{}`", length(*least), length(*most)).into();
            }
            Self::Window(_) => "a multiple of `5m` up to `1d`, or of `1d` up to `31d`",
            Self::Ages(_) => {
                return format!(
                    "an age above zero and up to `{}`, later than the one before it, such as [\"1h\", \"24h\"]",
                    length(MAX_AGE)
                )
                .into();
            }
        })
    }

    /// Checks `setting` and sets its field. Ages count back from `now`.
    pub(super) fn apply(
        &self,
        config: &mut Config,
        setting: &Setting,
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        let words = setting.texts();
        match self {
            Self::Words(_, set) => set(config, &words?)?,
            Self::Ages(set) => set(config, self.ages(&words?)?),
            Self::SecretKey(_) => {}
            Self::Path(set) => match setting.path() {
                path if path.as_os_str().is_empty() => return Err("the path is empty".into()),
                path => set(config, path),
            },
            _ => self.apply_text(config, words?.first().copied().unwrap_or_default(), now)?,
        }
        Ok(())
    }

    fn apply_text(&self, config: &mut Config, given: &str, now: UnixSeconds) -> Result<(), Refusal> {
        let trimmed = given.trim();
        let accepted = match self {
            Self::Text(_, set) => Some(set(config, given)?),
            Self::Time(set) => Some(set(config, parse_moment(given, now)?)),
            Self::Switch(set) => trimmed.parse().ok().map(|given| set(config, given)),
            Self::Count(least, most, set) => trimmed
                .parse()
                .ok()
                .filter(|count| (least..=most).contains(&count))
                .map(|count| set(config, count)),
            Self::Rate(set) => trimmed.parse::<f64>().ok().and_then(|rate| match rate {
                0.0 => Some(set(config, None)),
                0.001..=10_000.0 => Some(set(config, Some(rate))),
                _ => None,
            }),
            Self::Size(set) => trimmed
                .parse::<ByteSize>()
                .ok()
                .filter(|size| size.as_u64() > 0)
                .map(|size| set(config, size.as_u64())),
            Self::Length(least, most, set) => Some(parse_duration(given)?)
                .filter(|length| is_between(*length, *least, *most))
                .map(|length| set(config, length)),
            Self::Window(set) => Some(parse_duration(given)?)
                .filter(|length| is_window(*length))
                .map(|length| set(config, seconds(length))),
            _ => None,
        };
        accepted.ok_or_else(|| self.refusal(given))
    }

    fn ages(&self, given: &[&str]) -> Result<Vec<i64>, Refusal> {
        let mut ages: Vec<i64> = Vec::with_capacity(given.len());
        for text in given {
            let age = parse_duration(text)?;
            let is_later = ages.last().is_none_or(|last| *last < seconds(age));
            if !is_later || !is_between(age, SECOND_MILLIS, MAX_AGE) {
                return Err(self.refusal(text));
            }
            ages.push(seconds(age));
        }
        Ok(ages)
    }

    fn refusal(&self, given: &str) -> Refusal {
        format!("`{}` is not {}", text::printable(given), self.rule()).into()
    }
}

/// The whole seconds of a length of time.
pub(super) fn seconds(length: Duration) -> i64 {
    to_i64(length.as_secs())
}

/// Whether `length` lies in the bounds, which are in milliseconds, and has no fraction of a second where `least` has
/// none.
fn is_between(length: Duration, least: u64, most: u64) -> bool {
    let bounds = Duration::from_millis(least)..=Duration::from_millis(most);
    bounds.contains(&length) && (length.subsec_nanos() == 0 || least % SECOND_MILLIS != 0)
}

/// Whether a request may have this span. A window above a day begins and ends at midnight, so 36 hours would be cut to
/// a day.
fn is_window(length: Duration) -> bool {
    let span = seconds(length);
    let unit = if span > DAY_SECONDS {
        DAY_SECONDS
    } else {
        SLOT_SECONDS
    };
    length.subsec_nanos() == 0 && (SLOT_SECONDS..=MAX_WINDOW).contains(&span) && span % unit == 0
}
