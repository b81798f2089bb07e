//! The body of an answer, straight into columns.
//!
//! Documented: `{"status": 0, "msg": …, "data": [{"domain": …, "data": [point, …]}, …]}`. Another shape of the
//! envelope is an error and never "no data": an empty answer that was none would be stored as a gap that
//! nobody asks for again. An entry of another shape spoils itself alone, and so does a point.

use std::borrow::Cow;

use super::entry::Entry;
use super::frame::Frame;
use super::names;
use super::request::OriginRequest;
use super::row::{self, RowError, RowReader};
use crate::api::envelope::encoding::UNDECODED;
use crate::api::envelope::failure::FailureKind;
use crate::api::envelope::json::{Cursor, JsonError};
use crate::api::envelope::json_string::RawString;
use crate::api::envelope::status::{self, ApiStatus};
use crate::model::convert::to_u64;
use crate::model::reject::MAX_REJECTS;
use crate::model::{CodeBook, Domain, text};

/// The most points in an answer; 31 days of 200 domains are 1.8 million.
pub const MAX_POINTS: u64 = 2_000_000;
/// The most points that are kept of an answer: 31 days of 33 domains. A request whose answer holds more is cut in
/// two, which costs less than the memory.
const MAX_KEPT_POINTS: usize = 300_000;
/// The most counts above zero of all kept points; usually a point has three.
const MAX_KEPT_COUNTS: usize = 1_000_000;
/// The most entries in an answer; one for each domain is documented.
const MAX_ENTRIES: usize = 10_000;
/// How much of an unknown domain's name is kept; no domain that can be asked for is as long.
const MAX_NAME_CHARS: usize = 300;
/// How much of a body that is not the documented shape is shown.
const SHOWN_CHARS: usize = 120;

/// What of an answer is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'r> {
    /// The domains; `None` where all entries are taken for one domain, whatever they are called.
    domains: Option<&'r [Domain]>,
    frame: Frame,
}

impl<'r> Wanted<'r> {
    /// The points that a request asks for.
    #[must_use]
    pub fn by(request: &'r OriginRequest) -> Self {
        Self {
            domains: Some(request.domains()),
            frame: Frame::new(request),
        }
    }

    /// Every point of the answer, as if all were of one domain.
    #[must_use]
    pub fn anything() -> Self {
        Self {
            domains: None,
            frame: Frame::everything(),
        }
    }

    fn places(&self) -> usize {
        self.domains.map_or(1, <[Domain]>::len)
    }

    fn place(&self, name: &str) -> Option<usize> {
        match self.domains {
            Some(asked) => names::position(asked, name),
            None => Some(0),
        }
    }
}

/// A successful answer as it came: decoded, and sorted by what was asked for.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// What the API said about each domain that is wanted, in their order; `None` where it said nothing.
    pub found: Vec<Option<Entry<'a>>>,
    /// The first entries of other domains, by name and text.
    pub strangers: Vec<(String, &'a str)>,
    /// All entries of other domains.
    pub strangers_in_all: u64,
    /// Entries that name no domain: nobody knows whose they are.
    pub strays: u64,
    /// The codes and sets that the points name, those of points set aside included.
    pub book: CodeBook,
    /// The points in the answer, those that could not be read and those of unusable entries included.
    pub received: u64,
    text: &'a str,
}

impl<'a> Envelope<'a> {
    /// The row that begins at byte `start`, as it was received.
    #[must_use]
    pub fn row(&self, start: usize) -> &'a str {
        Cursor::new(self.text, start).skip_value().unwrap_or_default()
    }
}

/// Reads a body, [decoded](crate::api::envelope::encoding::decode).
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0, whatever else the answer holds.
/// [`FailureKind::TooLarge`] above [`MAX_POINTS`], or where too many points would have to be kept.
/// [`FailureKind::Format`] for everything that is not the documented shape: no JSON, no whole number as `status`,
/// `status`, `msg` or `data` twice, `data` that is no list, more entries or status codes than an answer can have.
pub fn parse<'a>(wanted: Wanted<'_>, text: &'a str) -> Result<Envelope<'a>, FailureKind> {
    Reader::new(wanted).envelope(text).map_err(|broken| match broken {
        Broken::Shape(what) => FailureKind::Format {
            what: what.into_owned(),
            shown: text::shorten(text, SHOWN_CHARS),
        },
        Broken::Status { code, message } => FailureKind::Api {
            status: ApiStatus::from_code(code),
            message,
        },
        Broken::TooMany { limit, unit } => FailureKind::TooLarge {
            limit,
            unit,
            announced: None,
        },
    })
}

/// Why there is no envelope.
enum Broken {
    Shape(Cow<'static, str>),
    Status { code: i64, message: String },
    TooMany { limit: u64, unit: &'static str },
}

impl From<JsonError> for Broken {
    fn from(error: JsonError) -> Self {
        Self::Shape(error.to_string().into())
    }
}

fn shape(what: &'static str) -> Broken {
    Broken::Shape(what.into())
}

fn too_many(limit: usize, unit: &'static str) -> Broken {
    Broken::TooMany {
        limit: to_u64(limit),
        unit,
    }
}

struct Reader<'r, 'a> {
    wanted: Wanted<'r>,
    rows: RowReader<'a>,
    found: Vec<Option<Entry<'a>>>,
    strangers: Vec<(String, &'a str)>,
    strangers_in_all: u64,
    strays: u64,
    received: u64,
    kept_points: usize,
    kept_counts: usize,
}

impl<'r, 'a> Reader<'r, 'a> {
    fn new(wanted: Wanted<'r>) -> Self {
        Self {
            wanted,
            rows: RowReader::default(),
            found: (0..wanted.places()).map(|_| None).collect(),
            strangers: Vec::new(),
            strangers_in_all: 0,
            strays: 0,
            received: 0,
            kept_points: 0,
            kept_counts: 0,
        }
    }

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
                    self.entries(&mut cursor)?;
                    once(&mut data, None)?;
                }
                // Before a status it is unknown whether it matters; with another status it does not.
                "data" => {
                    once(&mut data, Some(cursor.clone()))?;
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
        if let Some(mut passed) = data.ok_or_else(|| shape("it has no `data`"))? {
            self.entries(&mut passed)?;
        }
        Ok(Envelope {
            found: self.found,
            strangers: self.strangers,
            strangers_in_all: self.strangers_in_all,
            strays: self.strays,
            book: self.rows.into_book(),
            received: self.received,
            text,
        })
    }
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

mod list;
#[cfg(test)]
mod tests;
