//! Gathers the entries of an answer: decoded, placed, and counted.

use serde_json::value::RawValue;

use super::codes::CodeReader;
use super::entry::Entry;
use super::names;
use super::request::OriginRequest;
use super::row::{self, PointFigures};
use super::row_error::RowError;
use super::zones::Zones;
use crate::api::envelope::encoding::UNDECODED;
use crate::api::envelope::failure::FailureKind;
use crate::api::envelope::members::not_documented;
use crate::api::envelope::raw;
use crate::model::convert::to_u64;
use crate::model::reject::MAX_REJECTS;
use crate::model::{CodeBook, Domain};

/// The most points in an answer; 31 days of 200 domains are 1.8 million.
const MAX_POINTS: u64 = 2_000_000;
/// The most points that are kept of an answer: 31 days of 33 domains. A larger request is cut in two,
/// which costs less than the memory.
const MAX_KEPT_POINTS: usize = 300_000;
/// The most counts above zero of all kept points; usually a point has three.
const MAX_KEPT_COUNTS: usize = 1_000_000;
/// How much of an unknown domain's name is kept; no domain that can be asked for is as long.
const MAX_NAME_CHARS: usize = 300;

/// The domains and times that are taken from an answer.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'r> {
    /// The domains; `None` where all entries count as one domain, whatever their names.
    domains: Option<&'r [Domain]>,
    zones: Zones,
}

impl<'r> Selection<'r> {
    /// Returns the points that a request asks for.
    #[must_use]
    pub fn of(request: &'r OriginRequest) -> Self {
        Self {
            domains: Some(request.domains()),
            zones: Zones::new(request),
        }
    }

    /// Returns every point of the answer, as if all were of one domain.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            domains: None,
            zones: Zones::everything(),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        match self.domains {
            Some(domains) => names::position(domains, name),
            None => Some(0),
        }
    }
}

/// A successful answer as it came: decoded, and sorted by domain.
#[derive(Debug)]
pub struct DecodedAnswer<'a> {
    /// What the API said about each selected domain, in their order; `None` where it said nothing.
    pub entries: Vec<Option<Entry<'a>>>,
    /// The first entries of other domains, by name and text.
    pub strangers: Vec<(String, &'a str)>,
    /// How many entries of other domains there are.
    pub strangers_in_all: u64,
    /// How many entries name no domain.
    pub strays: u64,
    /// The codes and sets that the points name, those of points set aside included.
    pub book: CodeBook,
    /// How many points the answer has, with those that could not be read and those of unusable entries.
    pub received: u64,
}

/// Gathers the entries of an answer.
#[derive(Debug)]
pub(super) struct AnswerReader<'s, 'r, 'a> {
    selection: &'s Selection<'r>,
    text: &'a str,
    pub(super) codes: CodeReader<'a>,
    answer: DecodedAnswer<'a>,
    kept_points: usize,
    kept_counts: usize,
}

impl<'s, 'r, 'a> AnswerReader<'s, 'r, 'a> {
    pub(super) fn new(selection: &'s Selection<'r>, text: &'a str) -> Self {
        let domains = selection.domains.map_or(1, <[Domain]>::len);
        Self {
            selection,
            text,
            codes: CodeReader::default(),
            answer: DecodedAnswer {
                entries: (0..domains).map(|_| None).collect(),
                strangers: Vec::new(),
                strangers_in_all: 0,
                strays: 0,
                book: CodeBook::default(),
                received: 0,
            },
            kept_points: 0,
            kept_counts: 0,
        }
    }

    pub(super) fn finish(self) -> DecodedAnswer<'a> {
        DecodedAnswer {
            book: self.codes.into_book(),
            ..self.answer
        }
    }

    /// Returns the place of a selected domain that nothing is known of yet.
    pub(super) fn vacant(&mut self, name: &str) -> Option<&mut Option<Entry<'a>>> {
        let position = self.selection.position(name)?;
        self.answer
            .entries
            .get_mut(position)
            .filter(|place| place.is_none())
    }

    /// Takes an entry of any shape.
    pub(super) fn entry(&mut self, entry: &'a RawValue) -> Result<(), FailureKind> {
        let (mut name, mut names) = (None, 0);
        let (mut rows, mut lists) = (None, 0);
        raw::members(entry, |key, value| {
            match raw::string(key).as_deref() {
                Ok("domain") => {
                    names += 1;
                    name = usable_name(value);
                }
                Ok("data") => {
                    lists += 1;
                    if let Some(earlier) = rows.replace(value) {
                        self.receive_all(earlier)?;
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let name = name.filter(|_| names == 1);
        let position = name.as_deref().and_then(|name| self.selection.position(name));
        match (position, rows) {
            (Some(position), Some(rows)) if lists == 1 && raw::is_list(rows) => {
                return self.merge(position, Some(rows));
            }
            (Some(position), _) => self.merge(position, None)?,
            (None, _) => match name {
                Some(name) => self.stranger(name, entry.get()),
                None => self.answer.strays += 1,
            },
        }
        rows.map_or(Ok(()), |rows| self.receive_all(rows))
    }

    /// Counts an entry of a domain that was not asked for, and keeps its text while there is room.
    fn stranger(&mut self, name: String, text: &'a str) {
        self.answer.strangers_in_all += 1;
        if self.answer.strangers.len() < MAX_REJECTS {
            self.answer.strangers.push((name, text));
        }
    }

    /// Adds points to the entry of a domain; without a list of them it is malformed. An entry that can be used makes up
    /// for one that cannot.
    fn merge(&mut self, position: usize, rows: Option<&'a RawValue>) -> Result<(), FailureKind> {
        let known = self.answer.entries.get_mut(position).and_then(Option::take);
        let known = known.filter(|known| rows.is_none() || !known.malformed);
        let is_new = known.is_none();
        let mut entry = known.unwrap_or_default();
        match rows {
            Some(rows) => raw::elements(rows, |row| {
                self.receive()?;
                self.row(&mut entry, row)
            })?,
            None => entry.malformed |= is_new,
        }
        if let Some(place) = self.answer.entries.get_mut(position) {
            *place = Some(entry);
        }
        Ok(())
    }

    fn row(&mut self, entry: &mut Entry<'a>, row: &'a RawValue) -> Result<(), FailureKind> {
        let zones = &self.selection.zones;
        match row::read(row, &mut self.codes) {
            Ok(figures) => return self.take(entry, Some(row.get()), figures),
            Err(RowError::Answer(what)) => return Err(not_documented(what, self.text)),
            Err(RowError::Point(what)) => entry.take_unreadable(zones, row.get(), row::time_of(row), what),
        }
        Ok(())
    }

    /// Takes a point without its text, and returns true; returns false where the text may be needed.
    pub(super) fn take_plain(&mut self, entry: &mut Entry<'a>, figures: PointFigures) -> bool {
        entry.is_plain(&self.selection.zones, figures.ts)
            && self.receive().is_ok()
            && self.take(entry, None, figures).is_ok()
    }

    fn take(
        &mut self,
        entry: &mut Entry<'a>,
        text: Option<&'a str>,
        figures: PointFigures,
    ) -> Result<(), FailureKind> {
        let (points, counts) = (entry.points.len(), entry.points.counts.len());
        entry.take(&self.selection.zones, text, figures, self.codes.counts());
        self.kept_points += entry.points.len() - points;
        self.kept_counts += entry.points.counts.len() - counts;
        if self.kept_points > MAX_KEPT_POINTS {
            return Err(too_many(to_u64(MAX_KEPT_POINTS), "points to keep"));
        }
        if self.kept_counts > MAX_KEPT_COUNTS {
            return Err(too_many(to_u64(MAX_KEPT_COUNTS), "counts of status codes"));
        }
        Ok(())
    }

    /// Counts the points of a list that is not read.
    fn receive_all(&mut self, rows: &'a RawValue) -> Result<(), FailureKind> {
        if raw::is_list(rows) {
            raw::elements(rows, |_| self.receive())?;
        }
        Ok(())
    }

    /// Counts a point.
    fn receive(&mut self) -> Result<(), FailureKind> {
        if self.answer.received == MAX_POINTS {
            return Err(too_many(MAX_POINTS, "points"));
        }
        self.answer.received += 1;
        Ok(())
    }
}

fn too_many(limit: u64, unit: &'static str) -> FailureKind {
    FailureKind::TooLarge {
        limit,
        unit,
        announced: None,
    }
}

/// Returns the name of a domain; `None` where it is none that can be used.
fn usable_name(value: &RawValue) -> Option<String> {
    let name = raw::string(value).ok()?;
    let is_usable = !name.trim().is_empty() && !name.contains(UNDECODED);
    is_usable.then(|| name.chars().take(MAX_NAME_CHARS).collect())
}
