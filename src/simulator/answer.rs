//! The data of an answer: built from the truth within the limits of the service, written as JSON.

use super::data_fault::EntryForm;
use super::envelope::json_text;
use super::point_entry::PointEntry;
use super::request::CheckedRequest;
use super::settings::{Absence, RowShape, Settings};
use super::time::{DAY, HOUR, POINT_SECONDS, next_multiple};
use super::truth::{Truth, TruthPoint};
use crate::model::convert::to_usize;

/// The longest series that gets its memory in advance.
const MAX_RESERVED_SECONDS: i64 = 31 * DAY;

/// The points of one domain, under the name that the answer gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainEntry {
    pub(super) name: String,
    pub(super) points: Vec<PointEntry>,
    pub(super) form: EntryForm,
}

impl DomainEntry {
    /// Returns the points of `[start, end)` as known at the moment `now`.
    pub(super) fn new(truth: Truth, name: &str, (start, end): (i64, i64), now: i64) -> Self {
        let seconds = end.min(now).saturating_sub(start).min(MAX_RESERVED_SECONDS);
        let mut points = Vec::with_capacity(to_usize(seconds / POINT_SECONDS + 1));
        points.extend(truth.domain(name).points(start, end, now).map(PointEntry::from));
        Self {
            name: name.to_owned(),
            points,
            form: EntryForm::Right,
        }
    }

    /// Returns the sums of the hours that begin in `[start, end)`.
    fn hourly(truth: Truth, name: &str, (start, end): (i64, i64), now: i64) -> Self {
        let range = (next_multiple(start, HOUR), next_multiple(end, HOUR));
        let mut hours = Self::new(truth, name, range, now);
        hours.coarsen(0, HOUR);
        hours
    }

    /// Keeps one point for each `step` seconds from `start`: the peak bandwidth, and the sum of the requests.
    pub(super) fn coarsen(&mut self, start: i64, step: i64) {
        let mut coarse: Vec<PointEntry> = Vec::new();
        for mut entry in self.points.drain(..) {
            let ts = &mut entry.point.ts;
            *ts -= (*ts - start).rem_euclid(step.max(1));
            match coarse.last_mut().filter(|last| last.point.ts == *ts) {
                Some(last) => merge(&mut last.point, entry.point),
                None => coarse.push(entry),
            }
        }
        self.points = coarse;
    }

    /// Keeps the first part of the points.
    pub(super) fn cut(&mut self, kept_percent: usize) {
        self.points.truncate(self.points.len() * kept_percent / 100);
    }

    fn write(&self, out: &mut Vec<u8>, shape: RowShape) {
        let name = json_text(&self.name);
        let (before, after) = match self.form {
            EntryForm::Right => (format!(r#"{{"domain":{name},"data":["#), "]}"),
            EntryForm::WithoutName => (r#"{"data":["#.to_owned(), "]}"),
            form => return out.extend_from_slice(form.text(&name).as_bytes()),
        };
        out.extend_from_slice(before.as_bytes());
        separated(out, &self.points, |out, entry| entry.write(out, shape));
        out.extend_from_slice(after.as_bytes());
    }
}

/// The `data` of a successful answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerData(pub(super) Vec<DomainEntry>);

impl AnswerData {
    /// Returns what the API reports at the moment `now`.
    pub(crate) fn new(request: &CheckedRequest, settings: &Settings, truth: Truth, now: i64) -> Self {
        let entry = if settings.hourly_always {
            DomainEntry::hourly
        } else {
            DomainEntry::new
        };
        let names = request.domains.iter();
        let mut data = Self(
            names
                .map(|name| entry(truth, name, request.labels, now))
                .collect(),
        );
        let span = request.end - request.start;
        let series_cut = settings
            .series_cut
            .filter(|cut| request.domain_slots() > cut.beyond);
        for domain in &mut data.0 {
            if settings.hourly_beyond_seconds.is_some_and(|limit| span > limit) {
                domain.coarsen(request.start, HOUR);
            }
            if let Some(cut) = series_cut {
                domain.cut(cut.kept_percent);
            }
        }
        if let Some(cap) = settings.row_cap {
            data.cap(cap);
        }
        if settings.absence == Absence::LeftOut {
            data.0.retain(|domain| !domain.points.is_empty());
        }
        data
    }

    /// Keeps the first `rows` points, in the order of the domains.
    pub(super) fn cap(&mut self, mut rows: usize) {
        for domain in &mut self.0 {
            domain.points.truncate(rows);
            rows -= domain.points.len();
        }
    }

    /// Returns the whole body of the answer.
    pub(crate) fn body(&self, shape: RowShape) -> Vec<u8> {
        let points: usize = self.0.iter().map(|domain| domain.points.len()).sum();
        let mut out = Vec::with_capacity(256 + points * 192);
        out.extend_from_slice(br#"{"status":0,"msg":"Successful","data":["#);
        separated(&mut out, &self.0, |out, domain| domain.write(out, shape));
        out.extend_from_slice(b"]}");
        out
    }
}

/// Writes `items` with commas between them.
fn separated<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write(out, item);
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
