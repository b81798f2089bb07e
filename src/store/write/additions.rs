//! Which stale days only got points later than all that their domain had.
//!
//! A tick brings one point for a day that has many. Then the rollups need not read the others again. This is remembered
//! and not stored: of a day that another process made stale, such as one that was killed, all points are read.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::model::{Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::ledger::stale_days;
use crate::store::origin::points::PointChange;

/// How many days are remembered. A tick makes one or two of each domain stale.
const MAX_REMEMBERED: usize = 16_384;

/// The stale days of domains whose rollups show all points before a label, and none from there on.
///
/// After a failed transaction they are not known. Then forget them.
#[derive(Debug, Default)]
pub(crate) struct Additions(HashMap<(i64, UnixSeconds), UnixSeconds>);

impl Additions {
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
            let known = if was_fresh { Some(UnixSeconds::MAX) } else { before };
            match known.zip(first).map(|(before, first)| before.min(first)) {
                Some(first) if self.0.len() < MAX_REMEMBERED || before.is_some() => {
                    self.0.insert((domain, day), first);
                }
                _ => {
                    self.0.remove(&(domain, day));
                }
            }
        }
        Ok(())
    }

    /// Returns the label at which the new points of a stale day of a domain begin: its rollups show all points before it, and
    /// none from there on. `None` if that is not known.
    pub(crate) fn of(&self, domain: i64, day: UnixSeconds) -> Option<UnixSeconds> {
        self.0.get(&(domain, day)).copied()
    }

    /// Forgets the days of a month. Its rollups are up to date.
    pub(crate) fn clear(&mut self, month: Span) {
        self.0.retain(|(_, day), _| !month.contains(*day));
    }
}
