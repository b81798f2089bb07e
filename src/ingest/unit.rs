//! Works off one planned request until all of it is stored, refused or given up.
//!
//! The API may not take a request as planned: the window is too long, the batch too large, one domain is not
//! the account's, the beginning is beyond retention. A unit is a stack of parts; each such answer replaces a
//! part by smaller ones. Every part that is answered is committed by itself, so nothing is asked for twice.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::control::{Control, Stop};
use super::courier::{Asked, Courier, NotAnswered, Traffic, Transport};
use super::learned::Learned;
use super::summary::FailedRange;
use crate::api::{Failure, FailureKind, OriginRequest, Reaction};
use crate::clock::SharedClock;
use crate::model::slot::{HOUR_SECONDS, SLOT_SECONDS};
use crate::model::{Domain, PointColumns, Reject, RunTotals, Span, UnixSeconds};
use crate::plan::cut::Cuts;
use crate::plan::{PlannedRequest, Refresh, covered_by};
use crate::store::{Commit, Coverage};

/// What all units of a run work with.
#[derive(Debug)]
pub struct Worker<T> {
    /// Sends the requests.
    pub courier: Courier<T>,
    /// What the run knows of the API's limits.
    pub learned: Learned,
    /// Stops the run.
    pub control: Control,
    /// When slots are settled.
    pub refresh: Refresh,
    /// When answers are seen.
    pub clock: SharedClock,
    /// To the writer.
    pub commits: mpsc::Sender<Commit>,
}

/// A piece of a planned request that is still to be asked for.
#[derive(Debug, Clone)]
struct Part {
    window: Span,
    domains: Vec<Domain>,
    /// Its newest slot was served after the whole was refused as too old: the edge lies inside.
    probed: bool,
    /// Cut from a window that came back an hour or a day apart.
    coarse: bool,
}

/// A unit under way.
#[derive(Debug, Default)]
struct Unit {
    open: Vec<Part>,
    traffic: Traffic,
    failures: Vec<FailedRange>,
    failed: bool,
    answered: bool,
    /// Stopped before all of it was asked for.
    cut_short: bool,
    /// Its end is told in a commit.
    closed: bool,
}

impl<T: Transport> Worker<T> {
    /// Carries out `request`; returns what could not be stored, and why.
    pub async fn work(self: Arc<Self>, request: PlannedRequest) -> Vec<FailedRange> {
        let window = request.window;
        let part = Part {
            window,
            domains: request.domains,
            probed: false,
            coarse: false,
        };
        let mut unit = Unit {
            open: vec![part],
            ..Unit::default()
        };
        while !self.control.is_stopped()
            && let Some(part) = unit.open.pop()
        {
            let Some(part) = self.fit(part, &mut unit).await else {
                continue;
            };
            // Parts are never empty and lie on the grid.
            let Some(request) = OriginRequest::new(&part.domains, part.window) else {
                continue;
            };
            match self.courier.ask(&Arc::new(request), &mut unit.traffic).await {
                Ok(asked) => self.store(part, asked, &mut unit).await,
                Err(NotAnswered::Failed(failure)) => self.divide(part, &failure, &mut unit),
                Err(NotAnswered::Stopped) => unit.open.push(part),
            }
        }
        if !unit.closed {
            unit.cut_short = !unit.open.is_empty();
            unit.open.clear();
            let totals = unit.totals_so_far();
            self.send(self.empty_commit(window, totals)).await;
        }
        unit.failures
    }

    /// The part as the limits known by now let it be asked for. What is left over goes back on the stack;
    /// what is known to be beyond retention is marked without asking.
    async fn fit(&self, mut part: Part, unit: &mut Unit) -> Option<Part> {
        self.learned.retain_served(&mut part.domains);
        if part.domains.is_empty() {
            return None;
        }
        if let Some(edge) = self
            .learned
            .beyond_before()
            .filter(|edge| *edge > part.window.start())
        {
            unit.open
                .extend(Span::new(edge, part.window.end()).map(|window| Part {
                    window,
                    ..part.clone()
                }));
            let window = Span::new(part.window.start(), edge.min(part.window.end()))?;
            let coverage = Coverage::BeyondRetention { at: self.clock.now() };
            let commit = self.empty_commit(window, unit.totals_so_far());
            self.send(Commit {
                domains: part.domains,
                coverage,
                ..commit
            })
            .await;
            return None;
        }
        if let Some(limit) = self
            .learned
            .max_span()
            .filter(|limit| *limit < part.window.seconds())
        {
            let mut cuts = Cuts::new(&[part.window], limit);
            let pieces = std::iter::from_fn(|| cuts.take_newest()).map(|window| Part {
                window,
                ..part.clone()
            });
            unit.open.extend(pieces);
            return None;
        }
        if let Some(limit) = self
            .learned
            .max_domains()
            .filter(|limit| *limit < part.domains.len())
        {
            let groups = part.domains.chunks(limit.max(1)).rev();
            unit.open.extend(groups.map(|group| Part {
                domains: group.to_vec(),
                ..part.clone()
            }));
            return None;
        }
        Some(part)
    }

    /// Hands an answer to the writer.
    async fn store(&self, part: Part, asked: Asked, unit: &mut Unit) {
        let Asked { answer, asked_at } = asked;
        if part.coarse {
            if !answer.points.iter().any(|(_, points)| shows_five_minutes(points)) {
                unit.fail(
                    &part,
                    &FailureKind::Coarse {
                        seconds: HOUR_SECONDS,
                    },
                );
                return;
            }
            self.learned.limit_span(part.window.seconds());
        }
        unit.answered = true;
        let coverage = covered_by(part.window, asked_at, &self.refresh);
        let covered = coverage.last().map(|last| last.span.end());
        let Some(window) = covered.and_then(|until| Span::new(part.window.start(), until)) else {
            // By the API's clock none of it is available yet; the next run asks for it.
            let totals = unit.totals_so_far();
            return self.send(self.empty_commit(part.window, totals)).await;
        };
        let rejects: Vec<Reject> = answer
            .rejects
            .into_iter()
            .filter(|reject| !reject.ts.is_some_and(|ts| left_for_later(ts, &part, window)))
            .collect();
        let mut totals = unit.totals_so_far();
        totals.points_received = answer.received;
        totals.points_unchanged = answer.duplicates;
        totals.points_rejected = u64::try_from(rejects.len()).unwrap_or(u64::MAX);
        totals.points_odd_codes = answer.odd_codes;
        let points = answer
            .points
            .into_iter()
            .map(|(domain, points)| (domain, available(points, window.end())))
            .collect();
        self.send(Commit {
            domains: part.domains,
            window,
            coverage: Coverage::Fetched(coverage),
            points,
            book: Arc::new(answer.book),
            rejects,
            seen_at: asked_at,
            totals,
        })
        .await;
    }

    /// Replaces a part that was not taken by smaller ones, or gives it up.
    fn divide(&self, part: Part, failure: &Failure, unit: &mut Unit) {
        let kind = &failure.kind;
        let single = part.domains.len() == 1;
        match kind.reaction() {
            Reaction::SplitWindow { max_span } => {
                let Some((older, newer)) = part.window.halve() else {
                    return unit.fail(&part, kind);
                };
                let coarse = part.coarse || matches!(kind, FailureKind::Coarse { .. });
                if let Some(limit) = max_span {
                    let half = older.seconds().max(newer.seconds());
                    self.learned.limit_span(if limit < part.window.seconds() {
                        limit
                    } else {
                        half
                    });
                    unit.open.push(part);
                } else {
                    unit.open.push(Part {
                        window: newer,
                        coarse,
                        ..part.clone()
                    });
                    unit.open.push(Part {
                        window: older,
                        coarse,
                        ..part
                    });
                }
            }
            Reaction::ShrinkBatch if !single => {
                self.learned.limit_domains(part.domains.len().div_ceil(2));
                unit.open.push(part);
            }
            Reaction::IsolateDomain if !single => {
                let (first, second) = part.domains.split_at(part.domains.len() / 2);
                unit.open.push(Part {
                    domains: second.to_vec(),
                    ..part.clone()
                });
                unit.open.push(Part {
                    domains: first.to_vec(),
                    ..part.clone()
                });
            }
            Reaction::IsolateDomain => {
                for domain in &part.domains {
                    if self.learned.refuse(domain, &kind.to_string()) {
                        unit.failures.push(FailedRange::refused(domain.clone(), kind));
                    }
                }
            }
            Reaction::BeyondRetention => self.seek_edge(part, unit),
            Reaction::StopCredentials => {
                let clock_ahead = failure.date.map(|server| self.clock.now() - server);
                self.control.stop(Stop::Credentials {
                    kind: kind.clone(),
                    clock_ahead,
                });
                unit.fail(&part, kind);
            }
            Reaction::StopConfiguration => {
                self.control.stop(Stop::Configuration(kind.clone()));
                unit.fail(&part, kind);
            }
            Reaction::ShrinkBatch
            | Reaction::Retry(_)
            | Reaction::RetryOnce
            | Reaction::Pause { .. }
            | Reaction::Fail => unit.fail(&part, kind),
        }
    }

    /// Narrows down where the API's retention begins, by slots.
    ///
    /// Status 21 refuses a window whose beginning is too old, though most of it may still be served: taking
    /// the whole of it for lost would lose up to a window. So its newest slot is asked for first. If that is
    /// refused, so is everything before it; if not, halving finds the edge in a few requests, each of which
    /// brings points.
    fn seek_edge(&self, part: Part, unit: &mut Unit) {
        self.learned.meet_retention();
        let window = part.window;
        let cut = if part.probed {
            window.halve()
        } else {
            let last = Span::new(window.end() - SLOT_SECONDS, window.end());
            Span::new(window.start(), window.end() - SLOT_SECONDS).zip(last)
        };
        if let Some((older, newer)) = cut {
            unit.open.push(Part {
                window: older,
                probed: true,
                ..part.clone()
            });
            unit.open.push(Part {
                window: newer,
                probed: true,
                ..part
            });
        } else {
            self.learned.set_beyond_before(window.end());
            unit.open.push(part);
        }
    }

    /// A commit that says nothing but its counters.
    pub(super) fn empty_commit(&self, window: Span, totals: RunTotals) -> Commit {
        Commit {
            domains: Vec::new(),
            window,
            coverage: Coverage::Unchanged,
            points: Vec::new(),
            book: Arc::default(),
            rejects: Vec::new(),
            seen_at: self.clock.now(),
            totals,
        }
    }

    /// Hands a commit to the writer.
    pub(super) async fn send(&self, commit: Commit) {
        // The writer goes away only after it has stopped the run and kept the reason.
        let _ = self.commits.send(commit).await;
    }
}

impl Unit {
    fn fail(&mut self, part: &Part, kind: &FailureKind) {
        self.failed = true;
        self.failures
            .push(FailedRange::new(part.domains.clone(), part.window, kind));
    }

    /// What was counted since the last commit. The last commit of a unit also tells how it ended, so that
    /// the ledger never shows a window as fetched whose points are not there.
    fn totals_so_far(&mut self) -> RunTotals {
        let Traffic {
            requests,
            retries,
            bytes,
        } = std::mem::take(&mut self.traffic);
        let mut totals = RunTotals {
            requests,
            retries,
            bytes,
            ..RunTotals::default()
        };
        if self.open.is_empty() && !self.closed {
            self.closed = true;
            let whole = self.answered && !self.cut_short;
            totals.windows_failed = u64::from(self.failed);
            totals.windows_fetched = u64::from(!self.failed && whole);
            totals.windows_skipped = u64::from(!self.failed && !whole);
        }
        totals
    }
}

/// Whether two of the points lie less than an hour apart, which no hourly answer shows.
fn shows_five_minutes(points: &PointColumns) -> bool {
    points
        .ts
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if b - a < HOUR_SECONDS))
}

/// Whether `ts` lies in the part, but behind the `window` of it that was available when it was asked for.
fn left_for_later(ts: UnixSeconds, part: &Part, window: Span) -> bool {
    part.window.contains(ts) && !window.contains(ts)
}

/// The points before `until`. A point of a slot that was not yet available is left for the next run.
fn available(points: PointColumns, until: UnixSeconds) -> PointColumns {
    if points.ts.iter().all(|ts| *ts < until) {
        return points;
    }
    let mut kept = PointColumns::default();
    for (at, ts) in points.ts.iter().enumerate() {
        if *ts < until {
            kept.push_from(&points, at);
        }
    }
    kept
}
