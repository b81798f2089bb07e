//! The data of an answer: built from the truth within the service's limits, written as JSON.

use super::data_fault::EntryForm;
use super::envelope::json_text;
use super::question::Question;
use super::row::Row;
use super::settings::{Absence, RowShape, Settings};
use super::truth::{POINT_SECONDS, Truth, TruthPoint};
use crate::model::convert::to_usize;

const HOUR: i64 = 3_600;
/// A month of slots: longer series grow as they are made.
const MOST_RESERVED: usize = 31 * 288;

/// The points of one domain under the name the answer gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainRows {
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
    pub(super) form: EntryForm,
}

impl DomainRows {
    /// The points of `[start, end)` as known at the moment `now`.
    pub(super) fn new(truth: Truth, name: &str, (start, end): (i64, i64), now: i64) -> Self {
        let points = truth.domain(name);
        let slots = end.min(now).saturating_sub(start) / POINT_SECONDS + 1;
        let mut rows = Vec::with_capacity(to_usize(slots).min(MOST_RESERVED));
        rows.extend(points.points(start, end, now).map(Row::from));
        Self {
            name: name.to_owned(),
            rows,
            form: EntryForm::Right,
        }
    }

    /// The sums of the hours whose full hour lies in `[start, end)`.
    fn hourly(truth: Truth, name: &str, (start, end): (i64, i64), now: i64) -> Self {
        let first = start.saturating_add((-start.rem_euclid(HOUR)).rem_euclid(HOUR));
        // An hour that begins at the last label selected is summed as a whole.
        let past = end.saturating_add((-end.rem_euclid(HOUR)).rem_euclid(HOUR));
        let mut hours = Self::new(truth, name, (first, past), now);
        hours.coarsen(0, HOUR);
        hours
    }

    /// Leaves one point for each `step` seconds from `start`: the peak bandwidth, and all requests.
    pub(super) fn coarsen(&mut self, start: i64, step: i64) {
        let step = step.max(1);
        let mut coarse: Vec<Row> = Vec::new();
        for row in self.rows.drain(..) {
            let ts = row.point.ts - (row.point.ts - start).rem_euclid(step);
            match coarse.last_mut().filter(|last| last.point.ts == ts) {
                Some(last) => merge(&mut last.point, row.point),
                None => coarse.push(Row {
                    point: TruthPoint { ts, ..row.point },
                    ..row
                }),
            }
        }
        self.rows = coarse;
    }

    /// Leaves the first part of the rows.
    pub(super) fn cut(&mut self, kept_percent: usize) {
        self.rows.truncate(self.rows.len() * kept_percent / 100);
    }

    fn write(&self, out: &mut Vec<u8>, shape: RowShape) {
        let name = || json_text(&self.name);
        match self.form {
            EntryForm::Right => {
                out.extend_from_slice(b"{\"domain\":");
                out.extend_from_slice(name().as_bytes());
                out.extend_from_slice(b",\"data\":[");
                self.write_rows(out, shape);
                out.extend_from_slice(b"]}");
            }
            EntryForm::WithoutName => {
                out.extend_from_slice(b"{\"data\":[");
                self.write_rows(out, shape);
                out.extend_from_slice(b"]}");
            }
            EntryForm::Null => out.extend_from_slice(b"null"),
            EntryForm::EmptyObject => out.extend_from_slice(b"{}"),
            EntryForm::Text => out.extend_from_slice(name().as_bytes()),
            EntryForm::Number => out.push(b'0'),
            EntryForm::List => out.extend_from_slice(b"[]"),
            EntryForm::NullData => {
                out.extend_from_slice(format!(r#"{{"domain":{},"data":null}}"#, name()).as_bytes());
            }
            EntryForm::ObjectData => {
                out.extend_from_slice(format!(r#"{{"domain":{},"data":{{}}}}"#, name()).as_bytes());
            }
            EntryForm::WithoutData => {
                out.extend_from_slice(format!(r#"{{"domain":{}}}"#, name()).as_bytes());
            }
        }
    }

    fn write_rows(&self, out: &mut Vec<u8>, shape: RowShape) {
        for (position, row) in self.rows.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            row.write(out, shape);
        }
    }
}

/// The `data` of a successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer(pub(super) Vec<DomainRows>);

impl Answer {
    /// What the API reports when asked at the moment `now`.
    pub(crate) fn new(question: &Question, settings: &Settings, truth: Truth, now: i64) -> Self {
        let of_domain = if settings.hourly_always {
            DomainRows::hourly
        } else {
            DomainRows::new
        };
        let domains = question.domains.iter();
        let mut answer = Self(
            domains
                .map(|name| of_domain(truth, name, question.labels, now))
                .collect(),
        );
        let span = question.end - question.start;
        if settings.hourly_beyond_seconds.is_some_and(|limit| span > limit) {
            for domain in &mut answer.0 {
                domain.coarsen(question.start, HOUR);
            }
        }
        if let Some(cut) = settings.series_cut
            && question.domain_slots() > cut.beyond
        {
            for domain in &mut answer.0 {
                domain.cut(cut.kept_percent);
            }
        }
        if let Some(cap) = settings.row_cap {
            answer.cap(cap);
        }
        if settings.absence == Absence::LeftOut {
            answer.0.retain(|domain| !domain.rows.is_empty());
        }
        answer
    }

    /// Leaves the first `rows` rows.
    pub(super) fn cap(&mut self, mut rows: usize) {
        for domain in &mut self.0 {
            domain.rows.truncate(rows);
            rows -= domain.rows.len();
        }
    }

    /// The whole body of the answer.
    pub(crate) fn body(&self, shape: RowShape) -> Vec<u8> {
        let points: usize = self.0.iter().map(|domain| domain.rows.len()).sum();
        let mut out = Vec::with_capacity(256 + points * 192);
        out.extend_from_slice(br#"{"status":0,"msg":"Successful","data":["#);
        for (position, domain) in self.0.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            domain.write(&mut out, shape);
        }
        out.extend_from_slice(b"]}");
        out
    }
}

fn merge(into: &mut TruthPoint, point: TruthPoint) {
    into.bandwidth = into.bandwidth.max(point.bandwidth);
    into.pv += point.pv;
    for (code, count) in point.codes {
        match into.codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, sum)) => *sum += count,
            None => into.codes.push((code, count)),
        }
    }
}
