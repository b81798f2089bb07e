//! The small texts of HTTP.

use std::io::Write as _;

use chrono::DateTime;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A moment as HTTP headers write it.
pub(crate) fn http_date(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0)
        .map(|time| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

/// These blocks, one after another, compressed.
pub(crate) fn gzip<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for block in blocks {
        // Writing to a Vec cannot fail.
        let _ = encoder.write_all(block);
    }
    encoder.finish().unwrap_or_default()
}

/// The text behind an HTTP status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
