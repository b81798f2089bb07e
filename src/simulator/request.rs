//! A request of the API, parsed from its body and checked as the API checks it.

use std::collections::HashSet;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::account::Account;
use super::log::{LoggedRequest, RequestOutcome};
use super::settings::{Settings, SpanLimit};
use super::signature::expected_signature;
use super::time::{DAY, POINT_SECONDS, UTC8_SECONDS};
use crate::model::convert::to_usize;

const TIME_FORMAT: &str = "%Y-%m-%d %H:%M";

/// A request that passes every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedRequest {
    /// In lower case, in the order of the request, each once.
    pub(crate) domains: Vec<String>,
    /// The first second of the requested range.
    pub(crate) start: i64,
    /// The first second after the requested range.
    pub(crate) end: i64,
    /// The labels in this range are selected.
    pub(crate) labels: (i64, i64),
}

impl CheckedRequest {
    /// Returns the number of requested slots, summed over the domains.
    pub(crate) fn domain_slots(&self) -> usize {
        let slots = (self.labels.1 - self.labels.0 + POINT_SECONDS - 1) / POINT_SECONDS;
        to_usize(slots).saturating_mul(self.domains.len())
    }
}

/// Reads what the log and the fault rules need from a body, even if it fails the checks.
pub(crate) fn read_for_log(body: &[u8], sequence: u64, now: i64) -> LoggedRequest {
    let fields = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    };
    let field = |name: &str| fields.as_ref()?.get(name);
    let text = |name: &str| field(name)?.as_str();
    LoggedRequest {
        sequence,
        lists_domains: false,
        domains: text("domain").map(split_domains).unwrap_or_default(),
        start: text("start_time").and_then(parse_minute),
        end: match field("end_time") {
            None => fields.as_ref().map(|_| minute_end(now)),
            Some(end) => end.as_str().and_then(parse_minute).map(minute_end),
        },
        arrived_at: now,
        outcome: RequestOutcome::Answered(0),
    }
}

/// Checks a request: required parameters, formats, user, signature, order of the times, ownership and number of the
/// domains, span, retention. The error is the envelope status of the first check that fails.
///
/// The statuses are documented; the order of the checks is assumed.
pub(crate) fn check(
    body: &[u8],
    settings: &Settings,
    account: &Account,
    now: i64,
) -> Result<CheckedRequest, i64> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err(2);
    };
    let username = required(&fields, "username", 3)?;
    let signature = required(&fields, "signature", 4)?;
    let listed = split_domains(required(&fields, "domain", 12)?);
    let start = parse_minute(required(&fields, "start_time", 13)?).ok_or(14_i64)?;
    let end = match fields.get("end_time") {
        None => minute_end(now),
        Some(Value::String(end)) => minute_end(parse_minute(end).ok_or(14_i64)?),
        Some(_) => return Err(41),
    };

    proven(username, signature, settings, now)?;
    if start >= end {
        return Err(19);
    }
    let own = account
        .domains
        .iter()
        .map(|domain| domain.name.to_ascii_lowercase());
    let own: HashSet<String> = own.collect();
    if !listed.iter().all(|domain| own.contains(domain)) {
        return Err(18);
    }
    if listed.len() > account.max_domains() {
        return Err(22);
    }
    if let Some((days, status)) = settings.span_limit.map(SpanLimit::days_and_status)
        && end - start > days * DAY
    {
        return Err(status);
    }
    if settings
        .retention_seconds
        .is_some_and(|kept| start < now.saturating_sub(kept))
    {
        return Err(21);
    }

    let mut seen = HashSet::with_capacity(listed.len());
    let mut domains = listed;
    domains.retain(|domain| seen.insert(domain.clone()));
    Ok(CheckedRequest {
        domains,
        start,
        end,
        labels: settings.range_rule.labels(start, end),
    })
}

/// Checks the user, then the signature (documented).
pub(crate) fn proven(username: &str, signature: &str, settings: &Settings, now: i64) -> Result<(), i64> {
    if username != settings.username {
        return Err(20);
    }
    if signature != expected_signature(settings, now) {
        return Err(7);
    }
    Ok(())
}

/// Returns a text parameter. The error is `missing` when there is none or it is blank, and 41 when it is not text
/// (assumed).
pub(crate) fn required<'a>(fields: &'a Map<String, Value>, name: &str, missing: i64) -> Result<&'a str, i64> {
    match fields.get(name) {
        None | Some(Value::Null) => Err(missing),
        Some(Value::String(text)) if text.trim().is_empty() => Err(missing),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(41),
    }
}

/// Splits a list of host names, which have no case. A blank next to a comma stays part of the name, and no account owns
/// such a name.
fn split_domains(list: &str) -> Vec<String> {
    list.split(',').map(str::to_ascii_lowercase).collect()
}

/// Returns the Unix second at which `yyyy-MM-dd HH:mm` begins in UTC+8. The leading zeros are required.
fn parse_minute(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, TIME_FORMAT).ok()?;
    // chrono also accepts `2026-1-1 8:0` and signs.
    (time.format(TIME_FORMAT).to_string() == text).then(|| time.and_utc().timestamp() - UTC8_SECONDS)
}

/// Returns the end of the minute that contains `second`: the documented `12:59` ends a range whose last slot is 12:55.
fn minute_end(second: i64) -> i64 {
    second.saturating_sub(second.rem_euclid(60)).saturating_add(60)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// 2016-10-23 20:00 in UTC+8, on the day of the documented signature example.
    const NOW: i64 = 1_477_224_000;
    const DIGEST: &str = "a35685491fd80a80b40a718c3a5c5c56";

    fn body(changes: &[(&str, Value)]) -> Vec<u8> {
        let mut fields = serde_json::json!({
            "username": "jcloud_00",
            "signature": DIGEST,
            "domain": "www.a.com,www.b.com",
            "start_time": "2016-10-23 07:00",
            "end_time": "2016-10-23 12:59",
        });
        for (name, value) in changes {
            match value {
                Value::Null => fields.as_object_mut().unwrap().remove(*name),
                value => fields
                    .as_object_mut()
                    .unwrap()
                    .insert((*name).to_owned(), value.clone()),
            };
        }
        serde_json::to_vec(&fields).unwrap()
    }

    fn checked(body: &[u8], settings: &Settings, now: i64) -> Result<CheckedRequest, i64> {
        check(body, settings, &Account::new(settings), now)
    }

    fn status(changes: &[(&str, Value)]) -> i64 {
        checked(&body(changes), &Settings::default(), NOW)
            .err()
            .unwrap_or(0)
    }

    #[test]
    fn the_signature_is_good_for_its_day_in_utc8_and_no_other() {
        let midnight = 1_477_152_000;
        let status_at = |now| checked(&body(&[]), &Settings::default(), now).err();
        assert_eq!(status_at(midnight - 1), Some(7));
        assert_eq!(status_at(midnight), None);
        assert_eq!(status_at(midnight + DAY - 1), None);
        assert_eq!(status_at(midnight + DAY), Some(7));
    }

    #[test]
    fn the_last_minute_is_part_of_the_window() {
        let checked = checked(&body(&[]), &Settings::default(), NOW).unwrap();
        let expected = CheckedRequest {
            domains: vec!["www.a.com".to_owned(), "www.b.com".to_owned()],
            start: 1_477_177_200,
            end: 1_477_177_200 + 6 * 3_600,
            labels: (1_477_177_200, 1_477_177_200 + 6 * 3_600),
        };
        assert_eq!(checked, expected);
        assert_eq!(checked.domain_slots(), 2 * 72);
    }

    #[test]
    fn without_an_end_the_window_reaches_to_now() {
        let checked = checked(
            &body(&[("end_time", Value::Null)]),
            &Settings::default(),
            NOW + 59,
        );
        assert_eq!(checked.map(|request| request.end), Ok(NOW + 60));
    }

    #[test]
    fn each_parameter_has_its_own_code_when_missing_or_wrong() {
        assert_eq!(status(&[]), 0);
        for (name, code) in [
            ("username", 3),
            ("signature", 4),
            ("domain", 12),
            ("start_time", 13),
        ] {
            assert_eq!(status(&[(name, Value::Null)]), code, "{name}");
            assert_eq!(status(&[(name, "".into())]), code, "{name}");
            assert_eq!(status(&[(name, 5.into())]), 41, "{name}");
        }
        assert_eq!(status(&[("end_time", 5.into())]), 41);
        for body in [&b""[..], b"[]", b"null", b"{"] {
            assert_eq!(checked(body, &Settings::default(), NOW), Err(2));
        }
    }

    #[test]
    fn only_the_documented_time_format_is_understood() {
        for time in [
            "2016-10-23",
            "2016-10-23 7:00",
            "2016-10-23 07:00:00",
            "2016/10/23 07:00",
            "2016-10-23T07:00",
            "2016-10-23 24:00",
            "2016-02-30 07:00",
            "2016-10-23  07:00",
            " 2016-10-23 07:00",
            "20161023 07:00",
        ] {
            assert_eq!(status(&[("start_time", time.into())]), 14, "{time}");
            assert_eq!(status(&[("end_time", time.into())]), 14, "{time}");
        }
    }

    #[test]
    fn a_request_with_several_faults_reports_the_first_in_order() {
        assert_eq!(status(&[("username", "x".into()), ("signature", "x".into())]), 20);
        assert_eq!(
            status(&[
                ("signature", DIGEST.to_uppercase().into()),
                ("domain", "x".into())
            ]),
            7
        );
        assert_eq!(
            status(&[("start_time", "2016-10-23 13:00".into()), ("domain", "x".into())]),
            19
        );
        assert_eq!(status(&[("domain", "www.a.com,www.c.com".into())]), 18);
        assert_eq!(status(&[("domain", "www.a.com, www.b.com".into())]), 18);
        assert_eq!(status(&[("domain", "www.a.com,www.a.com,WWW.A.com".into())]), 22);
    }

    #[test]
    fn domains_have_no_case_and_come_once() {
        let checked = checked(
            &body(&[("domain", "WWW.B.com,www.b.COM".into())]),
            &Settings::default(),
            NOW,
        );
        assert_eq!(
            checked.map(|request| request.domains),
            Ok(vec!["www.b.com".to_owned()])
        );
    }

    #[test]
    fn a_window_of_exactly_the_limit_passes_and_a_minute_more_does_not() {
        for (limit, code) in [
            (SpanLimit::OneDay, 43),
            (SpanLimit::SevenDays, 42),
            (SpanLimit::ThirtyDays, 45),
            (SpanLimit::ThirtyOneDays, 44),
        ] {
            let settings = Settings {
                span_limit: Some(limit),
                ..Settings::default()
            };
            let from = |minutes: i64| {
                let first = 1_477_198_800 + UTC8_SECONDS - limit.days_and_status().0 * DAY - minutes * 60;
                let text = DateTime::from_timestamp(first, 0)
                    .unwrap()
                    .format(TIME_FORMAT)
                    .to_string();
                checked(&body(&[("start_time", text.into())]), &settings, NOW).err()
            };
            assert_eq!((from(0), from(1)), (None, Some(code)));
        }
    }

    #[test]
    fn a_limit_of_one_day_takes_a_calendar_day_and_no_slot_more() {
        let settings = Settings {
            span_limit: Some(SpanLimit::OneDay),
            ..Settings::default()
        };
        let refusal = |start: &str, end: &str| {
            let times = [("start_time", start.into()), ("end_time", end.into())];
            checked(&body(&times), &settings, NOW).err()
        };
        assert_eq!(refusal("2016-10-22 00:00", "2016-10-22 23:59"), None);
        assert_eq!(refusal("2016-10-22 00:00", "2016-10-23 00:04"), Some(43));
        assert_eq!(refusal("2016-10-21 23:55", "2016-10-22 23:59"), Some(43));
    }

    #[test]
    fn a_start_beyond_retention_is_refused() {
        let settings = |kept| Settings {
            retention_seconds: Some(kept),
            ..Settings::default()
        };
        let age = NOW - 1_477_177_200;
        assert_eq!(checked(&body(&[]), &settings(age), NOW).err(), None);
        assert_eq!(checked(&body(&[]), &settings(age - 1), NOW).err(), Some(21));
    }

    #[test]
    fn a_faulty_request_is_still_read_for_the_log() {
        let body = br#"{"domain":"A.com,b.com","start_time":"x","end_time":"2016-10-23 12:59"}"#;
        let logged = read_for_log(body, 1, NOW);
        assert_eq!(logged.domains, ["a.com", "b.com"]);
        assert_eq!(
            (logged.start, logged.end),
            (None, Some(1_477_177_200 + 6 * 3_600))
        );
        let unreadable = read_for_log(b"<", 1, NOW);
        assert_eq!(
            (unreadable.domains.len(), unreadable.start, unreadable.end),
            (0, None, None)
        );
    }
}
