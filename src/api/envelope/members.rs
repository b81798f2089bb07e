//! The members of every answer: `{"status": 0, "msg": …, "data": …}`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::failure::FailureKind;
use super::raw;
use super::status::{self, ApiStatus};
use crate::model::text;

/// How much of a body that is not the documented shape is shown.
const SHOWN_CHARS: usize = 120;

/// Returns `data` of a successful answer, as text.
///
/// # Errors
/// [`FailureKind::Api`] for a status other than 0, whatever else the answer holds.
/// [`FailureKind::Format`] for everything that is not the documented shape: no JSON object, no whole number as
/// `status`, no `data`, one of the members twice.
pub fn successful_data(text: &str) -> Result<&RawValue, FailureKind> {
    let shape = |what: &str| not_documented(what, text);
    // The grammar's own words for a login page or an empty body would help nobody.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(shape("it is no JSON object"));
    }
    let answer = raw::parse(text).map_err(|what| shape(&what))?;
    let (mut status, mut message, mut data) = (None, None, None);
    raw::members(answer, |key, value| {
        let member = match raw::string(key).as_deref() {
            Ok("status") => &mut status,
            Ok("msg") => &mut message,
            Ok("data") => &mut data,
            _ => return Ok(()),
        };
        match member.replace(value) {
            None => Ok(()),
            Some(_) => Err(shape("it names one of `status`, `msg` and `data` twice")),
        }
    })?;
    let status = status.ok_or_else(|| shape("it has no `status`"))?.get();
    // Success needs the exact documented value: `-0`, `0.0` and `"0"` are something else.
    let code = status.parse().ok().filter(|_| status != "-0");
    let code = code.ok_or_else(|| {
        let shown = text::shorten(status, 40);
        shape(&format!("its `status` is `{shown}`, not a whole number"))
    })?;
    if code == status::SUCCESS {
        return data.ok_or_else(|| shape("it has no `data`"));
    }
    // A text that cannot be decoded is shown as it is written.
    let as_written = |message| Cow::from(raw::quoted(message).unwrap_or_default());
    let message = message.map(|message| raw::string(message).unwrap_or_else(|_| as_written(message)));
    Err(FailureKind::Api {
        status: ApiStatus::from_code(code),
        message: text::printable(&message.unwrap_or_default()),
    })
}

/// Returns the failure of an answer that is not the documented shape: what is wrong with it, and its beginning.
#[must_use]
pub fn not_documented(what: &str, text: &str) -> FailureKind {
    FailureKind::Format {
        what: what.to_owned(),
        shown: text::shorten(text, SHOWN_CHARS),
    }
}
