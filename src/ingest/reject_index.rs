//! What lies beside a reject: other rejects that could be taken with it, and the stored points of its window.
//!
//! Inside an answer the guards compare a point with its neighbours. A reject by itself has none, so what was
//! rejected of one domain is looked through first: a number and a time are kept of each piece, not its text.

use std::collections::HashMap;

use super::replay::{Obstacle, read};
use crate::api::is_same_point;
use crate::model::convert::gcd;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use crate::model::{Span, UnixSeconds};
use crate::store::{Reader, StoreError, StoredReject};

/// The rejects of one domain that was asked for.
pub(super) struct RejectIndex<'a> {
    reader: &'a Reader,
    asked: &'a str,
    ids: Vec<i64>,
    /// Time and number of those that read as a point of their window, in order.
    points: Vec<(UnixSeconds, i64)>,
    windows: HashMap<Span, Spacing>,
}

/// How far apart the points of a window lie that were rejected.
#[derive(Debug, Clone, Copy)]
struct Spacing {
    /// One of them.
    reference: UnixSeconds,
    /// The largest length of which all distances are multiples; 0 for a lone time.
    step: i64,
}

impl<'a> RejectIndex<'a> {
    /// Looks through the rejects of `asked`.
    pub(super) fn of(reader: &'a Reader, asked: &'a str) -> Result<Self, StoreError> {
        let mut index = Self {
            reader,
            asked,
            ids: Vec::new(),
            points: Vec::new(),
            windows: HashMap::new(),
        };
        reader.each_reject_of(asked, |reject| {
            index.ids.push(reject.id);
            if let Ok(point) = read(&reject) {
                index.points.push((point.ts, reject.id));
                index
                    .windows
                    .entry(reject.window)
                    .and_modify(|spacing| spacing.step = gcd(spacing.step, point.ts - spacing.reference))
                    .or_insert(Spacing {
                        reference: point.ts,
                        step: 0,
                    });
            }
            Ok::<_, StoreError>(())
        })?;
        index.ids.sort_unstable();
        index.points.sort_unstable();
        Ok(index)
    }

    /// The numbers of all rejects of the domain, in order.
    pub(super) fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// The neighbour that keeps `reject`, a point at `ts`, from being taken.
    pub(super) fn obstacle(
        &self,
        reject: &StoredReject,
        ts: UnixSeconds,
    ) -> Result<Option<Obstacle>, StoreError> {
        let slot = Span::slot_of(ts);
        let first = self.points.partition_point(|(ts, _)| *ts < slot.start());
        let in_slot = self
            .points
            .iter()
            .skip(first)
            .take_while(|(ts, _)| slot.contains(*ts));
        for &(other, id) in in_slot.filter(|(_, id)| *id != reject.id) {
            if other != ts {
                return Ok(Some(Obstacle::SameSlot { id, ts: other }));
            }
            let twin = self.reader.reject(id)?;
            if twin.is_some_and(|twin| Obstacle::is_conflict(&twin) || !is_same_point(&twin.raw, &reject.raw))
            {
                return Ok(Some(Obstacle::SameTime { id }));
            }
        }
        Ok(self
            .coarseness(reject.window)?
            .map(|seconds| Obstacle::Coarse { seconds }))
    }

    /// The spacing of the points of `window` where it is that of hourly or daily figures, by the rule for a
    /// whole answer: what was rejected and what is stored count together.
    fn coarseness(&self, window: Span) -> Result<Option<i64>, StoreError> {
        let Some(Spacing { reference, step }) = self.windows.get(&window).copied() else {
            return Ok(None);
        };
        if step % HOUR_SECONDS != 0 {
            return Ok(None);
        }
        let stored = self
            .reader
            .point_apart(self.asked, window, reference, HOUR_SECONDS)?;
        let step = gcd(step, stored.map_or(0, |stored| stored - reference));
        let is_daily_figure = step == 0 && window.seconds() >= DAY_SECONDS && reference == window.start();
        Ok(if is_daily_figure {
            Some(DAY_SECONDS)
        } else {
            Some(step).filter(|step| *step > 0 && step % HOUR_SECONDS == 0)
        })
    }
}
