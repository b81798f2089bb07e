//! The record of restatements, and what it should hold.

use std::collections::BTreeMap;

use jdcdn_stats::simulator::{Truth, TruthPoint};
use rusqlite::Connection;

/// What a later answer changed of a point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) domain: String,
    pub(crate) ts: i64,
    pub(crate) detected_at: i64,
    pub(crate) age_seconds: i64,
    pub(crate) bandwidth: (i64, i64),
    pub(crate) pv: (i64, i64),
    /// As JSON; none where they stayed the same.
    pub(crate) codes: Option<(String, String)>,
}

/// The recorded changes, in the order of domain, time and detection.
pub(crate) fn recorded(database: &Connection) -> Vec<Change> {
    let mut select = database
        .prepare(
            "SELECT domain, ts, detected_at, age_seconds, bandwidth_before, bandwidth_after, pv_before, pv_after,
                    codes_before, codes_after
             FROM origin_restatements ORDER BY domain, ts, detected_at",
        )
        .unwrap();
    let changes = select.query_map([], |row| {
        let codes: (Option<String>, Option<String>) = (row.get(8)?, row.get(9)?);
        Ok(Change {
            domain: row.get(0)?,
            ts: row.get(1)?,
            detected_at: row.get(2)?,
            age_seconds: row.get(3)?,
            bandwidth: (row.get(4)?, row.get(5)?),
            pv: (row.get(6)?, row.get(7)?),
            codes: codes.0.zip(codes.1),
        })
    });
    changes.unwrap().map(Result::unwrap).collect()
}

/// The change of a slot between the answer at `earlier` and the one at `later`.
pub(crate) fn visible(truth: Truth, domain: &str, slot: i64, earlier: i64, later: i64) -> Option<Change> {
    let truth = truth.domain(domain);
    let (before, after) = (truth.point(slot, earlier)?, truth.point(slot, later)?);
    (before != after).then(|| Change {
        domain: domain.to_owned(),
        ts: slot,
        detected_at: later,
        age_seconds: later - slot,
        bandwidth: (before.bandwidth, after.bandwidth),
        pv: (before.pv, after.pv),
        codes: (before.codes != after.codes).then(|| (json(&before, &after), json(&after, &before))),
    })
}

/// The counts above zero, and the zeros of codes that the other does not report, in the order of their text.
fn json(point: &TruthPoint, other: &TruthPoint) -> String {
    let known = |code: &str| other.codes.iter().any(|(other, _)| *other == code);
    let shown: BTreeMap<_, _> = point
        .codes
        .iter()
        .filter(|(code, count)| *count > 0 || !known(code))
        .copied()
        .collect();
    serde_json::to_string(&shown).unwrap()
}
