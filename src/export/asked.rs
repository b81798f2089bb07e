//! How many slots of each day were asked for.
//!
//! The 95 rule counts them, and the mean of the daily peaks counts the days. The database keeps ranges; engines find it
//! easier to add up days.

use std::collections::BTreeMap;

use super::table::{Cell, Column, ColumnKind, FileTable};
use crate::model::slot::{CST_OFFSET_SECONDS, DAY_SECONDS, cst_day_floor};
use crate::model::{Span, UnixSeconds, civil};
use crate::store::PublicColumn;

use super::relation::ExportedRelation;

/// The ranges of slots that were asked for in a month, by domain and time. Those of a domain do not overlap.
pub(super) type AskedRanges = Vec<(String, Span)>;

/// Returns the table of a relation of asked days.
pub(super) fn table(relation: ExportedRelation) -> Option<FileTable> {
    let column = |name: &str, declared: &str| PublicColumn {
        name: name.to_owned(),
        declared: declared.to_owned(),
    };
    let mut columns = vec![column("date_cst", "DATE"), column("slots", "BIGINT")];
    if relation == ExportedRelation::Asked {
        columns.insert(0, column("domain", "TEXT"));
    }
    FileTable::new(relation, columns)
}

/// Cuts ranges at the months. Ranges come by domain and time; those that touch become one.
pub(super) fn by_month(ranges: impl IntoIterator<Item = (String, Span)>) -> BTreeMap<String, AskedRanges> {
    let mut joined: AskedRanges = Vec::new();
    for (domain, range) in ranges {
        match joined.last_mut() {
            Some((last, before)) if *last == domain && before.end() == range.start() => {
                if let Some(both) = Span::new(before.start(), range.end()) {
                    *before = both;
                }
            }
            _ => joined.push((domain, range)),
        }
    }
    let mut months: BTreeMap<String, AskedRanges> = BTreeMap::new();
    for (domain, range) in joined {
        let mut start = range.start();
        while let Some((_, end)) = civil::cst_month_bounds(start).filter(|_| start < range.end()) {
            if let Some(piece) = Span::new(start, end.min(range.end())) {
                let month = months.entry(civil::cst_month(start)).or_default();
                month.push((domain.clone(), piece));
            }
            start = end;
        }
    }
    months
}

/// Returns the asked days of each domain, or of the account, with their slots, in order.
pub(super) fn days(relation: ExportedRelation, asked: &[(String, Span)]) -> Vec<(&str, UnixSeconds, i64)> {
    let mut ranges: Vec<(&str, Span)> = asked
        .iter()
        .map(|(domain, range)| (domain.as_str(), *range))
        .collect();
    if relation == ExportedRelation::AccountAsked {
        ranges = union(ranges.into_iter().map(|(_, range)| range).collect());
    }
    let mut days: Vec<(&str, UnixSeconds, i64)> = Vec::new();
    for (domain, range) in ranges {
        let mut midnight = cst_day_floor(range.start());
        while midnight < range.end() {
            let day = Span::new(midnight, midnight + DAY_SECONDS).and_then(|day| day.intersect(&range));
            let slots = day.map_or(0, |day| day.slots());
            match days.last_mut() {
                Some((last, day, sum)) if *last == domain && *day == midnight => *sum += slots,
                _ => days.push((domain, midnight, slots)),
            }
            midnight += DAY_SECONDS;
        }
    }
    days
}

/// Joins the ranges of all domains.
fn union(mut ranges: Vec<Span>) -> Vec<(&'static str, Span)> {
    ranges.sort_by_key(|range| (range.start(), range.end()));
    let mut joined: Vec<(&'static str, Span)> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some((_, last)) if range.start() <= last.end() => {
                if let Some(both) = Span::new(last.start(), last.end().max(range.end())) {
                    *last = both;
                }
            }
            _ => joined.push(("", range)),
        }
    }
    joined
}

/// Returns the cells of a row.
pub(super) fn cells<'r>(
    table: &FileTable,
    (domain, midnight, slots): (&'r str, UnixSeconds, i64),
) -> Vec<Cell<'r>> {
    let day = (midnight + CST_OFFSET_SECONDS) / DAY_SECONDS;
    let cell = |column: &Column| match column.kind {
        ColumnKind::Text => Cell::Text(domain),
        ColumnKind::Date => i32::try_from(day).map_or(Cell::Null, Cell::Date),
        _ => Cell::Integer(slots),
    };
    table.columns.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUNE: UnixSeconds = 1_780_243_200; // 2026-06-01 00:00 in UTC+8

    fn range(domain: &str, from: i64, to: i64) -> (String, Span) {
        (
            domain.to_owned(),
            Span::new(JUNE + from * 300, JUNE + to * 300).unwrap(),
        )
    }

    #[test]
    fn neighbours_are_joined_and_cut_at_months_and_days() {
        let months = by_month([range("a", -10, 5), range("a", 5, 300), range("b", 100, 101)]);
        assert_eq!(months.keys().collect::<Vec<_>>(), ["2026-05", "2026-06"]);
        assert_eq!(months["2026-05"], [range("a", -10, 0)]);
        let june = &months["2026-06"];
        assert_eq!(june, &[range("a", 0, 300), range("b", 100, 101)]);
        assert_eq!(
            days(ExportedRelation::Asked, june),
            [("a", JUNE, 288), ("a", JUNE + 86_400, 12), ("b", JUNE, 1)]
        );
    }

    #[test]
    fn a_slot_of_the_account_counts_once_for_all_domains() {
        let asked = vec![
            range("a", 0, 10),
            range("a", 20, 30),
            range("b", 5, 22),
            range("c", 40, 41),
        ];
        assert_eq!(days(ExportedRelation::AccountAsked, &asked), [("", JUNE, 31)]);
        assert_eq!(
            days(ExportedRelation::Asked, &asked),
            [("a", JUNE, 20), ("b", JUNE, 17), ("c", JUNE, 1)]
        );
    }
}
