//! An answer made wrong in the way of a fault.

use super::answer::{Answer, DomainRows};
use super::data_fault::DataFault;
use super::question::Question;
use super::row::Row;
use super::truth::{POINT_SECONDS, Truth};
use crate::model::convert::to_i64;

impl Answer {
    /// Makes the answer wrong in the way of `fault`.
    pub(crate) fn bend(&mut self, fault: &DataFault, question: &Question, truth: Truth) {
        match fault {
            DataFault::Granularity { seconds } => {
                self.each(None, |domain| domain.coarsen(question.start, *seconds));
            }
            DataFault::Mutate {
                domain,
                slot,
                mutation,
            } => self.change(domain, *slot, |row, rows| {
                rows.push(Row {
                    mutation: Some(*mutation),
                    ..row
                });
            }),
            DataFault::MutateAll { domain, mutation } => self.each(domain.as_deref(), |domain| {
                for row in &mut domain.rows {
                    row.mutation = Some(*mutation);
                }
            }),
            DataFault::Duplicate { domain, slot } => self.change(domain, *slot, |row, rows| {
                rows.extend([row.clone(), row]);
            }),
            DataFault::ConflictingDuplicate { domain, slot } => {
                self.change(domain, *slot, |row, rows| {
                    let mut other = row.clone();
                    other.point.bandwidth += 1;
                    rows.extend([row, other]);
                });
            }
            DataFault::TwoTimes { domain, slot } => self.change(domain, *slot, |row, rows| {
                let mut other = row.clone();
                other.point.ts += 60;
                rows.extend([row, other]);
            }),
            DataFault::Omit { domain, slot } => self.change(domain, *slot, |_, _| {}),
            DataFault::CutSeries { domain, kept_percent } => {
                self.each(domain.as_deref(), |domain| domain.cut(*kept_percent));
            }
            DataFault::RowCap(rows) => self.cap(*rows),
            DataFault::EmptyDomain(name) => self.each(Some(name), |domain| domain.rows.clear()),
            DataFault::NoPoints => self.each(None, |domain| domain.rows.clear()),
            DataFault::Entry { domain, form } => self.each(Some(domain), |domain| domain.form = *form),
            DataFault::UpperCase => self.each(None, |domain| domain.name.make_ascii_uppercase()),
            DataFault::Spelling { domain, spelling } => self.each(domain.as_deref(), |domain| {
                domain.name = spelling.of(&domain.name);
            }),
            DataFault::AbsentDomain(name) => self.0.retain(|domain| !is_named(domain, name)),
            DataFault::AbsentDomains(names) => self
                .0
                .retain(|domain| !names.iter().any(|name| is_named(domain, name))),
            DataFault::NoDomains => self.0.clear(),
            DataFault::OutsideWindow
            | DataFault::Flood { .. }
            | DataFault::OtherWindow { .. }
            | DataFault::UnaskedDomain(_)
            | DataFault::OnlyOtherDomains(_) => self.misplace(fault, question, truth),
            DataFault::Unordered => {
                self.0.reverse();
                for domain in &mut self.0 {
                    let middle = domain.rows.len() / 2;
                    domain.rows.reverse();
                    domain.rows.rotate_left(middle);
                }
            }
        }
    }

    /// The faults that add or put in what was not asked for: true points, of other times or domains.
    fn misplace(&mut self, fault: &DataFault, question: &Question, truth: Truth) {
        let (first, end) = question.labels;
        let of_domain = |name: &str, from, to| DomainRows::new(truth, name, (from, to), i64::MAX);
        match fault {
            DataFault::OutsideWindow => self.each(None, |domain| {
                let before = of_domain(&domain.name, first - POINT_SECONDS, first);
                let after = of_domain(&domain.name, end, end + POINT_SECONDS);
                domain.rows.splice(0..0, before.rows);
                domain.rows.extend(after.rows);
            }),
            DataFault::Flood { points, mutation } => {
                if let Some(domain) = self.0.first_mut() {
                    let points = to_i64(*points);
                    let from = first.saturating_sub(points.saturating_mul(POINT_SECONDS));
                    let mut flood = of_domain(&domain.name, from, first);
                    for row in &mut flood.rows {
                        row.mutation = *mutation;
                    }
                    domain.rows.splice(0..0, flood.rows);
                }
            }
            DataFault::OtherWindow { seconds } => self.each(None, |domain| {
                let (from, to) = (first.saturating_add(*seconds), end.saturating_add(*seconds));
                domain.rows = of_domain(&domain.name, from, to).rows;
            }),
            DataFault::UnaskedDomain(name) => self.0.push(of_domain(name, first, end)),
            DataFault::OnlyOtherDomains(names) => {
                self.0 = names.iter().map(|name| of_domain(name, first, end)).collect();
            }
            _ => {}
        }
    }

    /// Hands the domain of this name, or every one, to `change`.
    fn each(&mut self, name: Option<&str>, change: impl FnMut(&mut DomainRows)) {
        self.0
            .iter_mut()
            .filter(|domain| name.is_none_or(|name| is_named(domain, name)))
            .for_each(change);
    }

    /// Hands the row of this domain and slot to `change`, which pushes what takes its place.
    fn change(&mut self, domain: &str, slot: i64, change: impl Fn(Row, &mut Vec<Row>)) {
        self.each(Some(domain), |domain| {
            if let Some(position) = domain.rows.iter().position(|row| row.point.ts == slot) {
                let tail = domain.rows.split_off(position + 1);
                if let Some(row) = domain.rows.pop() {
                    change(row, &mut domain.rows);
                }
                domain.rows.extend(tail);
            }
        });
    }
}

fn is_named(domain: &DomainRows, name: &str) -> bool {
    domain.name.eq_ignore_ascii_case(name)
}
