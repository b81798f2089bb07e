//! The status codes of a domain, by day and class.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::error::ReportError;
use super::number::Exact;
use super::scope::{Step, rollup_time};
use crate::model::{Span, civil, text};
use crate::store::Reader;

/// The classes, in the order of the page.
pub const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];
/// The most codes that are listed by themselves.
pub const CODES: usize = 100;
/// How many characters of a code are shown. Codes are texts of the server.
const SHOWN_CODE: usize = 40;
/// How many characters of a meaning are shown.
const SHOWN_MEANING: usize = 200;

/// Requests by class and bucket. `null` where no code was reported. A class is left out where all values are 0.
pub type ClassSeries = BTreeMap<&'static str, Vec<Option<i64>>>;

/// Requests of one domain by class and code, summed over the days of the report.
pub type CodeTotals = BTreeMap<(String, String), i64>;

/// A code and its requests, by domain in the order of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeRow {
    /// The code.
    pub code: String,
    /// Its class.
    pub class: String,
    /// What it means; empty if the database does not say.
    pub meaning: String,
    /// Requests by domain.
    pub requests: Vec<Exact>,
}

/// What the database says about a code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeText {
    meaning: String,
    origin_error: bool,
}

/// What the database says about each code.
pub type CodeTexts = BTreeMap<String, CodeText>;

/// Reads what the database says about the codes.
pub(super) fn texts(reader: &Reader) -> Result<CodeTexts, ReportError> {
    let mut texts = CodeTexts::new();
    reader.each::<ReportError>(
        "SELECT code, meaning, origin_error FROM origin_codes",
        [],
        |row| {
            let text = CodeText {
                meaning: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                origin_error: row.get(2)?,
            };
            texts.insert(row.get(0)?, text);
            Ok(())
        },
    )?;
    Ok(texts)
}

/// Returns the requests that ended with an origin error.
#[must_use]
pub fn origin_errors(totals: &CodeTotals, texts: &CodeTexts) -> i64 {
    let is_error = |code: &str| texts.get(code).is_some_and(|text| text.origin_error);
    let errors = totals.iter().filter(|((_, code), _)| is_error(code));
    errors.fold(0, |sum, (_, requests)| sum.saturating_add(*requests))
}

/// Reads the status codes of `domain`.
pub(super) fn read(
    reader: &Reader,
    domain: &str,
    span: Span,
    step: Step,
) -> Result<(ClassSeries, CodeTotals), ReportError> {
    let mut buckets: Vec<Option<[i64; CLASSES.len()]>> = vec![None; step.buckets(span)];
    let mut totals = CodeTotals::new();
    let (from, to) = (civil::cst_date(span.start()), civil::cst_date(span.end()));
    // A day has a row for every code, and is read once.
    let mut last = (String::new(), 0);
    reader.each::<ReportError>(
        "SELECT date_cst, class, code, requests FROM origin_status_daily
         WHERE domain = ?1 AND date_cst >= ?2 AND date_cst < ?3",
        (domain, from, to),
        |row| {
            let day = row.get_ref(0)?;
            if day.as_str().ok() != Some(&last.0) {
                let ts = rollup_time("origin_status_daily", day)?;
                last = (day.as_str().unwrap_or_default().to_owned(), ts);
            }
            let (class, code): (String, String) = (row.get(1)?, row.get(2)?);
            let requests: i64 = row.get(3)?;
            if let Some(bucket) = step.bucket(span, last.1).and_then(|at| buckets.get_mut(at)) {
                let place = CLASSES.iter().position(|known| *known == class);
                let count = bucket
                    .get_or_insert_default()
                    .get_mut(place.unwrap_or(CLASSES.len() - 1));
                add(count, requests);
            }
            add(Some(totals.entry((class, code)).or_default()), requests);
            Ok(())
        },
    )?;
    let mut classes = ClassSeries::new();
    for (place, class) in CLASSES.into_iter().enumerate() {
        let of = |counts: [i64; CLASSES.len()]| counts.get(place).copied().unwrap_or(0);
        let column: Vec<Option<i64>> = buckets.iter().map(|bucket| bucket.map(of)).collect();
        if column.iter().any(|count| count.is_some_and(|count| count > 0)) {
            classes.insert(class, column);
        }
    }
    Ok((classes, totals))
}

/// Returns the codes with the most requests, each with its requests by domain, and how many codes were left out.
#[must_use]
pub fn by_domain(domains: &[CodeTotals], texts: &CodeTexts) -> (Vec<CodeRow>, usize) {
    let mut sums: BTreeMap<&(String, String), i64> = BTreeMap::new();
    for (key, requests) in domains.iter().flatten() {
        add(Some(sums.entry(key).or_default()), *requests);
    }
    let mut order: Vec<_> = sums.into_iter().collect();
    order.sort_by_key(|(_, sum)| Reverse(*sum));
    let left_out = order.len().saturating_sub(CODES);
    let rows = order.into_iter().take(CODES).map(|(key, _)| CodeRow {
        code: text::shorten(&key.1, SHOWN_CODE),
        class: key.0.clone(),
        meaning: texts
            .get(&key.1)
            .map_or_else(String::new, |text| text::shorten(&text.meaning, SHOWN_MEANING)),
        requests: domains
            .iter()
            .map(|codes| Exact(codes.get(key).copied().unwrap_or(0)))
            .collect(),
    });
    (rows.collect(), left_out)
}

fn add(sum: Option<&mut i64>, requests: i64) {
    if let Some(sum) = sum {
        *sum = sum.saturating_add(requests);
    }
}
