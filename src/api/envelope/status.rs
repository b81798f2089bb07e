//! The `status` of an answer: every documented number, what it means, and what kind of trouble it is.

use crate::model::slot::DAY_SECONDS;

/// The status of success; every other one is a failure (documented).
pub const SUCCESS: i64 = 0;

/// A status other than success. Numbers and meanings are documented; the class is inferred from the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiStatus {
    /// -1: interface call exception.
    CallException,
    /// 1: failed.
    Failed,
    /// 2: a parameter is required.
    ParameterRequired,
    /// 3: user name required.
    UserNameRequired,
    /// 4: signature required.
    SignatureRequired,
    /// 7: signature incorrect.
    SignatureIncorrect,
    /// 8: interface call failed.
    CallFailed,
    /// 12: domain required.
    DomainRequired,
    /// 13: start time required.
    StartRequired,
    /// 14: time format must be `yyyy-MM-dd HH:mm`.
    TimeFormat,
    /// 15: a domain that is not the user's.
    DomainForeign,
    /// 18: a domain that is not the user's.
    DomainNotOwned,
    /// 19: start time later than end time.
    StartAfterEnd,
    /// 20: user name does not exist.
    UserUnknown,
    /// 21: the date must be within one month.
    BeyondOneMonth,
    /// 22: more domains than the account has.
    TooManyDomains,
    /// 41: a field is required.
    FieldRequired,
    /// 42: only 7 days may be queried.
    OnlySevenDays,
    /// 43: only 1 day may be queried.
    OnlyOneDay,
    /// 44: only 31 days may be queried.
    OnlyThirtyOneDays,
    /// 45: only 30 days may be queried.
    OnlyThirtyDays,
    /// A number that is not documented for this endpoint.
    Other(i64),
}

/// What kind of trouble a status is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// It may work the next time.
    Transient,
    /// The account or its key is wrong (or the clock, which the signature depends on).
    Credentials,
    /// Something that belongs into the configuration is missing.
    Configuration,
    /// The request is not what the API wants, which is this program's fault.
    OurRequest,
    /// One of the domains is refused.
    Domain,
    /// The range is longer than the API takes.
    WindowTooLong {
        /// The longest range in seconds.
        max_span: i64,
    },
    /// There are too many domains in the request.
    BatchTooLarge,
    /// The API no longer serves the range, nor any older one.
    BeyondRetention,
    /// Not documented.
    Unknown,
}

const DOCUMENTED: [ApiStatus; 21] = [
    ApiStatus::CallException,
    ApiStatus::Failed,
    ApiStatus::ParameterRequired,
    ApiStatus::UserNameRequired,
    ApiStatus::SignatureRequired,
    ApiStatus::SignatureIncorrect,
    ApiStatus::CallFailed,
    ApiStatus::DomainRequired,
    ApiStatus::StartRequired,
    ApiStatus::TimeFormat,
    ApiStatus::DomainForeign,
    ApiStatus::DomainNotOwned,
    ApiStatus::StartAfterEnd,
    ApiStatus::UserUnknown,
    ApiStatus::BeyondOneMonth,
    ApiStatus::TooManyDomains,
    ApiStatus::FieldRequired,
    ApiStatus::OnlySevenDays,
    ApiStatus::OnlyOneDay,
    ApiStatus::OnlyThirtyOneDays,
    ApiStatus::OnlyThirtyDays,
];

impl ApiStatus {
    /// The status with this number, which is not [`SUCCESS`].
    #[must_use]
    pub fn from_code(code: i64) -> Self {
        DOCUMENTED
            .into_iter()
            .find(|status| status.code() == code)
            .unwrap_or(Self::Other(code))
    }

    /// The number, as in the answer.
    #[must_use]
    pub fn code(self) -> i64 {
        self.row().0
    }

    /// What kind of trouble it is.
    #[must_use]
    pub fn class(self) -> StatusClass {
        self.row().1
    }

    /// What it means, as a sentence without its end: `the API rejected the signature`.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (i64, StatusClass, &'static str) {
        use StatusClass as Class;
        let days = |days: i64| Class::WindowTooLong {
            max_span: days * DAY_SECONDS,
        };
        match self {
            Self::CallException => (-1, Class::Transient, "the API met an exception"),
            Self::Failed => (1, Class::Transient, "the API failed"),
            Self::ParameterRequired => (2, Class::OurRequest, "the API misses a parameter"),
            Self::UserNameRequired => (3, Class::Configuration, "the API misses the user name"),
            Self::SignatureRequired => (4, Class::Configuration, "the API misses the signature"),
            Self::SignatureIncorrect => (7, Class::Credentials, "the API rejected the signature"),
            Self::CallFailed => (8, Class::Transient, "the API's own call failed"),
            Self::DomainRequired => (12, Class::OurRequest, "the API misses the domain"),
            Self::StartRequired => (13, Class::OurRequest, "the API misses the start time"),
            Self::TimeFormat => (14, Class::OurRequest, "the API cannot read the times"),
            Self::DomainForeign => (15, Class::Domain, "a domain does not belong to the account"),
            Self::DomainNotOwned => (18, Class::Domain, "a domain does not belong to the account"),
            Self::StartAfterEnd => (19, Class::OurRequest, "the API reads a start after the end"),
            Self::UserUnknown => (20, Class::Credentials, "the API does not know the user name"),
            Self::BeyondOneMonth => (
                21,
                Class::BeyondRetention,
                "the API serves the last month only, and the range is older",
            ),
            Self::TooManyDomains => (22, Class::BatchTooLarge, "the request holds too many domains"),
            Self::FieldRequired => (41, Class::OurRequest, "the API misses a field"),
            Self::OnlySevenDays => (42, days(7), "the API takes at most 7 days"),
            Self::OnlyOneDay => (43, days(1), "the API takes at most 1 day"),
            Self::OnlyThirtyOneDays => (44, days(31), "the API takes at most 31 days"),
            Self::OnlyThirtyDays => (45, days(30), "the API takes at most 30 days"),
            Self::Other(code) => (
                code,
                Class::Unknown,
                "the API answered with an undocumented status",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_keeps_its_value_and_has_the_documented_class() {
        for code in -10..=60 {
            let status = ApiStatus::from_code(code);
            assert_eq!(status.code(), code);
            let expected = match code {
                -1 | 1 | 8 => StatusClass::Transient,
                3 | 4 => StatusClass::Configuration,
                7 | 20 => StatusClass::Credentials,
                2 | 12 | 13 | 14 | 19 | 41 => StatusClass::OurRequest,
                15 | 18 => StatusClass::Domain,
                21 => StatusClass::BeyondRetention,
                22 => StatusClass::BatchTooLarge,
                42 => StatusClass::WindowTooLong { max_span: 604_800 },
                43 => StatusClass::WindowTooLong { max_span: 86_400 },
                44 => StatusClass::WindowTooLong { max_span: 2_678_400 },
                45 => StatusClass::WindowTooLong { max_span: 2_592_000 },
                _ => StatusClass::Unknown,
            };
            assert_eq!(status.class(), expected, "{code}");
            assert_eq!(
                matches!(status, ApiStatus::Other(_)),
                expected == StatusClass::Unknown
            );
        }
        assert_eq!(ApiStatus::from_code(i64::MIN), ApiStatus::Other(i64::MIN));
    }
}
