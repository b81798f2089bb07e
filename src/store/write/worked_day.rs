//! A stale day of a domain whose rollups are computed.

use rusqlite::Connection;

use crate::model::completeness::DomainLedger;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use crate::model::{Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollups::{self, DayTally, StoredDay};

/// What is known of a stale day of a domain.
pub(super) struct WorkedDay {
    midnight: UnixSeconds,
    pub(super) tally: DayTally,
    /// The label at which the points begin that the tally does not have. `None` if it has no point yet.
    new_from: Option<UnixSeconds>,
}

impl WorkedDay {
    /// Returns the day that begins at `midnight`. It goes on from the `stored` one if its new points begin at the label
    /// `since`. Otherwise all of its points have to be added, and also once when the day becomes complete: nothing measures
    /// what is billed but the points themselves.
    pub(super) fn begin(
        tx: &Connection,
        (domain, ledger): (i64, &DomainLedger),
        (midnight, since): (UnixSeconds, Option<UnixSeconds>),
        stored: Option<&StoredDay>,
    ) -> Result<Self> {
        let is_complete =
            Span::new(midnight, midnight + DAY_SECONDS).is_some_and(|day| ledger.is_complete(day));
        let mut day = Self {
            midnight,
            tally: DayTally::default(),
            new_from: None,
        };
        if let Some((since, stored)) = since.zip(stored)
            && (stored.is_complete || !is_complete)
            && let Some(tally) = DayTally::resume(tx, domain, stored)?
        {
            day.tally = tally;
            day.new_from = Some(since);
        }
        Ok(day)
    }

    /// Returns whether all points of the day have to be added.
    pub(super) const fn is_whole(&self) -> bool {
        self.new_from.is_none()
    }

    /// Returns whether a point with this label is new to the tally.
    pub(super) fn is_new(&self, label: UnixSeconds) -> bool {
        self.new_from.is_none_or(|from| from <= label)
    }

    /// Adds the counts of the new points, and writes the rows of the day if something of it was fetched. A label is `shift`
    /// seconds later than the start of its slot.
    pub(super) fn write(
        mut self,
        tx: &Connection,
        (domain, ledger): (i64, &DomainLedger),
        shift: i64,
        codes: &mut CodeLookup,
    ) -> Result<()> {
        let day = Span::new(self.midnight, self.midnight + DAY_SECONDS);
        let Some(day) = day.filter(|day| ledger.is_fetched(*day)) else {
            return Ok(());
        };
        let labels = day.moved(shift);
        let first = self.new_from.unwrap_or(labels.start()).max(labels.start());
        if let Some(labels) = Span::new(first, labels.end()) {
            rollups::add_counts(tx, domain, labels, &mut self.tally)?;
        }
        let rows = self.tally.rows(tx, self.midnight, ledger, codes)?;
        rollups::write_day(tx, domain, self.midnight, (&rows, self.is_whole()))
    }
}

/// Returns the start of the hour from which on the points of a day are read if its new ones begin at the label `since`: its
/// midnight if that is not known, its end if there are none.
pub(super) fn first_hour(day: UnixSeconds, since: Option<UnixSeconds>, shift: i64) -> UnixSeconds {
    let start = since.unwrap_or(UnixSeconds::MIN).saturating_sub(shift);
    let start = start.clamp(day, day + DAY_SECONDS);
    day + (start - day).div_euclid(HOUR_SECONDS) * HOUR_SECONDS
}
