//! The faults that an answer can have.

use std::time::Duration;

use super::data_fault::DataFault;
use super::listing_fault::ListingFault;

/// A message that attacks the terminal that shows it: it moves the cursor, sets the title, writes the clipboard, forges
/// a log line, and reverses the reading direction.
pub const HOSTILE_TEXT: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}]52;c;cm0gLXJm\u{7}\r\n2026-01-01 INFO all is well\u{202e}txt.exe\u{9b}31m\0";

/// A fault that one request meets.
///
/// There is a fault for each kind of wrong answer that the program must not believe:
///
/// | the answer | the fault |
/// |---|---|
/// | 21 for any window; 42 to 45 for a short window; 22 for a few domains; 15, 18 for an own domain; 3, 4, 7, 20 | [`Fault::envelope`] |
/// | 413; 401, 403, 407; a redirect | [`Fault::http`], [`Fault::Redirect`] |
/// | too large, or announced as too large | [`Fault::HugeBody`], [`Fault::GzipBomb`], [`Fault::HugeLength`] |
/// | a page, another shape, a cut body | [`Fault::Html`], [`Fault::Json`], [`Fault::Truncated`], [`Fault::TruncatedJson`] |
/// | 206, another 2xx | [`Fault::UnderStatus`] |
/// | surplus bytes after the answer | [`Fault::Followed`] |
/// | text in another encoding | [`Fault::GbkMessage`] |
/// | wrong data | [`Fault::Data`]; see the table of [`DataFault`] |
/// | a wrong list of domains | [`Fault::Listing`] |
///
/// A fault replaces the answer without a check of the request, as the fault of a gateway does. Variants that send "the
/// correct answer" do check the request: their answer may be a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No fault: the request is answered.
    None,
    /// HTTP 200 with this envelope status and no data. Without `msg`: the documented meaning of the status.
    Envelope {
        /// The status, documented or not.
        status: i64,
        /// The notification text.
        msg: Option<String>,
    },
    /// This HTTP status with a small HTML page.
    Http {
        /// Any status from 100 to 999.
        status: u16,
        /// The `Retry-After` header.
        retry_after: Option<RetryAfter>,
    },
    /// The connection is reset before a byte of the answer.
    ResetBeforeAnswer,
    /// The correct answer; the connection is reset after half of the body.
    ResetMidBody,
    /// The correct answer; the connection is closed after half of what `Content-Length` promises.
    Truncated,
    /// The correct answer cut in half, with a `Content-Length` that fits the half.
    TruncatedJson,
    /// The correct answer with the body in this many pieces and a pause before each.
    SlowBody {
        /// How many pieces; at least one byte each.
        pieces: usize,
        /// Before each piece.
        pause: Duration,
    },
    /// The correct answer, with a pause before each byte of the head.
    SlowHead {
        /// Before each byte.
        pause: Duration,
    },
    /// No answer, for as long as the client keeps the connection.
    Hang,
    /// HTTP 200 with the HTML page of a captive portal.
    Html,
    /// HTTP 200 with no body.
    Empty,
    /// HTTP 200 with this text as JSON body, such as `null`, `[]`, or an envelope no variant makes.
    Json(String),
    /// The correct answer under another content type.
    ContentType(String),
    /// The correct answer after a byte order mark.
    ByteOrderMark,
    /// A redirect (301, 302, 303, 307, 308) to this address.
    Redirect {
        /// The HTTP status.
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// HTTP 200 with a chunked body of this many MiB of blanks inside an array that does not end.
    HugeBody {
        /// The size in MiB.
        mebibytes: usize,
    },
    /// HTTP 200 with a compressed body that unpacks to this many MiB.
    GzipBomb {
        /// The unpacked size in MiB.
        mebibytes: usize,
    },
    /// The correct answer under a `Content-Length` of this many bytes; the connection is closed after it.
    HugeLength {
        /// The value of the header.
        bytes: u64,
    },
    /// The correct answer under another HTTP status than 200, such as 206.
    UnderStatus {
        /// The HTTP status.
        status: u16,
        /// A fault in the data, in addition.
        data: Option<DataFault>,
    },
    /// The correct answer, and immediately after it on the same connection a second response: the answer to
    /// the same request under this fault.
    Followed(Box<Self>),
    /// The correct answer, or an envelope with `status`. Its message is in the GBK encoding.
    GbkMessage {
        /// The status of the envelope.
        status: Option<i64>,
    },
    /// HTTP 200 with nested arrays as `data`, this many deep.
    DeepNesting {
        /// How many arrays.
        depth: usize,
    },
    /// Exactly these bytes as body. `Content-Length` and `Date` are added unless `headers` has them.
    Verbatim {
        /// The HTTP status.
        http_status: u16,
        /// Header names and values.
        headers: Vec<(String, String)>,
        /// The body as it is, never compressed.
        body: Vec<u8>,
    },
    /// The request is checked, and the answer holds wrong data. A request that lists domains is answered.
    Data(DataFault),
    /// The request is checked, and the answer holds a wrong list of domains. A request for statistics is answered.
    Listing(ListingFault),
}

/// The value of a `Retry-After` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// An HTTP date this many seconds after the simulator's clock; in the past when negative.
    Date(i64),
    /// Anything, such as `soon`, `-1` or `1e20`.
    Raw(String),
}

impl Fault {
    /// An envelope status with its documented meaning as message.
    #[must_use]
    pub fn envelope(status: i64) -> Self {
        Self::Envelope { status, msg: None }
    }

    /// An envelope status with [`HOSTILE_TEXT`] as message.
    #[must_use]
    pub fn hostile(status: i64) -> Self {
        Self::Envelope {
            status,
            msg: Some(HOSTILE_TEXT.to_owned()),
        }
    }

    /// An HTTP status without `Retry-After`.
    #[must_use]
    pub fn http(status: u16) -> Self {
        Self::Http {
            status,
            retry_after: None,
        }
    }

    /// An HTTP status with `Retry-After`.
    #[must_use]
    pub fn http_retry(status: u16, retry_after: RetryAfter) -> Self {
        Self::Http {
            status,
            retry_after: Some(retry_after),
        }
    }

    /// The correct answer under HTTP 206, with only the first half of each series.
    #[must_use]
    pub fn partial_content() -> Self {
        Self::UnderStatus {
            status: 206,
            data: Some(DataFault::CutSeries {
                domain: None,
                kept_percent: 50,
            }),
        }
    }

    /// The correct answer, followed by a response in which every list is empty.
    #[must_use]
    pub fn surplus() -> Self {
        Self::Followed(Box::new(Self::Data(DataFault::NoPoints)))
    }
}

impl From<ListingFault> for Fault {
    fn from(fault: ListingFault) -> Self {
        Self::Listing(fault)
    }
}

impl From<DataFault> for Fault {
    fn from(fault: DataFault) -> Self {
        Self::Data(fault)
    }
}
