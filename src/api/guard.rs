//! Takes from an answer only what was asked for and cannot be misread.
//!
//! A wrong figure is worse than a missing one: where an answer says two things, neither is taken, and an
//! answer of hourly or daily figures is none.

use std::mem;

use super::answer::{Entry, Envelope};
use super::failure::FailureKind;
use super::request::OriginRequest;
use crate::model::slot::{DAY_SECONDS, HOUR_SECONDS, slot_floor};
use crate::model::{CodeBook, Domain, PointColumns, Reject, RejectReason, Span, UnixSeconds};

/// What can be stored of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Every domain asked for, in the order of the request, with its points in order of time; each lies in
    /// the window and alone in its slot. A domain of which the API said nothing has none.
    pub points: Vec<(Domain, PointColumns)>,
    /// The codes and sets that the points name; it may hold some that no point names.
    pub book: CodeBook,
    /// What was left out, with its text.
    pub rejects: Vec<Reject>,
    /// The points in the answer: those in `points`, the duplicates, those rejected one by one, and those of
    /// domains not asked for (which are rejected as a whole).
    pub received: u64,
    /// Points that repeated another one exactly.
    pub duplicates: u64,
    /// Points whose counts do not add up to their requests; they are taken as reported.
    pub odd_codes: u64,
}

/// Compares an answer with the request.
///
/// # Errors
/// [`FailureKind::Coarse`] where the points are an hour or a multiple apart in every domain that has two or
/// more: such points are averages or peaks of another granularity (inferred from sibling vendors).
pub fn check(request: &OriginRequest, mut envelope: Envelope<'_>) -> Result<Answer, FailureKind> {
    let mut entries: Vec<Option<Entry<'_>>> = request.domains().iter().map(|_| None).collect();
    let mut rejects = Vec::new();
    for entry in mem::take(&mut envelope.entries) {
        let domain = entry.domain.parse::<Domain>().ok();
        let asked = domain.and_then(|domain| request.domains().iter().position(|asked| *asked == domain));
        match asked.and_then(|at| entries.get_mut(at)) {
            Some(Some(known)) => append(known, entry),
            Some(unknown) => *unknown = Some(entry),
            None => {
                let reason = RejectReason::DomainNotAsked;
                rejects.push(Reject::new(&entry.domain, None, reason, entry.raw));
            }
        }
    }
    let mut points = Vec::with_capacity(entries.len());
    let mut spacings = Vec::new();
    let (mut duplicates, mut odd_codes) = (0, 0);
    for (domain, entry) in request.domains().iter().zip(entries) {
        let Some(mut entry) = entry else {
            points.push((domain.clone(), PointColumns::default()));
            continue;
        };
        rejects.append(&mut entry.rejects);
        let mut sieve = Sieve {
            envelope: &envelope,
            entry: &entry,
            rejects: &mut rejects,
            duplicates: &mut duplicates,
        };
        let inside = sieve.inside(request.window());
        spacings.extend(spacing(&entry.points, &inside));
        let kept = sieve.unambiguous(&inside);
        odd_codes += count(kept.iter().filter(|at| !adds_up(&entry.points, **at)).count());
        points.push((domain.clone(), select(entry.points, &kept)));
    }
    if !spacings.is_empty() && spacings.iter().all(|spacing| spacing % HOUR_SECONDS == 0) {
        return Err(FailureKind::Coarse {
            seconds: spacings.into_iter().fold(0, gcd),
        });
    }
    if is_daily_figure(request.window(), &points) {
        return Err(FailureKind::Coarse { seconds: DAY_SECONDS });
    }
    Ok(Answer {
        points,
        book: envelope.book,
        rejects,
        received: envelope.received,
        duplicates,
        odd_codes,
    })
}

/// Sorts out the points of one domain, by their positions.
struct Sieve<'s, 'a> {
    envelope: &'s Envelope<'a>,
    entry: &'s Entry<'a>,
    rejects: &'s mut Vec<Reject>,
    duplicates: &'s mut u64,
}

impl Sieve<'_, '_> {
    /// The points in the window, in order of time and then of the answer.
    fn inside(&mut self, window: Span) -> Vec<usize> {
        let mut inside = Vec::with_capacity(self.entry.points.len());
        for (at, ts) in self.entry.points.ts.iter().enumerate() {
            if window.contains(*ts) {
                inside.push(at);
            } else {
                self.reject(at, RejectReason::OutsideWindow(window));
            }
        }
        inside.sort_by_key(|at| time(&self.entry.points, *at));
        inside
    }

    /// Those of `inside`, ordered by time, that are alone in their slot once exact repetitions are dropped.
    fn unambiguous(&mut self, inside: &[usize]) -> Vec<usize> {
        let points = &self.entry.points;
        let mut kept = Vec::with_capacity(inside.len());
        for slot in inside.chunk_by(|a, b| slot_floor(time(points, *a)) == slot_floor(time(points, *b))) {
            let (Some(first), Some(last)) = (slot.first(), slot.last()) else {
                continue;
            };
            let (earliest, latest) = (time(points, *first), time(points, *last));
            for same in slot.chunk_by(|a, b| time(points, *a) == time(points, *b)) {
                let Some((&at, repeated)) = same.split_first() else {
                    continue;
                };
                if repeated.iter().any(|other| !points.same_figures(at, *other)) {
                    for at in same {
                        self.reject(*at, RejectReason::Conflicting);
                    }
                    continue;
                }
                *self.duplicates += count(repeated.len());
                if earliest == latest {
                    kept.push(at);
                } else {
                    let other = if time(points, at) == earliest {
                        latest
                    } else {
                        earliest
                    };
                    self.reject(at, RejectReason::SharesSlot { other });
                }
            }
        }
        kept
    }

    fn reject(&mut self, at: usize, reason: RejectReason) {
        let start = self.entry.starts.get(at).copied().unwrap_or(usize::MAX);
        self.rejects.push(Reject::new(
            &self.entry.domain,
            self.entry.points.ts.get(at).copied(),
            reason,
            self.envelope.row(start),
        ));
    }
}

/// Adds another entry of the same domain.
fn append<'a>(entry: &mut Entry<'a>, mut other: Entry<'a>) {
    for at in 0..other.points.len() {
        entry.points.push_from(&other.points, at);
    }
    entry.starts.append(&mut other.starts);
    entry.rejects.append(&mut other.rejects);
}

/// The largest length that all gaps between the times of `inside` are multiples of; `None` for fewer than two
/// times.
fn spacing(points: &PointColumns, inside: &[usize]) -> Option<i64> {
    let gaps = inside
        .iter()
        .zip(inside.iter().skip(1))
        .map(|(a, b)| time(points, *b) - time(points, *a));
    Some(gaps.fold(0, gcd)).filter(|spacing| *spacing > 0)
}

/// Whether a window of a day or more came back as one point at its beginning in every domain that has any:
/// the form that a daily peak takes where there is no second one to measure a distance to. Stored, it would
/// pass for 5 minutes of peak load.
fn is_daily_figure(window: Span, points: &[(Domain, PointColumns)]) -> bool {
    let mut times = points
        .iter()
        .filter(|(_, points)| !points.is_empty())
        .map(|(_, points)| &*points.ts);
    let Some(first) = times.next() else { return false };
    let lone = [window.start()];
    window.seconds() >= DAY_SECONDS && *first == lone && times.all(|times| *times == lone)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether the counts of the point at `at` sum up to its requests.
#[must_use]
pub fn adds_up(points: &PointColumns, at: usize) -> bool {
    let sum: i128 = points
        .counts_of(at)
        .iter()
        .map(|(_, count)| i128::from(*count))
        .sum();
    points.pv.get(at).is_some_and(|pv| sum == i128::from(*pv))
}

/// The points at `kept`, in that order; without a copy where these are all, in order.
fn select(points: PointColumns, kept: &[usize]) -> PointColumns {
    if kept.len() == points.len() && kept.is_sorted() {
        return points;
    }
    let mut selected = PointColumns::default();
    for at in kept {
        selected.push_from(&points, *at);
    }
    selected
}

/// The time of the point at `at`, which exists.
fn time(points: &PointColumns, at: usize) -> UnixSeconds {
    points.ts.get(at).copied().unwrap_or(i64::MIN)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
