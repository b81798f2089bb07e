//! The signature of a request, as documented.

use std::fmt::Write as _;

use chrono::DateTime;
use md5::{Digest as _, Md5};
use secrecy::ExposeSecret as _;

use super::settings::Settings;
use super::time::UTC8_SECONDS;

/// Returns the signature of a request on the day of `now`: the MD5 of date, user name and key, without separators, in
/// lower-case hexadecimal digits (documented). The date is inferred to be that of UTC+8.
pub(crate) fn expected_signature(settings: &Settings, now: i64) -> String {
    let date = DateTime::from_timestamp(now.saturating_add(UTC8_SECONDS), 0)
        .map(|time| time.format("%Y%m%d").to_string())
        .unwrap_or_default();
    sign(&date, &settings.username, settings.secret_key.expose_secret())
}

pub(crate) fn sign(date: &str, username: &str, key: &str) -> String {
    let digest = Md5::new()
        .chain_update(date)
        .chain_update(username)
        .chain_update(key)
        .finalize();
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_signature_example_has_its_digest() {
        assert_eq!(
            sign("20161023", "jcloud_00", "e7a31b1c5ea0efa9aa2f29c6559f7d61"),
            "a35685491fd80a80b40a718c3a5c5c56"
        );
    }
}
