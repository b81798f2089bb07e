//! The rejects of one domain, indexed by time.
//!
//! In an answer the guards compare a point with its neighbours. A reject has no neighbours in its text. So this index
//! holds the number of every reject of the domain, and its time where that can be read, but not its text.

use std::collections::HashMap;

use crate::api::{is_same_point, read_point};
use crate::model::convert::gcd;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS};
use crate::model::{CodeBook, Domain, PointColumns, RejectReason, Span, UnixSeconds, reject};
use crate::store::{Reader, StoreError, StoredReject};

/// Why a reject cannot be taken. `Display` gives the sentence that is stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Obstacle {
    /// The reason is that of the parser or of a guard.
    #[error("{0}")]
    Still(RejectReason),
    #[error("its text is cut off at {} KiB and cannot be taken for the whole", reject::MAX_RAW_BYTES / 1024)]
    Cut,
    #[error("reject {id} holds the same time with other figures, and nothing here tells which are right")]
    SameTime { id: i64 },
    #[error("reject {id} lies in the same 5-minute slot, at {ts}; both would count double")]
    SameSlot { id: i64, ts: UnixSeconds },
    #[error("the points of its window are {seconds} s apart where 300 s were asked for")]
    Coarse { seconds: i64 },
}

impl Obstacle {
    /// Whether `reject` is one of two points that contradict each other.
    pub(super) fn is_conflict(reject: &StoredReject) -> bool {
        reject.reason == RejectReason::Conflicting.to_string()
    }

    /// Returns what is shown after the reason.
    pub(super) fn explanation(&self) -> &'static str {
        match self {
            Self::Still(RejectReason::Conflicting) => {
                ": by itself either could be read, and only a new answer tells which is right"
            }
            _ => "",
        }
    }
}

/// A point that was read from the text of a reject.
pub(super) struct ReadPoint {
    pub(super) ts: UnixSeconds,
    pub(super) domain: Domain,
    pub(super) columns: PointColumns,
    pub(super) book: CodeBook,
}

/// Reads the text of `reject`, without a look at its neighbours.
pub(super) fn read(reject: &StoredReject) -> Result<ReadPoint, Obstacle> {
    let named = reject.domain.parse::<Domain>().ok();
    let Some(domain) = named.filter(|named| named.as_str() == reject.asked) else {
        return Err(Obstacle::Still(RejectReason::DomainNotAsked));
    };
    if reject::may_be_cut(&reject.raw) {
        return Err(Obstacle::Cut);
    }
    let (columns, book) = read_point(&reject.raw).map_err(Obstacle::Still)?;
    match columns.ts.first() {
        Some(&ts) if reject.window.contains(ts) => Ok(ReadPoint {
            ts,
            domain,
            columns,
            book,
        }),
        _ => Err(Obstacle::Still(RejectReason::OutsideWindow(reject.window))),
    }
}

/// The rejects of one domain.
pub(super) struct RejectIndex<'a> {
    reader: &'a Reader,
    asked: &'a str,
    ids: Vec<i64>,
    /// Time and number of those that can be read, in order.
    points: Vec<(UnixSeconds, i64)>,
    windows: HashMap<Span, WindowSpacing>,
}

/// How far apart the rejected points of a window are.
#[derive(Debug, Clone, Copy)]
struct WindowSpacing {
    /// The time of one of them.
    reference: UnixSeconds,
    /// The greatest common divisor of their distances; 0 for a single point.
    step: i64,
}

impl<'a> RejectIndex<'a> {
    /// Reads the rejects of `asked`.
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
                    .or_insert(WindowSpacing {
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

    /// Returns the numbers of all rejects, in order.
    pub(super) fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// Returns the neighbour that prevents `reject`, a point at `ts`, from being taken.
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

    /// Returns the spacing of the points of `window` in seconds, if it is that of hourly or daily figures. Rejected and
    /// stored points count together.
    fn coarseness(&self, window: Span) -> Result<Option<i64>, StoreError> {
        let Some(WindowSpacing { reference, step }) = self.windows.get(&window).copied() else {
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
