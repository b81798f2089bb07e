//! One point of an answer.
//!
//! Documented: `[time, bandwidth, requests, {code: count}]`. A sister endpoint describes such arrays and
//! prints objects in its example. So objects with `time`, `bandwidth` and `pv` are taken too, with the codes
//! in a member of their own or next to the figures (inferred).

use serde_json::value::RawValue;

use super::codes::CodeReader;
use super::figure::{rounded, whole};
use super::number;
use super::row_error::RowError;
use crate::api::envelope::raw;
use crate::model::points::SetIndex;
use crate::model::{UnixSeconds, text};

const TIME: &str = "time";
const BANDWIDTH: &str = "bandwidth";
const REQUESTS: &str = "number of requests";

/// The figures of a point; its counts are [`CodeReader::counts`].
#[derive(Debug, Clone, Copy)]
pub(super) struct PointFigures {
    pub(super) ts: UnixSeconds,
    pub(super) bandwidth: i64,
    pub(super) pv: i64,
    pub(super) set: SetIndex,
}

/// Reads one point.
pub(super) fn read<'a>(row: &'a RawValue, codes: &mut CodeReader<'a>) -> Result<PointFigures, RowError> {
    codes.begin();
    if raw::is_list(row) {
        array(row, codes)
    } else if raw::is_object(row) {
        object(row, codes)
    } else {
        Err(RowError::point("the point is neither an array nor an object"))
    }
}

fn array<'a>(row: &'a RawValue, codes: &mut CodeReader<'a>) -> Result<PointFigures, RowError> {
    // Any four pieces do, so only their number can be wrong.
    let Ok([ts, bandwidth, pv, counts]) = serde_json::from_str::<[&RawValue; 4]>(row.get()) else {
        return Err(RowError::point(
            "the point has not exactly four parts: time, bandwidth, number of requests, status codes",
        ));
    };
    let (ts, bandwidth, pv) = (
        whole(TIME, ts)?,
        rounded(BANDWIDTH, bandwidth)?,
        whole(REQUESTS, pv)?,
    );
    if !raw::is_object(counts) {
        return Err(RowError::point("the status codes are not an object"));
    }
    raw::members(counts, |key, value| count(codes, key, value))?;
    Ok(PointFigures {
        ts,
        bandwidth,
        pv,
        set: codes.set()?,
    })
}

fn object<'a>(row: &'a RawValue, codes: &mut CodeReader<'a>) -> Result<PointFigures, RowError> {
    let (mut ts, mut bandwidth, mut pv) = (None, None, None);
    let (mut in_object, mut inline) = (false, false);
    raw::members(row, |key, value| {
        let is_repeated = match raw::string(key).map_err(RowError::point)?.as_ref() {
            "time" => ts.replace(whole(TIME, value)?).is_some(),
            "bandwidth" => bandwidth.replace(rounded(BANDWIDTH, value)?).is_some(),
            "pv" => pv.replace(whole(REQUESTS, value)?).is_some(),
            _ if raw::is_object(value) => {
                if !inline && !in_object {
                    raw::members(value, |key, value| count(codes, key, value))?;
                }
                std::mem::replace(&mut in_object, true)
            }
            name if is_inline_code(name) => {
                inline = true;
                count(codes, key, value)?;
                false
            }
            name => {
                let name = text::printable(name);
                return Err(RowError::point(format!(
                    "the point has an unknown member `{name}`"
                )));
            }
        };
        if is_repeated {
            return Err(RowError::point(
                "the point has a member twice, or two objects of codes",
            ));
        }
        Ok(())
    })?;
    if in_object && inline {
        return Err(RowError::point(
            "the point has status codes in an object and beside it",
        ));
    }
    if !in_object && !inline {
        return Err(RowError::point("the point has no status codes"));
    }
    let set = codes.set()?;
    let (Some(ts), Some(bandwidth), Some(pv)) = (ts, bandwidth, pv) else {
        return Err(RowError::point(
            "the point misses one of `time`, `bandwidth` and `pv`",
        ));
    };
    Ok(PointFigures {
        ts,
        bandwidth,
        pv,
        set,
    })
}

/// Reads one status code and its count.
fn count<'a>(codes: &mut CodeReader<'a>, key: &'a RawValue, value: &'a RawValue) -> Result<(), RowError> {
    let code = codes.code(raw::quoted(key).unwrap_or_default())?;
    let count = match number::integer(value.get()) {
        Ok(count) => count,
        Err(_) => whole(&format!("count of code `{}`", codes.name(code)), value)?,
    };
    codes.count(code, count);
    Ok(())
}

/// Returns the time of a point that could not be taken, where that can be read.
pub(super) fn time_of(row: &RawValue) -> Option<UnixSeconds> {
    let mut time = None;
    // An error ends the walk; here it means that the time was found.
    let _ = raw::elements(row, |part| {
        time = Some(part);
        Err(())
    });
    let _ = raw::members(row, |key, value| {
        if key.get() != "\"time\"" {
            return Ok(());
        }
        time = Some(value);
        Err(())
    });
    whole(TIME, time?).ok()
}

/// Returns whether a member next to the figures is certain to be a status code.
fn is_inline_code(name: &str) -> bool {
    name == "other" || (1..=3).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
