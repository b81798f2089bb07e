//! Applies a fault to the data of an answer.

use std::slice;

use super::answer::{AnswerData, DomainEntry};
use super::data_fault::DataFault;
use super::point_entry::PointEntry;
use super::request::CheckedRequest;
use super::time::POINT_SECONDS;
use super::truth::{Truth, TruthPoint};
use crate::model::convert::to_i64;

impl AnswerData {
    /// Applies `fault`.
    pub(crate) fn distort(&mut self, fault: &DataFault, request: &CheckedRequest, truth: Truth) {
        match fault {
            DataFault::Granularity { seconds } => {
                self.each(None, |domain| domain.coarsen(request.start, *seconds));
            }
            DataFault::Mutate {
                domain,
                slot,
                mutation,
            } => self.replace(domain, *slot, |entry| {
                vec![PointEntry {
                    mutation: Some(*mutation),
                    ..entry
                }]
            }),
            DataFault::MutateAll { domain, mutation } => self.each(domain.as_deref(), |domain| {
                for entry in &mut domain.points {
                    entry.mutation = Some(*mutation);
                }
            }),
            DataFault::Duplicate { domain, slot } => {
                self.replace(domain, *slot, |entry| vec![entry.clone(), entry]);
            }
            DataFault::ConflictingDuplicate { domain, slot } => {
                self.replace(domain, *slot, |entry| {
                    with_changed(entry, |point| point.bandwidth += 1)
                });
            }
            DataFault::TwoTimes { domain, slot } => {
                self.replace(domain, *slot, |entry| with_changed(entry, |point| point.ts += 60));
            }
            DataFault::Omit { domain, slot } => self.replace(domain, *slot, |_| Vec::new()),
            DataFault::CutSeries { domain, kept_percent } => {
                self.each(domain.as_deref(), |domain| domain.cut(*kept_percent));
            }
            DataFault::RowCap(rows) => self.cap(*rows),
            DataFault::EmptyDomain(name) => self.each(Some(name), |domain| domain.points.clear()),
            DataFault::NoPoints => self.each(None, |domain| domain.points.clear()),
            DataFault::Entry { domain, form } => self.each(Some(domain), |domain| domain.form = *form),
            DataFault::UpperCase => self.each(None, |domain| domain.name.make_ascii_uppercase()),
            DataFault::Spelling { domain, spelling } => self.each(domain.as_deref(), |domain| {
                domain.name = spelling.of(&domain.name);
            }),
            DataFault::AbsentDomain(name) => self.remove(slice::from_ref(name)),
            DataFault::AbsentDomains(names) => self.remove(names),
            DataFault::NoDomains => self.0.clear(),
            DataFault::Unordered => {
                self.0.reverse();
                for DomainEntry { points, .. } in &mut self.0 {
                    let middle = points.len() / 2;
                    points.reverse();
                    points.rotate_left(middle);
                }
            }
            DataFault::OutsideWindow
            | DataFault::Flood { .. }
            | DataFault::OtherWindow { .. }
            | DataFault::UnaskedDomain(_)
            | DataFault::OnlyOtherDomains(_) => self.misplace(fault, request, truth),
        }
    }

    /// Applies a fault that adds or substitutes true points of other times or domains.
    fn misplace(&mut self, fault: &DataFault, request: &CheckedRequest, truth: Truth) {
        let (first, end) = request.labels;
        let entry = |name: &str, from, to| DomainEntry::new(truth, name, (from, to), i64::MAX);
        match fault {
            DataFault::OutsideWindow => self.each(None, |domain| {
                let before = entry(&domain.name, first - POINT_SECONDS, first);
                let after = entry(&domain.name, end, end + POINT_SECONDS);
                domain.points.splice(0..0, before.points);
                domain.points.extend(after.points);
            }),
            DataFault::Flood { points, mutation } => {
                if let Some(domain) = self.0.first_mut() {
                    let seconds = to_i64(*points).saturating_mul(POINT_SECONDS);
                    let mut flood = entry(&domain.name, first.saturating_sub(seconds), first).points;
                    for entry in &mut flood {
                        entry.mutation = *mutation;
                    }
                    domain.points.splice(0..0, flood);
                }
            }
            DataFault::OtherWindow { seconds } => self.each(None, |domain| {
                let (from, to) = (first.saturating_add(*seconds), end.saturating_add(*seconds));
                domain.points = entry(&domain.name, from, to).points;
            }),
            DataFault::UnaskedDomain(name) => self.0.push(entry(name, first, end)),
            DataFault::OnlyOtherDomains(names) => {
                self.0 = names.iter().map(|name| entry(name, first, end)).collect();
            }
            _ => {}
        }
    }

    /// Passes the domain of this name, or every domain, to `change`.
    fn each(&mut self, name: Option<&str>, change: impl FnMut(&mut DomainEntry)) {
        let domains = self.0.iter_mut();
        domains
            .filter(|domain| name.is_none_or(|name| domain.name.eq_ignore_ascii_case(name)))
            .for_each(change);
    }

    /// Replaces the point of this domain and slot by those that `replacement` returns.
    fn replace(&mut self, domain: &str, slot: i64, replacement: impl Fn(PointEntry) -> Vec<PointEntry>) {
        self.each(Some(domain), |DomainEntry { points, .. }| {
            if let Some(at) = points.iter().position(|entry| entry.point.ts == slot) {
                let entry = points.remove(at);
                points.splice(at..at, replacement(entry));
            }
        });
    }

    fn remove(&mut self, names: &[String]) {
        let is_kept = |name: &String| !names.iter().any(|removed| removed.eq_ignore_ascii_case(name));
        self.0.retain(|domain| is_kept(&domain.name));
    }
}

/// Returns the point, and a changed copy behind it.
fn with_changed(entry: PointEntry, change: impl Fn(&mut TruthPoint)) -> Vec<PointEntry> {
    let mut changed = entry.clone();
    change(&mut changed.point);
    vec![entry, changed]
}
