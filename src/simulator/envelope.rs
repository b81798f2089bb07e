//! The envelope of an answer: a status and its message.

/// Returns the body of an answer without data.
pub(crate) fn envelope(status: i64, msg: &str) -> Vec<u8> {
    format!(r#"{{"status":{status},"msg":{}}}"#, json_text(msg)).into_bytes()
}

/// Returns the documented meaning of an envelope status.
pub(crate) fn message(status: i64) -> &'static str {
    match status {
        -1 => "interface call exception",
        0 => "Successful",
        1 => "failed",
        2 => "a parameter is required",
        3 => "user name required",
        4 => "signature required",
        7 => "signature incorrect",
        8 => "interface call failed",
        12 => "domain required",
        13 => "start time required",
        14 => "time format must be yyyy-MM-dd HH:mm",
        15 | 18 => "a domain that is not the user's",
        19 => "start time later than end time",
        20 => "user name does not exist",
        21 => "the date must be within one month",
        22 => "more domains than the account has",
        41 => "a field is required",
        42 => "only 7 days may be queried",
        43 => "only 1 day may be queried",
        44 => "only 31 days may be queried",
        45 => "only 30 days may be queried",
        _ => "unknown error",
    }
}

/// "成功" ("success") in GBK, which is not UTF-8.
pub(crate) const GBK_MESSAGE: &[u8] = b"\xb3\xc9\xb9\xa6";

/// Replaces the message of `body` by one in the GBK encoding.
pub(crate) fn in_gbk(body: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = br#""msg":""#;
    let start = body.windows(NAME.len()).position(|part| part == NAME);
    let Some((head, rest)) = start.and_then(|at| body.split_at_checked(at + NAME.len())) else {
        return body.to_vec();
    };
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(0);
    [head, GBK_MESSAGE, rest.get(end..).unwrap_or_default()].concat()
}

/// Returns `text` as a JSON string.
pub(crate) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
