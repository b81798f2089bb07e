//! What the rollups of stale days show already.
//!
//! A tick brings one point for a day that has many. Then the rollups need not read the others again. In a long run, days are
//! computed before the month is. This is remembered and not stored: of a day that another process made stale, such as one
//! that was killed, everything is read.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;

use crate::model::{Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::ledger::stale_days;
use crate::store::origin::points::PointChange;

/// How many days of domains are remembered. A tick makes one or two of each domain stale.
const MAX_REMEMBERED: usize = 16_384;

/// What the rollups of a stale day of a domain show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// All points before this label and none from there on: in the day, the month and the account.
    Before(UnixSeconds),
    /// All points in the day, with its hours and codes. It is not known whether the month and the account show them.
    InTheDay,
}

/// The stale days of a domain, each with what its rollups show. `None` if that is not known: then everything is read.
pub(super) type StaleDays = BTreeMap<UnixSeconds, Option<Shown>>;

/// What the rollups of stale days of domains show, where it is known.
///
/// After a failed transaction it is not. Then forget it.
#[derive(Debug, Default)]
pub(crate) struct ShownDays(HashMap<(i64, UnixSeconds), Shown>);

impl ShownDays {
    /// Notes the days of `span`, which is counted from their midnights, as stale, by `change` of the domain's points.
    pub(crate) fn note(
        &mut self,
        tx: &Connection,
        domain: i64,
        span: Span,
        change: PointChange,
    ) -> Result<()> {
        let first = match change {
            PointChange::Nothing => Some(UnixSeconds::MAX),
            PointChange::AddedFrom(first) => Some(first),
            PointChange::Other => None,
        };
        for day in stale_days::days(span) {
            let was_fresh = stale_days::note_day(tx, domain, day)?;
            let before = self.0.get(&(domain, day)).copied();
            // The rollups of a fresh day show all points. What came before to a stale one is only known if it is remembered.
            let known = if was_fresh {
                Some(Shown::Before(UnixSeconds::MAX))
            } else {
                before
            };
            let shown = match known.zip(first) {
                Some((Shown::Before(before), first)) => Some(Shown::Before(before.min(first))),
                Some((Shown::InTheDay, UnixSeconds::MAX)) => Some(Shown::InTheDay),
                _ => None,
            };
            self.remember((domain, day), shown);
        }
        Ok(())
    }

    /// Notes that a stale day of a domain is computed from all of its points, but not its month and not the account.
    pub(crate) fn note_computed(&mut self, domain: i64, day: UnixSeconds) {
        self.remember((domain, day), Some(Shown::InTheDay));
    }

    /// Returns whether something can be remembered of a stale day of a domain.
    pub(crate) fn has_room(&self, domain: i64, day: UnixSeconds) -> bool {
        self.0.len() < MAX_REMEMBERED || self.0.contains_key(&(domain, day))
    }

    fn remember(&mut self, day: (i64, UnixSeconds), shown: Option<Shown>) {
        match shown {
            Some(shown) if self.has_room(day.0, day.1) => {
                self.0.insert(day, shown);
            }
            _ => {
                self.0.remove(&day);
            }
        }
    }

    /// Returns what the rollups of a stale day of a domain show. `None` if that is not known.
    pub(crate) fn of(&self, domain: i64, day: UnixSeconds) -> Option<Shown> {
        self.0.get(&(domain, day)).copied()
    }

    /// Forgets the days of a month. Its rollups are up to date.
    pub(crate) fn clear(&mut self, month: Span) {
        self.0.retain(|(_, day), _| !month.contains(*day));
    }
}
