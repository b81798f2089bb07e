//! What the ledger says of every slot of a domain, one by one, and what that makes of a period.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{SLOT, shift};

/// What is known about a slot. The key of a slot is its start, that is its label less the shift.
#[derive(Clone, Copy, Default)]
pub(super) struct Slot {
    pub(super) is_asked: bool,
    pub(super) is_fetched: bool,
    is_settled: bool,
    fetched_at: i64,
    gap: Option<Gap>,
}

#[derive(Clone, Copy, PartialEq)]
enum Gap {
    Confirmed,
    Empty,
    Rejected,
    Unserved,
    /// Failed or never asked for: the next run asks.
    Due,
}

/// The slots of a domain, and where it begins to count for the account.
pub(super) struct Slots {
    pub(super) by_start: BTreeMap<i64, Slot>,
    begins: i64,
}

/// What the slots of a period say.
#[derive(Clone, Copy)]
pub(super) struct Period {
    pub(super) asked: i64,
    pub(super) is_fetched: bool,
    pub(super) empty: i64,
    pub(super) is_complete: bool,
    pub(super) is_void: bool,
}

impl Slots {
    pub(super) fn of(database: &Connection, id: i64) -> Self {
        let shift = shift(database);
        let mut by_start: BTreeMap<i64, Slot> = BTreeMap::new();
        each(
            database,
            "SELECT start_ts, end_ts, reached IS NOT NULL, state = 'settled', fetched_at FROM coverage WHERE domain_id = ?1",
            id,
            |row, slots| {
                for label in slots {
                    let slot = by_start.entry(label - shift).or_default();
                    slot.is_asked = true;
                    slot.is_fetched = row.get(2).unwrap();
                    slot.is_settled = row.get(3).unwrap();
                    slot.fetched_at = row.get(4).unwrap();
                }
            },
        );
        each(
            database,
            "SELECT start_ts, end_ts, reason, confirmed FROM gap WHERE domain_id = ?1",
            id,
            |row, slots| {
                let reason: String = row.get(2).unwrap();
                let gap = match reason.as_str() {
                    "empty" if row.get(3).unwrap() => Gap::Confirmed,
                    "empty" => Gap::Empty,
                    "rejected" => Gap::Rejected,
                    "beyond_retention" => Gap::Unserved,
                    _ => Gap::Due,
                };
                for label in slots {
                    by_start.entry(label - shift).or_default().gap = Some(gap);
                }
            },
        );
        let first: Option<i64> = database
            .query_row(
                "SELECT min(ts - ts % 300) FROM point WHERE domain_id = ?1",
                [id],
                |row| row.get(0),
            )
            .unwrap();
        let begins = begins(&by_start, first.map(|label| label - shift));
        Self { by_start, begins }
    }

    /// A whole period.
    pub(super) fn period(&self, start: i64, end: i64) -> Period {
        let is_fetched = self.by_start.range(start..end).any(|(_, slot)| slot.is_fetched);
        let counted = start.max(self.begins)..end;
        let is_lacking = |slot: &Slot| slot.gap.is_some();
        Period {
            asked: count(self.by_start.range(start..end).filter(|(_, slot)| slot.is_asked)),
            is_fetched,
            empty: count(
                self.by_start
                    .range(start..end)
                    .filter(|(_, slot)| slot.gap == Some(Gap::Confirmed)),
            ),
            is_complete: self.is_final(start, end),
            is_void: self
                .by_start
                .range(start..end)
                .any(|(_, slot)| slot.gap == Some(Gap::Due))
                || !counted.is_empty()
                    && if is_fetched {
                        !self.is_final(counted.start, end)
                    } else {
                        self.by_start.range(counted).any(|(_, slot)| is_lacking(slot))
                    },
        }
    }

    /// Whether every slot is settled, and none is a hole but by two answers.
    fn is_final(&self, start: i64, end: i64) -> bool {
        let is_final = |at: i64| {
            self.by_start.get(&at).is_some_and(|slot| {
                slot.is_settled
                    && matches!(slot.gap, None | Some(Gap::Confirmed))
                    && (at + SLOT < end || slot.fetched_at >= end)
            })
        };
        let step = usize::try_from(SLOT).unwrap();
        (start..end).step_by(step).all(is_final)
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> i64 {
    items.count().try_into().unwrap()
}

/// Walks from the first slot to the first point, or to the first one that was rejected.
fn begins(slots: &BTreeMap<i64, Slot>, first_point: Option<i64>) -> i64 {
    let rejected = slots.iter().find(|(_, slot)| slot.gap == Some(Gap::Rejected));
    let traffic = [first_point, rejected.map(|(at, _)| *at)]
        .into_iter()
        .flatten()
        .min();
    let needed = if traffic.is_some() { 288 } else { 1 };
    let (mut begins, mut in_a_row, mut is_open, mut next) = (i64::MIN, 0, false, i64::MIN);
    for (&at, slot) in slots.range(..traffic.unwrap_or(i64::MAX)) {
        if at != next {
            (in_a_row, is_open) = (0, false);
        }
        next = at + SLOT;
        match slot.gap {
            Some(Gap::Confirmed) => {
                in_a_row += 1;
                is_open |= in_a_row >= needed;
            }
            Some(Gap::Empty) if traffic.is_some() => in_a_row = 0,
            _ => (in_a_row, is_open) = (0, false),
        }
        if is_open {
            begins = next;
        }
    }
    begins
}

/// Hands every row about a domain to `take`, with the slots from its first column to before its second.
fn each(
    database: &Connection,
    sql: &str,
    id: i64,
    mut take: impl FnMut(&rusqlite::Row<'_>, std::iter::StepBy<std::ops::Range<i64>>),
) {
    let mut select = database.prepare_cached(sql).unwrap();
    let mut rows = select.query([id]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (from, to): (i64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        take(row, (from..to).step_by(usize::try_from(SLOT).unwrap()));
    }
}
