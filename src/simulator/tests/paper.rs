//! Answers without a socket: built from a request, distorted by a fault, parsed again.

use serde_json::{Value, json};

use super::super::answer::AnswerData;
use super::super::request::CheckedRequest;
use super::super::time::POINT_SECONDS;
use super::super::{DataFault, RowShape, Settings, Truth};

/// 2026-01-05 00:00 in UTC+8.
pub(super) const START: i64 = 1_767_542_400;
pub(super) const LATER: i64 = START + 30 * 86_400;
pub(super) const A: &str = "www.a.com";
pub(super) const B: &str = "www.b.com";

/// A request for both domains that begins at slot `from` after [`START`].
pub(super) fn request_from(from: i64, slots: i64, settings: &Settings) -> CheckedRequest {
    let (start, end) = (
        START + from * POINT_SECONDS,
        START + (from + slots) * POINT_SECONDS,
    );
    CheckedRequest {
        domains: vec![A.to_owned(), B.to_owned()],
        start,
        end,
        labels: settings.range_rule.labels(start, end),
    }
}

/// The text of the answer to `request`.
pub(super) fn text(
    request: &CheckedRequest,
    settings: &Settings,
    now: i64,
    fault: Option<&DataFault>,
) -> String {
    let truth = settings.truth();
    let mut answer = AnswerData::new(request, settings, truth, now);
    if let Some(fault) = fault {
        answer.distort(fault, request, truth);
    }
    String::from_utf8(answer.body(RowShape::Arrays)).unwrap()
}

/// The answer to a request for the first `slots` slots.
pub(super) fn answer_under(settings: &Settings, slots: i64) -> Value {
    let text = text(&request_from(0, slots, settings), settings, LATER, None);
    serde_json::from_str(&text).unwrap()
}

pub(super) fn answer(slots: i64, now: i64) -> Value {
    let settings = Settings::default();
    let text = text(&request_from(0, slots, &settings), &settings, now, None);
    serde_json::from_str(&text).unwrap()
}

pub(super) fn distorted_text(slots: i64, fault: &DataFault) -> String {
    let settings = Settings::default();
    text(&request_from(0, slots, &settings), &settings, LATER, Some(fault))
}

pub(super) fn distorted(slots: i64, fault: &DataFault) -> Value {
    serde_json::from_str(&distorted_text(slots, fault)).unwrap()
}

pub(super) fn expected_row(domain: &str, slot: i64) -> Value {
    let point = Truth::new(1).final_point(domain, slot).unwrap();
    let codes: serde_json::Map<_, _> = point
        .codes
        .iter()
        .map(|(code, n)| ((*code).to_owned(), (*n).into()))
        .collect();
    json!([point.ts, point.bandwidth, point.pv, codes])
}

/// The slots, counted from [`START`], of the domain at this position.
pub(super) fn times(answer: &Value, domain: usize) -> Vec<i64> {
    let rows = answer["data"][domain]["data"].as_array().unwrap();
    rows.iter()
        .map(|row| (row[0].as_i64().unwrap() - START) / POINT_SECONDS)
        .collect()
}

pub(super) fn names(answer: &Value) -> Vec<&str> {
    let domains = answer["data"].as_array().unwrap().iter();
    domains.map(|entry| entry["domain"].as_str().unwrap()).collect()
}
