//! A stale day of a domain whose rollups are computed.

use rusqlite::Connection;

use crate::model::completeness::DomainLedger;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use crate::model::{Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::ledger::{asked, stale_days};
use crate::store::origin::codes::CodeLookup;
use crate::store::origin::rollups::{self, DayTally, StoredDay};
use crate::store::origin::slot_label;
use crate::store::write::shown_days::Shown;
use crate::store::write::transaction::Ids;

/// Computes those of these days that are stale, of each domain, ahead of their month.
pub(super) fn work_ahead(tx: &Connection, ids: &mut Ids, days: Span) -> Result<()> {
    let shift = slot_label::in_force(tx)?.shift();
    let mut codes = CodeLookup::default();
    for (domain, stale) in stale_days::within(tx, days)? {
        let first_point = ids.first_points.of(tx, domain)?;
        for midnight in stale {
            let shown = ids.shown_days.of(domain, midnight);
            // A day that only grows costs little when its month is computed. What cannot be remembered would be computed again.
            let grows = first_hour(midnight, shown, shift) > midnight;
            if grows || shown == Some(Shown::InTheDay) || !ids.shown_days.has_room(domain, midnight) {
                continue;
            }
            let Some(day) = Span::new(midnight, midnight + DAY_SECONDS) else {
                continue;
            };
            let ledger = asked::read(tx, domain, (day, shift), first_point)?;
            let mut work = WorkedDay::begin(tx, (domain, &ledger), (midnight, None), None)?;
            rollups::each_point(tx, domain, day.moved(shift), |point| {
                work.tally.add(point.ts - shift - midnight, point);
            })?;
            work.write(tx, (domain, &ledger), shift, &mut codes)?;
            ids.shown_days.note_computed(domain, midnight);
        }
    }
    Ok(())
}

/// What is known of a stale day of a domain.
pub(super) struct WorkedDay {
    midnight: UnixSeconds,
    pub(super) tally: DayTally,
    /// The label at which the points begin that the tally does not have. `None` if it has no point yet.
    new_from: Option<UnixSeconds>,
    /// Whether the rows of the hours and codes are those of all points.
    is_computed: bool,
}

impl WorkedDay {
    /// Returns the day that begins at `midnight`. It goes on from the `stored` one if that shows all points before a label.
    /// Otherwise all of its points have to be added, and also once when the day becomes complete: nothing measures
    /// what is billed but the points themselves.
    pub(super) fn begin(
        tx: &Connection,
        (domain, ledger): (i64, &DomainLedger),
        (midnight, shown): (UnixSeconds, Option<Shown>),
        stored: Option<&StoredDay>,
    ) -> Result<Self> {
        let is_complete =
            Span::new(midnight, midnight + DAY_SECONDS).is_some_and(|day| ledger.is_complete(day));
        let mut day = Self {
            midnight,
            tally: DayTally::default(),
            new_from: None,
            is_computed: shown == Some(Shown::InTheDay),
        };
        if let Some((Shown::Before(since), stored)) = shown.zip(stored)
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

    /// Adds the counts of the new points, and writes the rows of the day if something of it was fetched: of a day that is
    /// computed only its own, because the ledger may have changed. A label is `shift` seconds later than the start of its slot.
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
        if self.is_computed {
            let row = self.tally.day_row(day, ledger);
            return rollups::write_day(tx, domain, self.midnight, (&[row], false));
        }
        let labels = day.moved(shift);
        let first = self.new_from.unwrap_or(labels.start()).max(labels.start());
        if let Some(labels) = Span::new(first, labels.end()) {
            rollups::add_counts(tx, domain, labels, &mut self.tally)?;
        }
        let rows = self.tally.rows(tx, self.midnight, ledger, codes)?;
        rollups::write_day(tx, domain, self.midnight, (&rows, self.is_whole()))
    }
}

/// Returns the start of the hour from which on the account reads the points of a day of which it shows this: its midnight if
/// that is not known, its end if no point is new.
pub(super) fn first_hour(day: UnixSeconds, shown: Option<Shown>, shift: i64) -> UnixSeconds {
    let since = match shown {
        Some(Shown::Before(label)) => label,
        Some(Shown::InTheDay) | None => UnixSeconds::MIN,
    };
    let start = since.saturating_sub(shift);
    let start = start.clamp(day, day + DAY_SECONDS);
    day + (start - day).div_euclid(HOUR_SECONDS) * HOUR_SECONDS
}
