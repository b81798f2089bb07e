//! The body of an answer, straight into columns.
//!
//! Documented: `{"status": 0, "msg": …, "data": [{"domain": …, "data": [point, …]}, …]}`. Another shape of the
//! envelope is an error and never "no data": an empty answer that was none would be stored as a gap that
//! nobody asks for again. An entry of another shape spoils itself alone, and so does a point.

use std::borrow::Cow;

use super::encoding::UNDECODED;
use super::failure::FailureKind;
use super::json::{Cursor, JsonError};
use super::json_string::RawString;
use super::row::{self, RowError, RowReader};
use super::status::{self, ApiStatus};
use crate::model::{CodeBook, PointColumns, UnixSeconds, text};

/// The most points in an answer; 31 days of 200 domains are 1.8 million. It bounds the memory that a hostile
/// answer of tiny points can take.
pub const MAX_POINTS: u64 = 2_000_000;
/// The most entries in an answer; one for each domain is documented.
const MAX_ENTRIES: usize = 10_000;
/// How much of an unknown domain's name is kept; no domain that can be asked for is as long.
const MAX_NAME_CHARS: usize = 300;
/// How much of a body that is not the documented shape is shown.
const SHOWN_CHARS: usize = 120;

/// A successful answer as it came: decoded, not yet compared with what was asked.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// What the API said about each domain, in its order.
    pub entries: Vec<Entry<'a>>,
    /// Entries that name no domain: nobody knows whose they are.
    pub strays: u64,
    /// The codes and sets that the points name, those of points set aside included.
    pub book: CodeBook,
    /// The points in the answer, those that could not be read and those of unusable entries included.
    pub received: u64,
    text: &'a str,
}

/// What the API said about one domain.
#[derive(Debug, Default)]
pub struct Entry<'a> {
    /// The domain as the API wrote it.
    pub domain: String,
    /// Whether there is anything but one list of points for the domain. Then no point is taken.
    pub malformed: bool,
    /// The points that could be read, in the order of the answer.
    pub points: PointColumns,
    /// Where the row of each of `points` begins in the text.
    pub starts: Vec<usize>,
    /// The points that could not be read.
    pub unreadable: Vec<UnreadableRow>,
    /// The whole entry as it was received.
    pub raw: &'a str,
}

/// A point that could not be read. Why stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableRow {
    /// Where it begins in the text.
    pub start: usize,
    /// Its time, where that can be read.
    pub ts: Option<UnixSeconds>,
}

impl<'a> Envelope<'a> {
    /// The row that begins at byte `start`, as it was received.
    #[must_use]
    pub fn row(&self, start: usize) -> &'a str {
        Cursor::new(self.text, start).skip_value().unwrap_or_default()
    }
}

/// Reads a body, [decoded](super::encoding::decode).
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0, whatever else the answer holds.
/// [`FailureKind::TooLarge`] above [`MAX_POINTS`]. [`FailureKind::Format`] for everything that is not the
/// documented shape: no JSON, no whole number as `status`, `status`, `msg` or `data` twice, `data` that is no
/// list, more entries or status codes than an answer can have.
pub fn parse(text: &str) -> Result<Envelope<'_>, FailureKind> {
    Reader::default().envelope(text).map_err(|broken| match broken {
        Broken::Shape(what) => FailureKind::Format {
            what: what.into_owned(),
            shown: text::shorten(text, SHOWN_CHARS),
        },
        Broken::Status { code, message } => FailureKind::Api {
            status: ApiStatus::from_code(code),
            message,
        },
        Broken::TooManyPoints => FailureKind::TooLarge {
            limit: MAX_POINTS,
            unit: "points",
            announced: None,
        },
    })
}

/// Why there is no envelope.
enum Broken {
    Shape(Cow<'static, str>),
    Status { code: i64, message: String },
    TooManyPoints,
}

impl From<JsonError> for Broken {
    fn from(error: JsonError) -> Self {
        Self::Shape(error.to_string().into())
    }
}

fn shape(what: &'static str) -> Broken {
    Broken::Shape(what.into())
}

#[derive(Default)]
struct Reader<'a> {
    rows: RowReader<'a>,
    received: u64,
    strays: u64,
}

impl<'a> Reader<'a> {
    fn envelope(mut self, text: &'a str) -> Result<Envelope<'a>, Broken> {
        let mut cursor = Cursor::new(text, 0);
        cursor.expect(b'{', "no JSON object")?;
        let (mut status, mut message, mut data) = (None, None, None);
        let mut first = true;
        while let Some(key) = cursor.next_key(&mut first)? {
            match said(key).as_ref() {
                "status" => once(&mut status, read_status(&mut cursor)?)?,
                "msg" => once(&mut message, read_message(&mut cursor)?)?,
                "data" if status == Some(status::SUCCESS) => {
                    once(&mut data, Data::Read(self.entries(&mut cursor)?))?;
                }
                // Before a status it is unknown whether it matters; with another status it does not.
                "data" => {
                    once(&mut data, Data::Passed(cursor.clone()))?;
                    cursor.skip_value()?;
                }
                _ => {
                    cursor.skip_value()?;
                }
            }
        }
        cursor.end()?;
        let code = status.ok_or_else(|| shape("it has no `status`"))?;
        if code != status::SUCCESS {
            let message = message.unwrap_or_default();
            return Err(Broken::Status { code, message });
        }
        let entries = match data.ok_or_else(|| shape("it has no `data`"))? {
            Data::Read(entries) => entries,
            Data::Passed(mut cursor) => self.entries(&mut cursor)?,
        };
        Ok(Envelope {
            entries,
            strays: self.strays,
            book: self.rows.into_book(),
            received: self.received,
            text,
        })
    }

    fn entries(&mut self, cursor: &mut Cursor<'a>) -> Result<Vec<Entry<'a>>, Broken> {
        if !cursor.eat(b'[') {
            return Err(shape("its `data` is not a list"));
        }
        let mut entries = Vec::new();
        let mut first = true;
        let mut count = 0;
        while cursor.next_element(&mut first)? {
            if count == MAX_ENTRIES {
                return Err(shape("its `data` has more than 10000 entries"));
            }
            count += 1;
            match self.entry(cursor)? {
                Some(entry) => entries.push(entry),
                None => self.strays += 1,
            }
        }
        Ok(entries)
    }

    /// An entry; `None` where it does not name one domain.
    fn entry(&mut self, cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>, Broken> {
        let start = cursor.clone();
        if !cursor.eat(b'{') {
            cursor.skip_value()?;
            return Ok(None);
        }
        let (mut domain, mut domains) = (None, 0);
        let (mut rows, mut lists) = (None, 0);
        let mut first = true;
        while let Some(key) = cursor.next_key(&mut first)? {
            match said(key).as_ref() {
                "domain" => {
                    domains += 1;
                    domain = read_name(cursor)?;
                }
                "data" => {
                    lists += 1;
                    rows = self.rows(cursor)?;
                }
                _ => {
                    cursor.skip_value()?;
                }
            }
        }
        let rows = rows.filter(|_| lists == 1);
        Ok(domain.filter(|_| domains == 1).map(|domain| Entry {
            domain,
            malformed: rows.is_none(),
            raw: start.until(cursor),
            ..rows.unwrap_or_default()
        }))
    }

    /// The points of an entry whose domain may not be known yet; `None` where they are no list.
    fn rows(&mut self, cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>, Broken> {
        if cursor.peek() != Some(b'[') {
            cursor.skip_value()?;
            return Ok(None);
        }
        cursor.eat(b'[');
        let mut entry = Entry::default();
        let mut first = true;
        while cursor.next_element(&mut first)? {
            if self.received == MAX_POINTS {
                return Err(Broken::TooManyPoints);
            }
            self.received += 1;
            let start = cursor.position();
            match self.rows.read(cursor, &mut entry.points) {
                Ok(()) => entry.starts.push(start),
                Err(RowError::Answer(what)) => return Err(shape(what)),
                Err(RowError::Point(_)) => {
                    // What can be passed over is a bad point; what cannot is a broken answer.
                    cursor.go_back(start);
                    let ts = row::time_of(cursor.skip_value()?);
                    entry.unreadable.push(UnreadableRow { start, ts });
                }
            }
        }
        Ok(Some(entry))
    }
}

/// The envelope's `data`.
enum Data<'a> {
    Read(Vec<Entry<'a>>),
    Passed(Cursor<'a>),
}

/// What a key says. One that says nothing is none of those that are looked for.
fn said(key: RawString<'_>) -> Cow<'_, str> {
    key.decode().unwrap_or(Cow::Borrowed(key.text()))
}

/// The name of a domain; `None` where it is none that can be used.
fn read_name(cursor: &mut Cursor<'_>) -> Result<Option<String>, Broken> {
    if cursor.peek() != Some(b'"') {
        cursor.skip_value()?;
        return Ok(None);
    }
    let name = cursor.string()?.decode().ok();
    Ok(name
        .filter(|name| !name.trim().is_empty() && !name.contains(UNDECODED))
        .map(|name| name.chars().take(MAX_NAME_CHARS).collect()))
}

/// A status is a whole number without fraction and exponent: success needs the exact documented value.
fn read_status(cursor: &mut Cursor<'_>) -> Result<i64, Broken> {
    let found = cursor.skip_value()?;
    let plain = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    found
        .parse()
        .ok()
        .filter(|_| plain && found != "-0")
        .ok_or_else(|| {
            Broken::Shape(
                format!(
                    "its `status` is `{}`, not a whole number",
                    text::shorten(found, 40)
                )
                .into(),
            )
        })
}

/// The message as plain text, empty unless it is a string.
fn read_message(cursor: &mut Cursor<'_>) -> Result<String, Broken> {
    if cursor.peek() == Some(b'"') {
        return Ok(text::printable(&said(cursor.string()?)));
    }
    cursor.skip_value()?;
    Ok(String::new())
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Broken> {
    if slot.replace(value).is_some() {
        return Err(shape("it names one of `status`, `msg` and `data` twice"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
