//! Status codes of a domain by day and class.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Serialize;

use super::column::Exact;
use super::error::ReportError;
use super::scope::{Step, rollup_time};
use crate::model::{Span, civil, text};

/// The classes, in the order of the page.
pub const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];
/// The most codes that are listed by themselves.
pub const CODES: usize = 100;
/// How much of a code is shown; codes are texts of the server.
const SHOWN_CODE: usize = 40;

/// Requests by class and bucket: `null` where no code was reported, a class left out where all are 0.
pub type Classes = BTreeMap<&'static str, Vec<Option<i64>>>;

/// Requests by code, summed over the days of the report, of one domain.
pub type Codes = BTreeMap<(String, String), i64>;

/// A code and its requests, by domain in the order of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeRow {
    /// The code.
    pub code: String,
    /// Its class.
    pub class: String,
    /// Requests by domain.
    pub requests: Vec<Exact>,
}

/// The status codes of `domain`.
pub fn read(
    connection: &Connection,
    domain: &str,
    span: Span,
    step: Step,
) -> Result<(Classes, Codes), ReportError> {
    let mut buckets: Vec<Option<[i64; CLASSES.len()]>> = vec![None; step.buckets(span)];
    let mut codes = Codes::new();
    let mut select = connection.prepare_cached(
        "SELECT date_cst, class, code, requests FROM origin_status_daily
         WHERE domain = ?1 AND date_cst >= ?2 AND date_cst < ?3",
    )?;
    let mut rows = select.query((domain, civil::cst_date(span.start()), civil::cst_date(span.end())))?;
    let mut last = (String::new(), 0);
    while let Some(row) = rows.next()? {
        let day = row.get_ref(0)?.as_str().unwrap_or_default();
        if day != last.0 {
            last = (day.to_owned(), rollup_time("origin_status_daily", day)?);
        }
        let (class, code): (String, String) = (row.get(1)?, row.get(2)?);
        let requests: i64 = row.get(3)?;
        let at = step.bucket(span, last.1);
        if let Some(bucket) = at.and_then(|at| buckets.get_mut(at)) {
            let counts = bucket.get_or_insert_default();
            let place = CLASSES.iter().position(|known| *known == class);
            if let Some(count) = counts.get_mut(place.unwrap_or(CLASSES.len() - 1)) {
                *count = count.saturating_add(requests);
            }
        }
        let sum = codes.entry((class, code)).or_default();
        *sum = sum.saturating_add(requests);
    }
    let mut classes = Classes::new();
    for (place, class) in CLASSES.into_iter().enumerate() {
        let of = |counts: [i64; CLASSES.len()]| counts.get(place).copied().unwrap_or(0);
        let column: Vec<Option<i64>> = buckets.iter().map(|bucket| bucket.map(of)).collect();
        if column.iter().any(|count| count.is_some_and(|count| count > 0)) {
            classes.insert(class, column);
        }
    }
    Ok((classes, codes))
}

/// The codes of all domains beside each other, those with the most requests, and how many were left out.
#[must_use]
pub fn beside(domains: &[Codes]) -> (Vec<CodeRow>, usize) {
    let mut sums: BTreeMap<&(String, String), i64> = BTreeMap::new();
    for (key, requests) in domains.iter().flatten() {
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add(*requests);
    }
    let mut order: Vec<_> = sums.into_iter().collect();
    order.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let left_out = order.len().saturating_sub(CODES);
    order.truncate(CODES);
    let rows = order.into_iter().map(|(key, _)| CodeRow {
        code: text::shorten(&key.1, SHOWN_CODE),
        class: key.0.clone(),
        requests: domains
            .iter()
            .map(|codes| Exact(codes.get(key).copied().unwrap_or(0)))
            .collect(),
    });
    (rows.collect(), left_out)
}
