//! The usual answer, read in one typed pass.
//!
//! Nearly every answer is written exactly as documented: these members in this order, whole numbers without quotes,
//! one point a slot in the order of time. It is read here, several times as fast as piece by piece. Any other answer
//! is left to [`parse_any`](super::answer::parse_any), which reads the usual ones in the same way.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::entry::Entry;
use super::reader::{AnswerReader, DecodedAnswer, Selection};
use super::row::PointFigures;
use crate::api::envelope::status;

/// The longest answer that is read in this way. The library copies strings where it expects none, and an answer may
/// consist of one string.
const MAX_BYTES: usize = 8 << 20;

/// Reads an answer of the usual form; `None` for any other one.
pub(super) fn parse<'a>(selection: &Selection<'_>, text: &'a str) -> Option<DecodedAnswer<'a>> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut reader = AnswerReader::new(selection, text);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut entry = Entry::default();
    let answer = UsualPart {
        reader: &mut reader,
        entry: &mut entry,
        level: Level::Answer,
    };
    answer.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(reader.finish())
}

/// Reads a part of the answer into the reader, and the points of one entry into `entry`.
struct UsualPart<'p, 's, 'r, 'a> {
    reader: &'p mut AnswerReader<'s, 'r, 'a>,
    entry: &'p mut Entry<'a>,
    level: Level,
}

/// Which part of the answer is read.
#[derive(Debug, Clone, Copy)]
enum Level {
    Answer,
    Entries,
    Entry,
    Rows,
    Row,
    Codes,
}

impl<'s, 'r, 'a> UsualPart<'_, 's, 'r, 'a> {
    fn inner(&mut self, level: Level) -> UsualPart<'_, 's, 'r, 'a> {
        UsualPart {
            reader: self.reader,
            entry: self.entry,
            level,
        }
    }
}

impl<'a> DeserializeSeed<'a> for UsualPart<'_, '_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.level {
            Level::Answer | Level::Entry | Level::Codes => deserializer.deserialize_map(self),
            Level::Entries | Level::Rows | Level::Row => deserializer.deserialize_seq(self),
        }
    }
}

impl<'a> Visitor<'a> for UsualPart<'_, '_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the usual answer")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        match self.level {
            Level::Answer => {
                expect_key(&mut map, "status")?;
                if map.next_value::<i64>()? != status::SUCCESS {
                    return Err(unusual());
                }
                expect_key(&mut map, "msg")?;
                map.next_value::<IgnoredAny>()?;
                expect_key(&mut map, "data")?;
                map.next_value_seed(self.inner(Level::Entries))
            }
            Level::Entry => {
                expect_key(&mut map, "domain")?;
                let domain = map.next_value::<&str>()?;
                expect_key(&mut map, "data")?;
                *self.entry = Entry::default();
                map.next_value_seed(self.inner(Level::Rows))?;
                let place = self.reader.vacant(domain).ok_or_else(unusual)?;
                *place = Some(std::mem::take(self.entry));
                Ok(())
            }
            Level::Codes => {
                while let Some(key) = map.next_key::<&str>()? {
                    let code = self.reader.codes.code(key).map_err(|_| unusual())?;
                    self.reader.codes.count(code, figure(map.next_value()?)?);
                }
                Ok(())
            }
            Level::Entries | Level::Rows | Level::Row => Err(unusual()),
        }
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut next = || list.next_element::<u64>()?.map_or_else(|| Err(unusual()), figure);
        match self.level {
            Level::Entries => {
                while list.next_element_seed(self.inner(Level::Entry))?.is_some() {}
                Ok(())
            }
            Level::Rows => {
                while list.next_element_seed(self.inner(Level::Row))?.is_some() {}
                Ok(())
            }
            Level::Row => {
                let (ts, bandwidth, pv) = (next()?, next()?, next()?);
                self.reader.codes.begin();
                list.next_element_seed(self.inner(Level::Codes))?
                    .ok_or_else(unusual)?;
                let figures = PointFigures {
                    ts,
                    bandwidth,
                    pv,
                    set: self.reader.codes.set().map_err(|_| unusual())?,
                };
                let is_taken = self.reader.take_plain(self.entry, figures);
                if is_taken { Ok(()) } else { Err(unusual()) }
            }
            Level::Answer | Level::Entry | Level::Codes => Err(unusual()),
        }
    }
}

fn expect_key<'a, A: MapAccess<'a>>(map: &mut A, expected: &str) -> Result<(), A::Error> {
    let key = map.next_key::<&str>()?;
    if key == Some(expected) {
        Ok(())
    } else {
        Err(unusual())
    }
}

fn figure<E: Error>(number: u64) -> Result<i64, E> {
    i64::try_from(number).map_err(|_| unusual())
}

fn unusual<E: Error>() -> E {
    E::custom("not the usual answer")
}
