//! One point of an answer.
//!
//! Documented: `[time, bandwidth, requests, {code: count}]`. A sister endpoint describes such arrays and
//! prints objects in its example, so objects with `time`, `bandwidth` and `pv` are taken too, with the codes
//! in a member of their own or beside the figures (inferred).

use std::borrow::Cow;

use super::codes::{CodesReader, MAX_CODES_OF_POINT, too_many_codes};
use super::figure::{self, Unusable};
use crate::api::envelope::json::{Cursor, JsonError};
use crate::model::points::{CodeIndex, SetIndex};
use crate::model::{CodeBook, UnixSeconds, text};

/// Why a row was not read.
#[derive(Debug)]
pub(super) enum RowError {
    /// This point cannot be taken.
    Point(Cow<'static, str>),
    /// No point of this answer can be taken any more.
    Answer(&'static str),
}

impl RowError {
    pub(super) fn point(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Point(what.into())
    }
}

impl From<JsonError> for RowError {
    fn from(error: JsonError) -> Self {
        Self::point(error.to_string())
    }
}

/// Reads rows.
#[derive(Debug, Default)]
pub(super) struct RowReader<'a> {
    codes: CodesReader<'a>,
}

/// The figures of a point; its counts are [`RowReader::counts`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) ts: UnixSeconds,
    pub(super) bandwidth: i64,
    pub(super) pv: i64,
    pub(super) set: SetIndex,
}

impl<'a> RowReader<'a> {
    /// The codes and sets met so far.
    pub(super) fn into_book(self) -> CodeBook {
        self.codes.into_book()
    }

    /// The counts above zero of the row that was read last.
    pub(super) fn counts(&self) -> &[(CodeIndex, i64)] {
        self.codes.counts()
    }

    /// Reads the row at the cursor. After an error the cursor stands somewhere inside the row.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<Row, RowError> {
        self.codes.begin();
        if cursor.eat(b'[') {
            self.array(cursor)
        } else if cursor.eat(b'{') {
            self.object(cursor)
        } else {
            Err(RowError::point("the point is neither an array nor an object"))
        }
    }

    fn array(&mut self, cursor: &mut Cursor<'a>) -> Result<Row, RowError> {
        let ts = figure::whole(cursor).map_err(unusable("time"))?;
        separator(cursor, b',')?;
        let bandwidth = figure::rounded(cursor).map_err(unusable("bandwidth"))?;
        separator(cursor, b',')?;
        let pv = figure::whole(cursor).map_err(unusable("number of requests"))?;
        separator(cursor, b',')?;
        if !cursor.eat(b'{') {
            return Err(RowError::point("the status codes are not an object"));
        }
        let set = self.codes.object(cursor)?;
        separator(cursor, b']')?;
        Ok(Row {
            ts,
            bandwidth,
            pv,
            set,
        })
    }

    fn object(&mut self, cursor: &mut Cursor<'a>) -> Result<Row, RowError> {
        let (mut ts, mut bandwidth, mut pv, mut set) = (None, None, None, None);
        let mut inline: Vec<CodeIndex> = Vec::new();
        let mut first = true;
        while let Some(key) = cursor.next_key(&mut first)? {
            let repeated = match key.decode()?.as_ref() {
                "time" => ts
                    .replace(figure::whole(cursor).map_err(unusable("time"))?)
                    .is_some(),
                "bandwidth" => bandwidth
                    .replace(figure::rounded(cursor).map_err(unusable("bandwidth"))?)
                    .is_some(),
                "pv" => pv
                    .replace(figure::whole(cursor).map_err(unusable("number of requests"))?)
                    .is_some(),
                _ if cursor.eat(b'{') => set.replace(self.codes.object(cursor)?).is_some(),
                name if is_inline_code(name) => {
                    if inline.len() == MAX_CODES_OF_POINT {
                        return Err(too_many_codes());
                    }
                    let code = self.codes.intern(key)?;
                    self.codes.count(cursor, code)?;
                    inline.push(code);
                    false
                }
                name => {
                    let name = text::printable(name);
                    return Err(RowError::point(format!(
                        "the point has an unknown member `{name}`"
                    )));
                }
            };
            if repeated {
                return Err(RowError::point(
                    "the point has a member twice, or two objects of codes",
                ));
            }
        }
        let set = match (set, inline.is_empty()) {
            (Some(set), true) => set,
            (None, false) => self.codes.set_of(inline)?,
            (None, true) => return Err(RowError::point("the point has no status codes")),
            (Some(_), false) => {
                return Err(RowError::point(
                    "the point has status codes in an object and beside it",
                ));
            }
        };
        let (Some(ts), Some(bandwidth), Some(pv)) = (ts, bandwidth, pv) else {
            return Err(RowError::point(
                "the point misses one of `time`, `bandwidth` and `pv`",
            ));
        };
        Ok(Row {
            ts,
            bandwidth,
            pv,
            set,
        })
    }
}

/// The time of a row that could not be taken, where that can be read.
pub(super) fn time_of(row: &str) -> Option<UnixSeconds> {
    let mut cursor = Cursor::new(row, 0);
    if cursor.eat(b'[') {
        return figure::whole(&mut cursor).ok();
    }
    cursor.expect(b'{', "no object").ok()?;
    let mut first = true;
    while let Some(key) = cursor.next_key(&mut first).ok()? {
        if key.text() == "time" {
            return figure::whole(&mut cursor).ok();
        }
        cursor.skip_value().ok()?;
    }
    None
}

/// Passes what separates the four parts of an array row, or ends it.
fn separator(cursor: &mut Cursor<'_>, wanted: u8) -> Result<(), RowError> {
    if cursor.eat(wanted) {
        return Ok(());
    }
    Err(RowError::point(
        "the point has not exactly four parts: time, bandwidth, number of requests, status codes",
    ))
}

fn unusable(name: &'static str) -> impl Fn(Unusable) -> RowError {
    move |unusable| RowError::point(format!("the {name} is {unusable}"))
}

/// Beside the figures only what is certain to be a status code is taken for one.
fn is_inline_code(name: &str) -> bool {
    name == "other" || (1..=3).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
