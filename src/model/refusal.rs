//! Refusals: ranges that the API does not serve, and when they are asked for again.

use super::domain::Domain;
use super::slot::{DAY_SECONDS, HOUR_SECONDS, UnixSeconds, cst_day_floor};
use super::span::Span;

/// A range of a domain that the API refused to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The domain.
    pub domain: Domain,
    /// The range.
    pub span: Span,
    /// The status of the answers.
    pub status: i64,
    /// When a part of it was refused first.
    pub first_at: UnixSeconds,
    /// When a part of it was refused last.
    pub last_at: UnixSeconds,
    /// How many runs were refused.
    pub times: u32,
    /// On how many days of UTC+8 it was refused while newer slots were served.
    pub days: u32,
    /// When it is asked for again.
    pub next_at: UnixSeconds,
}

/// A stored refusal of one domain and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The range.
    pub span: Span,
    /// When a part of it was refused first.
    pub first_at: UnixSeconds,
    /// When a part of it was refused last.
    pub last_at: UnixSeconds,
    /// How many runs were refused.
    pub times: u32,
    /// On how many days of UTC+8 it was refused while newer slots were served.
    pub days: u32,
    /// The last of these days, by its midnight.
    pub last_day: Option<UnixSeconds>,
    /// The run that was refused last.
    pub run: i64,
}

/// A range that was refused just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occasion {
    /// The range.
    pub span: Span,
    /// When.
    pub at: UnixSeconds,
    /// Newer slots were served.
    pub newer_served: bool,
    /// The run that was refused.
    pub run: i64,
}

impl Record {
    /// Returns the record of a range that was not refused before.
    #[must_use]
    pub fn new(occasion: &Occasion) -> Self {
        Self {
            span: occasion.span,
            first_at: occasion.at,
            last_at: occasion.at,
            times: 1,
            days: u32::from(occasion.newer_served),
            last_day: occasion.newer_served.then(|| cst_day_floor(occasion.at)),
            run: occasion.run,
        }
    }

    /// Returns when the range is asked for again.
    #[must_use]
    pub fn next_at(&self) -> UnixSeconds {
        self.last_at + wait_after(self.times)
    }

    fn touches(&self, span: Span) -> bool {
        self.span.start() <= span.end() && span.start() <= self.span.end()
    }

    /// Returns this record with what `other` says of a range that overlaps or touches it.
    fn joined(&self, other: &Self) -> Self {
        let (start, end) = (
            self.span.start().min(other.span.start()),
            self.span.end().max(other.span.end()),
        );
        let latest = if other.last_at > self.last_at { other } else { self };
        Self {
            span: Span::new(start, end).unwrap_or(self.span),
            first_at: self.first_at.min(other.first_at),
            last_at: latest.last_at,
            times: self.times.max(other.times),
            days: self.days.max(other.days),
            last_day: self.last_day.max(other.last_day),
            run: self.run.max(other.run),
        }
    }
}

/// Returns how long, in seconds, a range is not asked for after it was refused in `times` runs. The first refusal may
/// be wrong, so the next run asks again. Later it costs at most one request a day.
#[must_use]
pub const fn wait_after(times: u32) -> i64 {
    match times {
        0 | 1 => 0,
        2 => HOUR_SECONDS,
        3 => 6 * HOUR_SECONDS,
        _ => DAY_SECONDS,
    }
}

/// `known`, the records of one domain and status, with an occasion added: what it overlaps or touches becomes one
/// record.
///
/// However often a run is refused, it counts once. Otherwise a window that was asked for in pieces would be left
/// alone for a day after a single bad moment of the service.
#[must_use]
pub fn refused(known: &[Record], occasion: &Occasion) -> Vec<Record> {
    let (touched, mut records): (Vec<_>, Vec<_>) =
        known.iter().partition(|record| record.touches(occasion.span));
    let fresh = Record::new(occasion);
    let merged = touched
        .into_iter()
        .reduce(|one: Record, other| one.joined(&other));
    let record = merged.map_or(fresh, |before| {
        let another_run = before.run != occasion.run;
        let another_day = fresh.last_day.is_some_and(|day| Some(day) > before.last_day);
        Record {
            times: before.times.saturating_add(u32::from(another_run)),
            days: before.days.saturating_add(u32::from(another_day)),
            last_at: occasion.at,
            run: occasion.run,
            ..before.joined(&fresh)
        }
    });
    records.push(record);
    records.sort_by_key(|record| record.span);
    records
}

/// `known` without `span`, which was answered for.
#[must_use]
pub fn served(known: &[Record], span: Span) -> Vec<Record> {
    let mut records = Vec::with_capacity(known.len() + 1);
    for record in known {
        let before = Span::new(record.span.start(), record.span.end().min(span.start()));
        let after = Span::new(record.span.start().max(span.end()), record.span.end());
        let pieces = before.into_iter().chain(after);
        records.extend(pieces.map(|span| Record { span, ..*record }));
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_ONE: UnixSeconds = 1_568_476_800;

    fn span(start: i64, end: i64) -> Span {
        Span::new(start * 300, end * 300).unwrap()
    }

    fn occasion(start: i64, end: i64, run: i64, at: UnixSeconds) -> Occasion {
        Occasion {
            span: span(start, end),
            at,
            newer_served: true,
            run,
        }
    }

    #[test]
    fn a_range_is_asked_for_at_the_next_run_then_after_an_hour_six_hours_and_once_a_day() {
        let mut records = Vec::new();
        let mut waits = Vec::new();
        for run in 1..=5 {
            let at = DAY_ONE + run * 10;
            records = refused(&records, &occasion(0, 12, run, at));
            waits.push(records[0].next_at() - at);
        }
        assert_eq!(waits, [0, 3_600, 21_600, 86_400, 86_400]);
        assert_eq!((records.len(), records[0].first_at), (1, DAY_ONE + 10));
    }

    #[test]
    fn a_run_counts_once_however_many_pieces_of_a_window_are_refused() {
        let mut records = Vec::new();
        for piece in 0..7 {
            records = refused(&records, &occasion(piece, piece + 1, 1, DAY_ONE + piece));
        }
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].span, records[0].times), (span(0, 7), 1));
        assert_eq!(records[0].next_at(), DAY_ONE + 6);
    }

    #[test]
    fn days_are_those_of_utc8_on_which_newer_slots_were_served() {
        let mut records = Vec::new();
        for (run, at, newer_served, days) in [
            (1, 0, true, 1),
            (2, 86_399, true, 1),
            (3, 86_400, false, 1),
            (4, 86_400, true, 2),
            (5, 50_000, true, 2),
            (6, 10 * 86_400, true, 3),
        ] {
            let occasion = Occasion {
                newer_served,
                ..occasion(0, 1, run, DAY_ONE + at)
            };
            records = refused(&records, &occasion);
            assert_eq!(records[0].days, days, "run {run}");
        }
    }

    #[test]
    fn what_overlaps_or_touches_becomes_one_and_what_lies_apart_stays() {
        let mut records = Vec::new();
        for (start, end) in [(0, 2), (4, 6), (9, 10)] {
            records = refused(&records, &occasion(start, end, 1, DAY_ONE));
        }
        records = refused(&records, &occasion(2, 5, 2, DAY_ONE + 50));
        let spans: Vec<_> = records.iter().map(|record| (record.span, record.times)).collect();
        assert_eq!(spans, [(span(0, 6), 2), (span(9, 10), 1)]);
    }

    #[test]
    fn an_answer_cuts_its_range_out() {
        let records = refused(&[], &occasion(0, 10, 1, DAY_ONE));
        let left = served(&records, span(3, 4));
        assert_eq!(
            left,
            [
                Record {
                    span: span(0, 3),
                    ..records[0]
                },
                Record {
                    span: span(4, 10),
                    ..records[0]
                }
            ]
        );
        assert_eq!(served(&records, span(10, 12)), records);
        assert!(served(&left, span(0, 99)).is_empty());
    }
}
