//! The covered and the requested ranges, and whether the covered ones are true.
//!
//! A request is sent two slots wider than its window before it and one behind it; the points there are not taken.

use std::collections::BTreeMap;

use jdcdn_stats::simulator::{LoggedRequest, Truth};
use rusqlite::Connection;

use crate::oracle::{assert_sound, row_of, stored};

/// Half-open ranges of Unix seconds by domain, in order.
pub(crate) type Ranges = BTreeMap<String, Vec<(i64, i64)>>;

/// A run that broke off has stored exactly the truth at `asked_at` in the covered ranges, and nothing outside.
/// Returns the covered ranges.
#[track_caller]
pub(crate) fn assert_covered_is_true(database: &Connection, truth: Truth, asked_at: i64) -> Ranges {
    if database.table_exists(None, "coverage").unwrap() {
        assert_sound(database);
        let covered = covered_ranges(database);
        assert_holds(database, truth, &covered, asked_at);
        return covered;
    }
    let check: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    Ranges::new()
}

/// The covered ranges of every domain.
pub(crate) fn covered_ranges(database: &Connection) -> Ranges {
    let mut ranges = Ranges::new();
    let mut select = database
        .prepare(
            "SELECT d.name, c.start_ts, c.end_ts FROM domain d JOIN coverage c ON c.domain_id = d.id
             WHERE c.reached IS NOT NULL ORDER BY 1, 2",
        )
        .unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let range = (row.get(1).unwrap(), row.get(2).unwrap());
        ranges.entry(row.get(0).unwrap()).or_default().push(range);
    }
    ranges
}

/// What `request`, which no failure came before, was made for.
pub(crate) fn window_of(request: &LoggedRequest) -> (i64, i64) {
    (request.start.unwrap() + 600, request.end.unwrap() - 300)
}

/// The windows that were asked for, as [`covered_ranges`] would show them.
pub(crate) fn asked_ranges(requests: &[LoggedRequest]) -> Ranges {
    let mut ranges = Ranges::new();
    for request in requests {
        for domain in &request.domains {
            let range = window_of(request);
            ranges.entry(domain.clone()).or_default().push(range);
        }
    }
    for ranges in ranges.values_mut() {
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let joined = next.0 <= last.1;
            if joined {
                last.1 = last.1.max(next.1);
            }
            joined
        });
    }
    ranges
}

/// None of `requests` asks for anything that is `covered`.
#[track_caller]
pub(crate) fn assert_none_asks_for(covered: &Ranges, requests: &[LoggedRequest]) {
    for request in requests {
        let (start, end) = window_of(request);
        for domain in &request.domains {
            for range in covered.get(domain).into_iter().flatten() {
                assert!(
                    end <= range.0 || range.1 <= start,
                    "{domain} was asked for {start} to {end}, though {range:?} is covered"
                );
            }
        }
    }
}

/// In these ranges of the domains the points are those that were true at `asked_at`, and there are no others.
#[track_caller]
fn assert_holds(database: &Connection, truth: Truth, ranges: &Ranges, asked_at: i64) {
    let mut expected = 0;
    for (domain, ranges) in ranges {
        let stored = stored(database, domain);
        let mut seen = 0;
        for (from, to) in ranges {
            for point in truth.domain(domain).points(*from, *to, asked_at) {
                let row = stored.get(&point.ts);
                assert_eq!(row, Some(&row_of(&point)), "{domain} at {}", point.ts);
                seen += 1;
            }
        }
        assert_eq!(stored.len(), seen, "{domain} holds points that are not true");
        expected += i64::try_from(seen).unwrap();
    }
    let all: i64 = database
        .query_row("SELECT count(*) FROM point", [], |row| row.get(0))
        .unwrap();
    assert_eq!(all, expected, "points of domains that were not asked for");
}
