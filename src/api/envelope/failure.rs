//! The kinds of failures of a request, and the one place that decides what follows from each.

use std::time::Duration;

use super::reaction::{Reaction, RetryCost};
use super::status::ApiStatus;

/// Why a request failed. `Display` gives a sentence; texts in it are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FailureKind {
    /// No connection, or no such host.
    #[error("no connection: {what}")]
    Connect {
        /// The cause.
        what: String,
    },
    /// One of the time limits passed.
    #[error("no answer in time: {what}")]
    Timeout {
        /// Which step took too long.
        what: String,
    },
    /// The connection ended before the answer began.
    #[error("the connection broke: {what}")]
    Interrupted {
        /// The cause.
        what: String,
    },
    /// The answer began, but its body ended early or arrived damaged.
    #[error("the answer was cut short: {what}")]
    CutShort {
        /// The cause.
        what: String,
    },
    /// An answer arrived that answers another request, or a part of this one.
    #[error("this is not the answer to the request: {what}")]
    NotTheAnswer {
        /// What shows it.
        what: String,
    },
    /// The TLS connection failed: the server did not prove that it is the API.
    #[error("the encrypted connection cannot be trusted: {what}")]
    Tls {
        /// The cause.
        what: String,
    },
    /// An HTTP status that is neither success nor one of those below.
    #[error("the server answered with HTTP status {status}{}", after(": ", .shown))]
    Http {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        shown: String,
    },
    /// An HTTP redirect. It is not followed, because that would send the signature to another host.
    #[error("the server answered with HTTP status {status}, a redirect{}, which is not followed", after(" to ", .host))]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// The host it points to, empty where that cannot be read.
        host: String,
    },
    /// HTTP status 429 or 503: the server asks for a pause.
    #[error("the server is busy (HTTP status {status})")]
    Busy {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait, at most 300 s; `None` where it does not say.
        retry_after: Option<Duration>,
    },
    /// The answer is larger than what is taken at once.
    #[error("the answer is larger than {limit} {unit}")]
    TooLarge {
        /// The most that is taken.
        limit: u64,
        /// What is counted.
        unit: &'static str,
        /// The size that the server announced, in bytes.
        announced: Option<u64>,
    },
    /// The body is not the documented shape.
    #[error("the answer is not what the API documents: {what}{}", after("; it begins with: ", .shown))]
    Format {
        /// What is wrong with it.
        what: String,
        /// Its beginning.
        shown: String,
    },
    /// The API answered with a status other than success.
    #[error("{} (status {}{})", .status.meaning(), .status.code(), after(": ", .message))]
    Api {
        /// The status.
        status: ApiStatus,
        /// The API's message.
        message: String,
    },
    /// The points are further apart than the 5 minutes asked for.
    #[error("the API answered with a point every {seconds} s where 300 s were asked for")]
    Coarse {
        /// The spacing in seconds, a multiple of 3600.
        seconds: i64,
    },
    /// All points lie on full hours. They may be 5-minute points or hourly ones.
    #[error("the API answered with a point every {seconds} s; these may be 5-minute points or hourly ones")]
    Undecided {
        /// The spacing in seconds.
        seconds: i64,
    },
}

fn after(lead: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{lead}{text}")
    }
}

impl FailureKind {
    /// Returns what to do about it. Retry, splitting, summary and exit code all follow from this.
    #[must_use]
    pub fn reaction(&self) -> Reaction {
        match self {
            Self::Connect { .. } | Self::Interrupted { .. } => Reaction::Retry(RetryCost::Normal),
            Self::Timeout { .. } => Reaction::Retry(RetryCost::Timeout),
            Self::Tls { .. } | Self::Redirected { .. } => Reaction::StopConfiguration,
            Self::Http { status, .. } => http_reaction(*status),
            Self::Busy { retry_after, .. } => Reaction::Pause {
                retry_after: *retry_after,
            },
            Self::TooLarge { announced, .. } => Reaction::Smaller {
                announced: *announced,
            },
            Self::Coarse { .. } => Reaction::SplitWindow { max_span: None },
            Self::Undecided { .. } => Reaction::Fail,
            Self::Format { .. } | Self::CutShort { .. } => Reaction::Unreadable,
            Self::NotTheAnswer { .. } => Reaction::RetryOnce,
            Self::Api { status, .. } => status.reaction(),
        }
    }

    /// Returns the status of the envelope, where the API gave one.
    #[must_use]
    pub fn status(&self) -> Option<i64> {
        match self {
            Self::Api { status, .. } => Some(status.code()),
            _ => None,
        }
    }

    /// Returns the next step for the reader, where there is one.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Api { status, .. } => return status.help(),
            Self::Http {
                status: 401 | 403, ..
            } => "check `endpoint` and the account; a proxy on the way may also refuse",
            Self::Http {
                status: 404 | 405, ..
            }
            | Self::Redirected { .. } => "check `endpoint`",
            Self::Http { status: 407, .. } => {
                "check the proxy that `jdcdn-stats check` names, and its user name and password"
            }
            Self::Tls { .. } => {
                "check `endpoint`, this machine's clock and its root certificates; a proxy may intercept the connection"
            }
            Self::TooLarge { .. } | Self::Http { status: 413, .. } => {
                "ask for less at once: shorten `window`, lower `domains_per_request` or raise `max_body`"
            }
            Self::NotTheAnswer { .. } => {
                "check `endpoint`; a proxy on the way may mix up answers or cut them into parts"
            }
            Self::Undecided { .. } => {
                "compare these points with the vendor's console; a later answer with points between full hours settles it"
            }
            _ => return None,
        })
    }
}

fn http_reaction(status: u16) -> Reaction {
    match status {
        401 | 403 => Reaction::StopCredentials,
        407 => Reaction::StopConfiguration,
        413 => Reaction::Smaller { announced: None },
        429 | 503 => Reaction::Pause { retry_after: None },
        500.. => Reaction::Retry(RetryCost::Normal),
        _ => Reaction::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: i64) -> FailureKind {
        FailureKind::Api {
            status: ApiStatus::from_code(code),
            message: "why".to_owned(),
        }
    }

    fn http(status: u16) -> FailureKind {
        FailureKind::Http {
            status,
            shown: String::new(),
        }
    }

    #[test]
    fn every_http_status_has_its_reaction() {
        for status in 100..=999 {
            let expected = match status {
                401 | 403 => Reaction::StopCredentials,
                407 => Reaction::StopConfiguration,
                413 => Reaction::Smaller { announced: None },
                429 | 503 => Reaction::Pause { retry_after: None },
                100..=499 => Reaction::Fail,
                _ => Reaction::Retry(RetryCost::Normal),
            };
            assert_eq!(http(status).reaction(), expected, "{status}");
        }
    }

    #[test]
    fn every_other_failure_has_its_reaction() {
        use FailureKind as Kind;
        let what = String::new;
        let retry_after = Some(Duration::from_secs(7));
        let too_large = |announced| Kind::TooLarge {
            limit: 1,
            unit: "bytes",
            announced,
        };
        let redirected = Kind::Redirected {
            status: 302,
            host: what(),
        };
        let busy = Kind::Busy {
            status: 429,
            retry_after,
        };
        let format = Kind::Format {
            what: what(),
            shown: what(),
        };
        for (kind, expected) in [
            (Kind::Connect { what: what() }, Reaction::Retry(RetryCost::Normal)),
            (
                Kind::Interrupted { what: what() },
                Reaction::Retry(RetryCost::Normal),
            ),
            (
                Kind::Timeout { what: what() },
                Reaction::Retry(RetryCost::Timeout),
            ),
            (Kind::Tls { what: what() }, Reaction::StopConfiguration),
            (redirected, Reaction::StopConfiguration),
            (busy, Reaction::Pause { retry_after }),
            (format, Reaction::Unreadable),
            (Kind::CutShort { what: what() }, Reaction::Unreadable),
            (Kind::NotTheAnswer { what: what() }, Reaction::RetryOnce),
            (api(7), Reaction::StopCredentials),
            (too_large(None), Reaction::Smaller { announced: None }),
            (too_large(Some(7)), Reaction::Smaller { announced: Some(7) }),
            (
                Kind::Coarse { seconds: 3_600 },
                Reaction::SplitWindow { max_span: None },
            ),
            (Kind::Undecided { seconds: 3_600 }, Reaction::Fail),
        ] {
            assert_eq!(kind.reaction(), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_failure_reads_as_a_sentence_with_a_next_step() {
        assert_eq!(
            api(7).to_string(),
            "the API rejected the signature (status 7: why)"
        );
        let key = api(7).help().unwrap();
        for says in [
            "check the secret key",
            "clock shows the right date in UTC+8",
            "by ticket",
        ] {
            assert!(key.contains(says), "{key}");
        }
        assert_eq!(
            api(99).to_string(),
            "the API answered with an undocumented status (status 99: why)"
        );
        let beyond = api(21).help().unwrap();
        assert!(beyond.contains("`fetch.retention`"), "{beyond}");
        assert_eq!(http(404).to_string(), "the server answered with HTTP status 404");
        let redirected = FailureKind::Redirected {
            status: 302,
            host: "evil.example".to_owned(),
        };
        assert_eq!(
            redirected.to_string(),
            "the server answered with HTTP status 302, a redirect to evil.example, which is not followed"
        );
    }
}
