//! The body of an answer, straight into columns.
//!
//! Documented: `{"status": 0, "msg": …, "data": [{"domain": …, "data": [point, …]}, …]}`. Whatever else a
//! body is, it is an error and never "no data": an empty answer that was none would be stored as a gap that
//! nobody asks for again. A point that cannot be taken is set aside with its text; its neighbours are kept.

use std::borrow::Cow;

use super::failure::FailureKind;
use super::json::{Cursor, JsonError};
use super::row::{self, RowError, RowReader};
use super::status::{self, ApiStatus};
use crate::model::{CodeBook, PointColumns, Reject, RejectReason, text};

/// The most points in an answer; 31 days of 200 domains are 1.8 million. It bounds the memory that a hostile
/// answer of tiny points can take.
pub const MAX_POINTS: u64 = 2_000_000;
/// The most entries in an answer; one for each domain is documented.
const MAX_ENTRIES: usize = 10_000;
/// The most points that are set aside one by one. An answer with more is not the documented shape.
const MAX_REJECTS: usize = 20_000;
/// How much of an unknown domain's name is kept; no domain that can be asked for is as long.
const MAX_NAME_CHARS: usize = 300;
/// How much of a body that is not the documented shape is shown.
const SHOWN_CHARS: usize = 120;

/// A successful answer as it came: decoded, not yet compared with what was asked.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// What the API said about each domain, in its order.
    pub entries: Vec<Entry<'a>>,
    /// The codes and sets that the points name, those of points set aside included.
    pub book: CodeBook,
    /// The points in the answer, those set aside included.
    pub received: u64,
    text: &'a str,
}

/// The points of one domain.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The domain as the API wrote it.
    pub domain: String,
    /// The points that could be read, in the order of the answer.
    pub points: PointColumns,
    /// Where the row of each of `points` begins in the body.
    pub starts: Vec<usize>,
    /// The points that could not be read.
    pub rejects: Vec<Reject>,
    /// The whole entry as it was received.
    pub raw: &'a str,
}

impl<'a> Envelope<'a> {
    /// The row that begins at byte `start`, one of [`Entry::starts`], as it was received.
    #[must_use]
    pub fn row(&self, start: usize) -> &'a str {
        Cursor::new(self.text, start).skip_value().unwrap_or_default()
    }
}

/// Decodes a body. It must be UTF-8; a byte order mark is passed over.
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0, whatever else the answer holds.
/// [`FailureKind::TooLarge`] above [`MAX_POINTS`]. [`FailureKind::Format`] for everything that is not the
/// documented shape: no JSON, no whole number as `status`, `status`, `msg` or `data` twice, `data` that is no
/// list of domains with lists of points.
pub fn parse(body: &[u8]) -> Result<Envelope<'_>, FailureKind> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let decoded = match std::str::from_utf8(text) {
        Ok(text) => Reader::default().envelope(text),
        Err(error) => Err(Broken::Shape(
            format!("it is not UTF-8 at byte {}", error.valid_up_to()).into(),
        )),
    };
    decoded.map_err(|broken| match broken {
        Broken::Shape(what) => FailureKind::Format {
            what: what.into_owned(),
            shown: text::printable_bytes(text, SHOWN_CHARS),
        },
        Broken::Status { code, message } => FailureKind::Api {
            status: ApiStatus::from_code(code),
            message,
        },
        Broken::TooManyPoints => FailureKind::TooLarge {
            limit: MAX_POINTS,
            unit: "points",
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
    rejected: usize,
}

impl<'a> Reader<'a> {
    fn envelope(mut self, text: &'a str) -> Result<Envelope<'a>, Broken> {
        let mut cursor = Cursor::new(text, 0);
        cursor.expect(b'{', "no JSON object")?;
        let (mut status, mut message, mut data) = (None, None, None);
        let mut first = true;
        while let Some(key) = cursor.next_key(&mut first)? {
            match key.decode()?.as_ref() {
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
        while cursor.next_element(&mut first)? {
            if entries.len() == MAX_ENTRIES {
                return Err(shape("its `data` has more than 10000 entries"));
            }
            entries.push(self.entry(cursor)?);
        }
        Ok(entries)
    }

    fn entry(&mut self, cursor: &mut Cursor<'a>) -> Result<Entry<'a>, Broken> {
        let start = cursor.clone();
        if !cursor.eat(b'{') {
            return Err(shape("an entry of its `data` is not an object"));
        }
        let (mut domain, mut rows) = (None, None);
        let mut first = true;
        while let Some(key) = cursor.next_key(&mut first)? {
            match key.decode()?.as_ref() {
                "domain" => {
                    if cursor.peek() != Some(b'"') {
                        return Err(shape("a `domain` is not a string"));
                    }
                    let name = cursor.string()?.decode()?;
                    once(&mut domain, name.chars().take(MAX_NAME_CHARS).collect::<String>())?;
                }
                "data" => once(&mut rows, self.rows(cursor)?)?,
                _ => {
                    cursor.skip_value()?;
                }
            }
        }
        let domain = domain.ok_or_else(|| shape("an entry has no `domain`"))?;
        let rows = rows.ok_or_else(|| shape("an entry has no `data`"))?;
        let mut entry = Entry {
            raw: start.until(cursor),
            domain,
            ..rows
        };
        for reject in &mut entry.rejects {
            reject.domain.clone_from(&entry.domain);
        }
        Ok(entry)
    }

    /// The points of an entry whose domain may not be known yet.
    fn rows(&mut self, cursor: &mut Cursor<'a>) -> Result<Entry<'a>, Broken> {
        if !cursor.eat(b'[') {
            return Err(shape("the `data` of a domain is not a list"));
        }
        let mut entry = Entry {
            domain: String::new(),
            points: PointColumns::default(),
            starts: Vec::new(),
            rejects: Vec::new(),
            raw: "",
        };
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
                Err(RowError::Point(what)) => {
                    // What can be passed over is a bad point; what cannot is a broken answer.
                    cursor.go_back(start);
                    let raw = cursor.skip_value()?;
                    let reason = RejectReason::Malformed(what.into_owned());
                    entry
                        .rejects
                        .push(Reject::new("", row::time_of(raw), reason, raw));
                    self.rejected += 1;
                    if self.rejected > MAX_REJECTS {
                        return Err(shape("more than 20000 of its points cannot be read"));
                    }
                }
            }
        }
        Ok(entry)
    }
}

/// The envelope's `data`.
enum Data<'a> {
    Read(Vec<Entry<'a>>),
    Passed(Cursor<'a>),
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
        return Ok(text::printable(&cursor.string()?.decode()?));
    }
    cursor.skip_value()?;
    Ok(String::new())
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Broken> {
    if slot.replace(value).is_some() {
        return Err(shape(
            "it names one of `status`, `msg`, `domain` and `data` twice",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
