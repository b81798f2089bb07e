//! Turns errors of the HTTP library into failures.

use std::error::Error as StdError;
use std::io;

use reqwest::StatusCode;

use super::failure::FailureKind;
use crate::model::text;
use crate::redact::Secrets;

/// Returns the failure that an error of the library means. It shows nothing of the request, and no secret that the
/// server has put into it, such as the name in a certificate.
pub(super) fn failure(error: &reqwest::Error, secrets: &Secrets) -> FailureKind {
    let what = cause(error, secrets);
    if error.is_timeout() {
        return if error.is_connect() {
            FailureKind::Timeout {
                what: "connecting took too long".to_owned(),
            }
        } else {
            silence()
        };
    }
    if chain(error).any(distrusts) {
        return FailureKind::Tls { what };
    }
    if error.is_connect() {
        // The type of this error is private to the HTTP library, so its text decides.
        if what.contains("proxy authorization required") {
            return FailureKind::Http {
                status: StatusCode::PROXY_AUTHENTICATION_REQUIRED.as_u16(),
                shown: what,
            };
        }
        return FailureKind::Connect { what };
    }
    FailureKind::Interrupted { what }
}

/// Returns the failure of a server that did not answer in time.
pub(super) fn silence() -> FailureKind {
    FailureKind::Timeout {
        what: "the answer did not arrive, or came too slowly".to_owned(),
    }
}

/// Returns the failure that an error of the library means once the head of an answer has arrived.
pub(super) fn cut_short(error: &reqwest::Error, secrets: &Secrets) -> FailureKind {
    if error.is_timeout() {
        silence()
    } else {
        FailureKind::CutShort {
            what: cause(error, secrets),
        }
    }
}

/// Returns the innermost cause, safe to print. The outer ones only say that a request failed, and may show its URL.
pub(super) fn cause(error: &reqwest::Error, secrets: &Secrets) -> String {
    let innermost = chain(error).last().map(ToString::to_string);
    let innermost = innermost.unwrap_or_else(|| "no cause is known".to_owned());
    // Redact first: a cut could leave a part of a secret.
    text::printable(&secrets.redacted(&innermost))
}

/// Returns the causes of `error`, outermost first, without itself.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |error| inner(*error))
}

/// Returns what `error` wraps. An [`io::Error`] hides the error it was made from, and gives the cause of that instead.
fn inner<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Returns whether the TLS library refuses the server, rather than failing on damaged bytes.
fn distrusts(error: &(dyn StdError + 'static)) -> bool {
    use rustls::{AlertDescription as Alert, Error};
    matches!(
        error.downcast_ref::<Error>(),
        Some(
            Error::InvalidCertificate(_)
                | Error::InvalidCertRevocationList(_)
                | Error::NoCertificatesPresented
                | Error::UnsupportedNameType
                | Error::PeerIncompatible(_)
                | Error::AlertReceived(
                    Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::UnrecognisedName
                )
        )
    )
}
