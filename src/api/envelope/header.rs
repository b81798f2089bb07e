//! Reads the headers of an answer: the server's time, how long to wait, where a redirect points, whether it is simulated.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::Url;
use reqwest::header::{DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};

use crate::model::convert::to_u64;
use crate::model::data_source::SIMULATOR_HEADER;
use crate::model::{DataSource, UnixSeconds, text};
use crate::redact::Secrets;

/// The longest pause that a server can ask for.
const MAX_RETRY_AFTER_SECONDS: u64 = 300;

/// Returns the server's time.
pub(super) fn date(headers: &HeaderMap) -> Option<UnixSeconds> {
    moment(headers.get(DATE)?)
}

/// Returns whether the simulator has marked the answer as its own.
pub(super) fn source(headers: &HeaderMap) -> DataSource {
    if headers.contains_key(SIMULATOR_HEADER) {
        DataSource::Simulator
    } else {
        DataSource::Api
    }
}

/// Returns how long the server asks to wait, in seconds or until a moment, at most [`MAX_RETRY_AFTER_SECONDS`].
/// `None` for anything that is not exactly one such value.
pub(super) fn retry_after(headers: &HeaderMap, now: UnixSeconds) -> Option<Duration> {
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let text = value.to_str().ok()?.trim();
    let seconds = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().unwrap_or(u64::MAX)
    } else {
        // A moment that has passed asks for no wait.
        to_u64(moment(value)?.saturating_sub(now))
    };
    Some(Duration::from_secs(seconds.min(MAX_RETRY_AFTER_SECONDS)))
}

/// Returns the host that a redirect from `asked` points to, safe to print; empty where that cannot be read. The path
/// and query can be anything and are not shown. A host has no capitals, and a secret in it has none either.
pub(super) fn redirect_host(headers: &HeaderMap, asked: &Url, secrets: &Secrets) -> String {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    location
        .and_then(|location| asked.join(location).ok())
        .and_then(|url| {
            url.host_str()
                .map(|host| text::printable(&secrets.redacted(host)))
        })
        .unwrap_or_default()
}

/// Returns the moment in an HTTP date, which is not before 1970.
fn moment(value: &HeaderValue) -> Option<UnixSeconds> {
    let time = httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wed, 21 Oct 2015 07:28:00 GMT.
    const NOW: UnixSeconds = 1_445_412_480;

    fn wait(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        retry_after(&headers, NOW).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_moment_and_never_exceeds_five_minutes() {
        assert_eq!(wait(&["0"]), Some(0));
        assert_eq!(wait(&["120"]), Some(120));
        assert_eq!(wait(&["301"]), Some(300));
        assert_eq!(wait(&["99999999999999999999999999"]), Some(300));
        assert_eq!(wait(&["Wed, 21 Oct 2015 07:28:30 GMT"]), Some(30));
        assert_eq!(wait(&["Wed, 21 Oct 2015 07:27:30 GMT"]), Some(0));
        assert_eq!(wait(&["Wed, 21 Oct 2099 07:28:00 GMT"]), Some(300));
    }

    #[test]
    fn a_wait_that_cannot_be_read_is_none() {
        for junk in [
            "",
            "soon",
            "-1",
            "1e20",
            "1.5",
            "+5",
            "5 s",
            "\u{e9}",
            "Wed, 99 Oct 2015 07:28:00 GMT",
        ] {
            assert_eq!(wait(&[junk]), None, "{junk}");
        }
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&["5", "5"]), None);
    }

    #[test]
    fn a_redirect_shows_its_host_alone() {
        let asked = Url::parse("https://a.com/api/origin").unwrap();
        let host = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
            redirect_host(&headers, &asked, &Secrets::new(["E7A31b1c5ea0efa9"]))
        };
        assert_eq!(host("https://me:pw@evil.example:8080/steal?x=1"), "evil.example");
        assert_eq!(host("/login"), "a.com");
        assert_eq!(host("https://"), "");
        assert_eq!(
            host("https://x.e7a31B1c5ea0%65fa9.evil.example"),
            "x.****************.evil.example"
        );
        assert_eq!(redirect_host(&HeaderMap::new(), &asked, &Secrets::default()), "");
    }
}
