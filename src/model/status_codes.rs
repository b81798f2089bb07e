//! The status codes of back-to-origin requests: their class, what they mean, and which of them are origin errors.
//!
//! A code is a text of the server: `0`, `000` and `other` are three codes, and tomorrow there may be another one.
//!
//! The table `code` holds class and origin error, and its checks know the same two rules. So a difference is an error, not a
//! wrong class.

/// What is known about a code. The texts are for people who read a table of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeMeaning {
    /// What the code means, in a few words.
    pub meaning: &'static str,
    /// Who says so: a standard, a server, or the vendor's page.
    pub source: &'static str,
}

/// The class of codes that are origin errors.
///
/// A request is an origin error if it ended with a code of this class. This leaves out failed connections: the vendor may
/// count them as `0`, `000`, `other` or a code from 600 on, but does not say so.
pub const ORIGIN_ERROR_CLASS: &str = "5xx";

const UNKNOWN_SOURCE: &str = "none";
const HTTP: &str = "RFC 9110";
const WEBDAV: &str = "RFC 4918";
const LIMITS: &str = "RFC 6585";
const NGINX: &str = "nginx";
/// The page of the endpoint. It lists these codes in its example, and has no word about them.
const VENDOR: &str = "vendor's page Back-to-origin Statistics";

/// Codes with a meaning, in their order. The names of HTTP are in the registry of the IANA, "Hypertext Transfer Protocol
/// (HTTP) Status Code Registry".
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "0",
        "No published meaning. It is not an HTTP status. Perhaps no answer came.",
        VENDOR,
    ),
    (
        "000",
        "No published meaning. It is not an HTTP status. Perhaps no answer came.",
        VENDOR,
    ),
    ("100", "Go on with the request", HTTP),
    ("101", "The connection changes to another protocol", HTTP),
    ("102", "Still at work, no answer yet", "RFC 2518"),
    ("103", "Hints before the answer", "RFC 8297"),
    ("200", "Success, with the whole content", HTTP),
    ("201", "Success, something new was created", HTTP),
    ("202", "Accepted, but not done yet", HTTP),
    ("203", "Success, changed by a proxy", HTTP),
    ("204", "Success, without content", HTTP),
    ("205", "Success, the form is to be emptied", HTTP),
    ("206", "Success, a part of the content (range request)", HTTP),
    ("207", "Several results in one answer", WEBDAV),
    ("208", "Already listed in this answer", "RFC 5842"),
    ("226", "Success, as a difference to an older copy", "RFC 3229"),
    ("300", "Several addresses to choose from", HTTP),
    ("301", "Moved for good to another address", HTTP),
    ("302", "For now at another address", HTTP),
    ("303", "See the answer at another address", HTTP),
    ("304", "Not changed, the cached copy is still good", HTTP),
    ("305", "Use a proxy (out of use)", HTTP),
    ("306", "Not used any more", HTTP),
    ("307", "For now at another address, same method", HTTP),
    ("308", "Moved for good, same method", HTTP),
    ("400", "The origin cannot read the request", HTTP),
    ("401", "Login required", HTTP),
    ("402", "Payment required", HTTP),
    ("403", "Forbidden by the origin", HTTP),
    ("404", "Not found at the origin", HTTP),
    ("405", "Method not allowed", HTTP),
    ("406", "Nothing in an acceptable form", HTTP),
    ("407", "Login at a proxy required", HTTP),
    ("408", "The origin waited too long for the request", HTTP),
    ("409", "In conflict with the state at the origin", HTTP),
    ("410", "Gone for good", HTTP),
    ("411", "The request must say its length", HTTP),
    ("412", "A condition of the request is not met", HTTP),
    ("413", "The request is too large", HTTP),
    ("414", "The address is too long", HTTP),
    ("415", "The type of the content is not supported", HTTP),
    ("416", "The requested range does not exist", HTTP),
    ("417", "An expectation of the request is not met", HTTP),
    ("418", "Not used", HTTP),
    ("421", "Sent to the wrong server", HTTP),
    ("422", "Readable, but the content makes no sense", HTTP),
    ("423", "Locked", WEBDAV),
    ("424", "Failed because another request failed", WEBDAV),
    ("425", "Too early: the request could be a replay", "RFC 8470"),
    ("426", "Another protocol is required", HTTP),
    ("428", "The request needs a condition", LIMITS),
    ("429", "Too many requests, slow down", LIMITS),
    ("431", "The headers are too large", LIMITS),
    ("444", "nginx closed the connection without an answer", NGINX),
    ("451", "Blocked for legal reasons", "RFC 7725"),
    (
        "464",
        "No published meaning. By its first digit it is in class 4xx.",
        VENDOR,
    ),
    (
        "465",
        "No published meaning. By its first digit it is in class 4xx.",
        VENDOR,
    ),
    (
        "466",
        "No published meaning. By its first digit it is in class 4xx.",
        VENDOR,
    ),
    ("494", "The headers are too large", NGINX),
    ("495", "The client's certificate is not accepted", NGINX),
    ("496", "The client sent no certificate", NGINX),
    ("497", "Plain HTTP on a port for HTTPS", NGINX),
    ("499", "The client closed the connection before the answer", NGINX),
    ("500", "The origin failed", HTTP),
    ("501", "The origin does not support the method", HTTP),
    (
        "502",
        "A gateway got no valid answer from the server behind it",
        HTTP,
    ),
    ("503", "The origin is overloaded or in maintenance", HTTP),
    (
        "504",
        "A gateway got no answer in time from the server behind it",
        HTTP,
    ),
    ("505", "The version of HTTP is not supported", HTTP),
    (
        "506",
        "The origin's content negotiation is set up wrongly",
        "RFC 2295",
    ),
    ("507", "The origin is out of space", WEBDAV),
    ("508", "The origin found an endless loop", "RFC 5842"),
    ("510", "The request lacks an extension", "RFC 2774"),
    ("511", "Login to the network required", LIMITS),
    (
        "512",
        "No published meaning. By its first digit it is in class 5xx, so it counts as an origin error.",
        VENDOR,
    ),
    ("605", "No published meaning. It is not an HTTP status.", VENDOR),
    ("612", "No published meaning. It is not an HTTP status.", VENDOR),
    ("613", "No published meaning. It is not an HTTP status.", VENDOR),
    (
        "other",
        "No published meaning. By its name: codes that are not counted one by one.",
        VENDOR,
    ),
];

/// Returns the class of a code: `2xx` for `206`, and `other` for anything but three digits of which the first is 1 to 5.
#[must_use]
pub fn class(code: &str) -> &'static str {
    match code.as_bytes() {
        [first, second, third] if second.is_ascii_digit() && third.is_ascii_digit() => match first {
            b'1' => "1xx",
            b'2' => "2xx",
            b'3' => "3xx",
            b'4' => "4xx",
            b'5' => "5xx",
            _ => "other",
        },
        _ => "other",
    }
}

/// Returns whether requests with this code are origin errors ([`ORIGIN_ERROR_CLASS`]).
#[must_use]
pub fn is_origin_error(code: &str) -> bool {
    class(code) == ORIGIN_ERROR_CLASS
}

/// Returns what a code means. A code that nobody has described gets a text that says so.
#[must_use]
pub fn meaning(code: &str) -> CodeMeaning {
    let known = KNOWN.iter().find(|(known, ..)| *known == code);
    if let Some(&(_, meaning, source)) = known {
        return CodeMeaning { meaning, source };
    }
    // RFC 9110, section 15: a client treats a code that it does not know as the first one of its class.
    let (meaning, source) = match class(code) {
        "1xx" => (
            "Not a registered HTTP status. It counts as 1xx: not the last answer",
            HTTP,
        ),
        "2xx" => ("Not a registered HTTP status. It counts as 2xx: success", HTTP),
        "3xx" => (
            "Not a registered HTTP status. It counts as 3xx: look elsewhere",
            HTTP,
        ),
        "4xx" => (
            "Not a registered HTTP status. It counts as 4xx: a fault of the request",
            HTTP,
        ),
        "5xx" => (
            "Not a registered HTTP status. It counts as 5xx: a fault of the origin",
            HTTP,
        ),
        _ => (
            "Unknown. Neither HTTP nor the vendor's page has this code.",
            UNKNOWN_SOURCE,
        ),
    };
    CodeMeaning { meaning, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_no_http_status_is_of_no_class() {
        for (code, expected) in [("100", "1xx"), ("206", "2xx"), ("499", "4xx"), ("599", "5xx")] {
            assert_eq!(class(code), expected);
        }
        for code in ["0", "000", "600", "other", "20", "2000", "2x0", "", "２00"] {
            assert_eq!(class(code), "other", "{code}");
        }
    }

    #[test]
    fn an_origin_error_is_a_code_of_class_5xx_and_nothing_else() {
        for code in ["500", "502", "512", "599"] {
            assert!(is_origin_error(code), "{code}");
        }
        for code in ["200", "404", "499", "0", "000", "other", "605", "5000", "5xx"] {
            assert!(!is_origin_error(code), "{code}");
        }
    }

    #[test]
    fn every_code_of_the_vendors_page_without_a_meaning_says_so_and_names_the_page() {
        for code in [
            "0", "000", "other", "464", "465", "466", "512", "605", "612", "613",
        ] {
            let CodeMeaning { meaning, source } = meaning(code);
            assert!(meaning.starts_with("No published meaning."), "{code}: {meaning}");
            assert_eq!(source, VENDOR, "{code}");
        }
    }

    #[test]
    fn a_code_that_nobody_described_says_so_and_claims_no_source_but_its_class() {
        for (code, begin, source) in [
            (
                "299",
                "Not a registered HTTP status. It counts as 2xx",
                "RFC 9110",
            ),
            (
                "477",
                "Not a registered HTTP status. It counts as 4xx",
                "RFC 9110",
            ),
            (
                "566",
                "Not a registered HTTP status. It counts as 5xx",
                "RFC 9110",
            ),
            ("601", "Unknown.", "none"),
            ("00", "Unknown.", "none"),
            ("Other", "Unknown.", "none"),
            ("", "Unknown.", "none"),
        ] {
            let found = meaning(code);
            assert!(found.meaning.starts_with(begin), "{code}: {}", found.meaning);
            assert_eq!(found.source, source, "{code}");
        }
    }

    #[test]
    fn the_known_codes_are_in_order_and_each_has_its_two_texts() {
        for pair in KNOWN.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} and {}", pair[0].0, pair[1].0);
        }
        for (code, meaning, source) in KNOWN {
            assert!(!meaning.is_empty() && !source.is_empty(), "{code}");
            assert!(meaning.len() <= 100, "{code}: {meaning}");
        }
    }
}
