//! The day's signature.
//!
//! Lower-case hex MD5 of `yyyymmdd`, the user name and the secret key with nothing between (documented).
//! The date is taken in UTC+8 (inferred). It does not cover the request, so whoever sees one can make any
//! call for the rest of the day. It is as secret as the key.

use std::fmt;

use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::model::convert::hex;
use crate::model::slot::{CST_OFFSET_SECONDS, DAY_SECONDS};
use crate::model::{Credentials, UnixSeconds, civil};
use crate::redact::Secrets;

/// A UTC+8 date, which a signature is made for. Prints as `yyyymmdd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SigningDate {
    /// Days since 1970-01-01.
    day: i64,
}

impl SigningDate {
    /// Returns the date in UTC+8 at `ts`.
    #[must_use]
    pub fn from_unix(ts: UnixSeconds) -> Self {
        Self {
            day: local(ts).div_euclid(DAY_SECONDS),
        }
    }

    /// Returns the day before.
    #[must_use]
    pub fn yesterday(self) -> Self {
        Self {
            day: self.day.saturating_sub(1),
        }
    }

    /// Returns the day after.
    #[must_use]
    pub fn tomorrow(self) -> Self {
        Self {
            day: self.day.saturating_add(1),
        }
    }

    /// Returns the date on the other side of the nearest UTC+8 midnight, if that is at most `within_seconds` from `ts`.
    /// The API's clock may show that date if it differs from ours.
    #[must_use]
    pub fn neighbour_near_midnight(ts: UnixSeconds, within_seconds: i64) -> Option<Self> {
        let since = local(ts).rem_euclid(DAY_SECONDS);
        let until = DAY_SECONDS - since;
        let (distance, step) = if since < until { (since, -1) } else { (until, 1) };
        (distance <= within_seconds).then(|| Self {
            day: Self::from_unix(ts).day + step,
        })
    }
}

fn local(ts: UnixSeconds) -> i64 {
    ts.saturating_add(CST_OFFSET_SECONDS)
}

impl fmt::Display for SigningDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let midnight = self
            .day
            .saturating_mul(DAY_SECONDS)
            .saturating_sub(CST_OFFSET_SECONDS);
        f.write_str(&civil::cst_compact_date(midnight))
    }
}

/// The signature of an account for a date. `Debug` does not show it.
pub struct Signature(SecretString);

impl Signature {
    /// Signs for `date`.
    #[must_use]
    pub fn new(date: SigningDate, credentials: &Credentials) -> Self {
        let mut md5 = Md5::new();
        md5.update(date.to_string());
        md5.update(credentials.username());
        md5.update(credentials.expose_key());
        Self(hex(&md5.finalize()).into())
    }

    /// Returns the signature in plain text, for the request alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(***)")
    }
}

/// Returns the body to send: the parameters of an endpoint, and the account's name and signature for `date`.
#[must_use]
pub fn signed_body(
    mut parameters: Map<String, Value>,
    credentials: &Credentials,
    date: SigningDate,
) -> SecretString {
    let signature = Signature::new(date, credentials);
    parameters.insert("username".to_owned(), credentials.username().into());
    parameters.insert("signature".to_owned(), signature.expose().into());
    Value::Object(parameters).to_string().into()
}

/// Adds the secrets of an account: its key, and its signatures for `date` and the days before and after, which are sent
/// around midnight.
pub fn add_secrets(secrets: &mut Secrets, credentials: &Credentials, date: SigningDate) {
    secrets.add(credentials.expose_key());
    for date in [date.yesterday(), date, date.tomorrow()] {
        secrets.add(Signature::new(date, credentials).expose());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2016-10-23 00:00 in UTC+8.
    const MIDNIGHT: UnixSeconds = 1_477_152_000;

    fn credentials() -> Credentials {
        Credentials::new("jcloud_00".to_owned(), "e7a31b1c5ea0efa9aa2f29c6559f7d61".into())
    }

    #[test]
    fn the_documented_input_gives_its_digest_and_debug_hides_it() {
        let signature = Signature::new(SigningDate::from_unix(MIDNIGHT), &credentials());
        assert_eq!(signature.expose(), "a35685491fd80a80b40a718c3a5c5c56");
        assert_eq!(format!("{signature:?}"), "Signature(***)");
    }

    #[test]
    fn the_body_holds_the_parameters_the_account_and_its_signature_and_hides_them() {
        let mut parameters = Map::new();
        parameters.insert("domain".to_owned(), "www.a.com".into());
        let body = signed_body(parameters, &credentials(), SigningDate::from_unix(MIDNIGHT));
        let sent: Value = serde_json::from_str(body.expose_secret()).unwrap();
        assert_eq!(
            sent,
            serde_json::json!({
                "username": "jcloud_00",
                "signature": "a35685491fd80a80b40a718c3a5c5c56",
                "domain": "www.a.com",
            })
        );
        assert!(!format!("{body:?}").contains("a35685491fd80a80b40a718c3a5c5c56"));
    }

    #[test]
    fn the_date_changes_at_midnight_in_utc8() {
        let day = SigningDate::from_unix(MIDNIGHT);
        assert_eq!(day.to_string(), "20161023");
        assert_eq!(SigningDate::from_unix(MIDNIGHT + DAY_SECONDS - 1), day);
        assert_eq!(SigningDate::from_unix(MIDNIGHT - 1).to_string(), "20161022");
        assert!(SigningDate::from_unix(MIDNIGHT - 1) < day);
    }

    #[test]
    fn only_near_midnight_is_there_another_date_to_try() {
        let shown = |ts| SigningDate::neighbour_near_midnight(ts, 600).map(|date| date.to_string());
        assert_eq!(shown(MIDNIGHT).as_deref(), Some("20161022"));
        assert_eq!(shown(MIDNIGHT + 600).as_deref(), Some("20161022"));
        assert_eq!(shown(MIDNIGHT - 600).as_deref(), Some("20161023"));
        assert_eq!(shown(MIDNIGHT - 1).as_deref(), Some("20161023"));
        assert_eq!(shown(MIDNIGHT + 601), None);
        assert_eq!(shown(MIDNIGHT - 601), None);
    }

    #[test]
    fn an_absurd_moment_signs_instead_of_panicking() {
        for ts in [i64::MIN, i64::MAX] {
            assert_eq!(
                Signature::new(SigningDate::from_unix(ts), &credentials())
                    .expose()
                    .len(),
                32
            );
            assert!(SigningDate::neighbour_near_midnight(ts, 86_400).is_some());
        }
    }
}
