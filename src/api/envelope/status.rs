//! The `status` of an answer: one table of every documented number, its meaning, and what follows from it.

use super::reaction::{Reaction, RetryCost};
use crate::model::slot::DAY_SECONDS;

/// The status of success; every other one is a failure (documented).
pub(in crate::api) const SUCCESS: i64 = 0;

/// The part of the advice for [`ApiStatus::SIGNATURE_INCORRECT`] that does not apply where the clock is known to be right.
pub const CLOCK_ADVICE: &str = ", and that this machine's clock shows the right date in UTC+8";

/// A status other than success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiStatus(i64);

/// What the table knows about a status.
struct Documented {
    code: i64,
    reaction: Reaction,
    /// A sentence without its end.
    meaning: &'static str,
    /// The next step for the reader, or nothing.
    help: &'static str,
}

const fn row(code: i64, reaction: Reaction, meaning: &'static str, help: &'static str) -> Documented {
    Documented {
        code,
        reaction,
        meaning,
        help,
    }
}

const fn at_most(days: i64) -> Reaction {
    Reaction::SplitWindow {
        max_span: Some(days * DAY_SECONDS),
    }
}

const RETRY: Reaction = Reaction::Retry(RetryCost::Normal);
const FOREIGN: &str = "a domain does not belong to the account";
const CHECK_DOMAIN: &str = "check the domain's spelling, and that it belongs to this account";

/// The documented numbers. The meanings are the vendor's in other words; the reactions follow from them.
#[rustfmt::skip]
const DOCUMENTED: &[Documented] = &[
    row(-1, RETRY, "the API reports an exception", ""),
    row(1, RETRY, "the API failed", ""),
    row(2, Reaction::Fail, "the API says that a parameter is missing", ""),
    row(3, Reaction::StopConfiguration, "the API says that the user name is missing", "set `username` in the configuration"),
    row(4, Reaction::StopConfiguration, "the API says that the signature is missing",
        "set the secret key, and check that `endpoint` is the API's address"),
    row(7, Reaction::StopCredentials, "the API rejected the signature",
        "check the secret key, and that this machine's clock shows the right date in UTC+8. The vendor issues the key of this \
         API by ticket; the secret of an AccessKey does not work"),
    row(8, RETRY, "the API reports that its own call failed", ""),
    row(12, Reaction::Fail, "the API says that the domain is missing", ""),
    row(13, Reaction::Fail, "the API says that the start time is missing", ""),
    row(14, Reaction::Fail, "the API cannot read the times", ""),
    row(15, Reaction::IsolateDomain, FOREIGN, CHECK_DOMAIN),
    row(18, Reaction::IsolateDomain, FOREIGN, CHECK_DOMAIN),
    row(19, Reaction::Fail, "the API says that the start is after the end", ""),
    row(20, Reaction::StopCredentials, "the API does not know the user name",
        "check `username`: it is the JD user name (pin) of the account"),
    row(21, Reaction::BeyondRetention, "the API serves the last month only, and the range is older",
        "the API serves only recent points; lower `fetch.retention` if it keeps them for a shorter time"),
    row(22, Reaction::ShrinkBatch, "the request holds too many domains", ""),
    row(41, Reaction::Fail, "the API says that a field is missing", ""),
    row(42, at_most(7), "the API takes at most 7 days", ""),
    row(43, at_most(1), "the API takes at most 1 day", ""),
    row(44, at_most(31), "the API takes at most 31 days", ""),
    row(45, at_most(30), "the API takes at most 30 days", ""),
];

impl ApiStatus {
    /// The user name is missing.
    pub const USER_NAME_REQUIRED: Self = Self(3);
    /// The signature is missing.
    pub const SIGNATURE_REQUIRED: Self = Self(4);
    /// The API rejected the signature.
    pub const SIGNATURE_INCORRECT: Self = Self(7);
    /// The API does not know the user name.
    pub const USER_UNKNOWN: Self = Self(20);
    /// The range is older than the month that the API serves.
    pub const BEYOND_ONE_MONTH: Self = Self(21);

    /// Returns the status with this number, which is not 0.
    #[must_use]
    pub fn from_code(code: i64) -> Self {
        Self(code)
    }

    /// Returns the number, as in the answer.
    #[must_use]
    pub fn code(self) -> i64 {
        self.0
    }

    /// Returns what to do about it. Nobody knows what an undocumented one means, so it is tried again once.
    #[must_use]
    pub fn reaction(self) -> Reaction {
        self.documented().map_or(Reaction::RetryOnce, |row| row.reaction)
    }

    /// Returns what it means, as a sentence without its end: `the API rejected the signature`.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.documented()
            .map_or("the API answered with an undocumented status", |row| row.meaning)
    }

    /// Returns the next step for the reader, where there is one.
    #[must_use]
    pub fn help(self) -> Option<&'static str> {
        self.documented()
            .map(|row| row.help)
            .filter(|help| !help.is_empty())
    }

    fn documented(self) -> Option<&'static Documented> {
        DOCUMENTED.iter().find(|row| row.code == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_about_the_clock_can_be_left_out() {
        let advice = ApiStatus::SIGNATURE_INCORRECT.help().unwrap();
        assert!(advice.contains(CLOCK_ADVICE), "{advice}");
    }

    #[test]
    fn every_number_keeps_its_value_and_has_its_reaction() {
        let split = |days: i64| Reaction::SplitWindow {
            max_span: Some(days * 86_400),
        };
        for code in (-10..=60).chain([i64::MIN, i64::MAX]) {
            let status = ApiStatus::from_code(code);
            assert_eq!(status.code(), code);
            let expected = match code {
                -1 | 1 | 8 => Reaction::Retry(RetryCost::Normal),
                2 | 12 | 13 | 14 | 19 | 41 => Reaction::Fail,
                3 | 4 => Reaction::StopConfiguration,
                7 | 20 => Reaction::StopCredentials,
                15 | 18 => Reaction::IsolateDomain,
                21 => Reaction::BeyondRetention,
                22 => Reaction::ShrinkBatch,
                42 => split(7),
                43 => split(1),
                44 => split(31),
                45 => split(30),
                _ => Reaction::RetryOnce,
            };
            assert_eq!(status.reaction(), expected, "{code}");
            let is_documented = expected != Reaction::RetryOnce;
            assert_eq!(
                !status.meaning().contains("undocumented"),
                is_documented,
                "{code}"
            );
        }
    }
}
