//! Denials: answers that refuse the caller (the key, the account, or the way to the API), and not the requested data.
//!
//! Before the first success of a run, a denial ends the run: the key is wrong, and repeating it would look like an
//! attack. After a success the same key has just worked, so a denial is a fault like any other. The request is tried
//! again a few times, and the run ends only if the API keeps denying.

use std::time::Duration;

use crate::api::{ApiStatus, FailureKind, Reaction};
use crate::model::RetryPolicy;

/// The most tries of one request that is denied after a success, with the first one.
const MOST_TRIES: u32 = 5;

/// The kind of a denial. The set is bounded, so that each kind can have a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// Status 3: the user name is missing.
    UserNameRequired,
    /// Status 4: the signature is missing.
    SignatureRequired,
    /// Status 7: the signature is not right.
    SignatureIncorrect,
    /// Status 20: the user name does not exist.
    UserUnknown,
    /// HTTP status 401.
    Unauthorized,
    /// HTTP status 403.
    Forbidden,
    /// HTTP status 407: a proxy on the way refuses.
    ProxyRefuses,
    /// A redirect, which is never followed.
    Redirect,
    /// Anything else that ends a run.
    Other,
}

impl Denial {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::UserNameRequired,
        Self::SignatureRequired,
        Self::SignatureIncorrect,
        Self::UserUnknown,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ProxyRefuses,
        Self::Redirect,
        Self::Other,
    ];

    /// Returns the kind of refusal that `kind` is; `None` for every other failure. A connection that cannot be trusted
    /// is no refusal: nobody knows who answered.
    #[must_use]
    pub fn of(kind: &FailureKind) -> Option<Self> {
        let refuses = matches!(
            kind.reaction(),
            Reaction::StopCredentials | Reaction::StopConfiguration
        );
        refuses.then_some(match kind {
            FailureKind::Tls { .. } => return None,
            FailureKind::Redirected { .. } => Self::Redirect,
            FailureKind::Http { status: 401, .. } => Self::Unauthorized,
            FailureKind::Http { status: 403, .. } => Self::Forbidden,
            FailureKind::Http { status: 407, .. } => Self::ProxyRefuses,
            FailureKind::Api { status, .. } => match *status {
                ApiStatus::USER_NAME_REQUIRED => Self::UserNameRequired,
                ApiStatus::SIGNATURE_REQUIRED => Self::SignatureRequired,
                ApiStatus::SIGNATURE_INCORRECT => Self::SignatureIncorrect,
                ApiStatus::USER_UNKNOWN => Self::UserUnknown,
                _ => Self::Other,
            },
            _ => Self::Other,
        })
    }

    /// Returns its name in the metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UserNameRequired => "status_3",
            Self::SignatureRequired => "status_4",
            Self::SignatureIncorrect => "status_7",
            Self::UserUnknown => "status_20",
            Self::Unauthorized => "http_401",
            Self::Forbidden => "http_403",
            Self::ProxyRefuses => "http_407",
            Self::Redirect => "redirect",
            Self::Other => "other",
        }
    }
}

/// Returns how long all workers pause after a request was refused for the `tries`th time, or `None` when it has been
/// tried often enough. The pauses double from the policy's base up to its cap.
pub(super) fn pause_after(tries: u32, policy: &RetryPolicy) -> Option<Duration> {
    (tries < MOST_TRIES.min(policy.attempts)).then(|| policy.longest(tries))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn api(code: i64) -> FailureKind {
        FailureKind::Api {
            status: ApiStatus::from_code(code),
            message: String::new(),
        }
    }

    pub(crate) fn http(status: u16) -> FailureKind {
        FailureKind::Http {
            status,
            shown: String::new(),
        }
    }

    pub(crate) fn redirect() -> FailureKind {
        FailureKind::Redirected {
            status: 302,
            host: String::new(),
        }
    }

    pub(crate) fn distrust() -> FailureKind {
        FailureKind::Tls { what: String::new() }
    }

    /// Every kind of refusal but `Other`, in the order of [`Denial::ALL`].
    pub(crate) fn denials() -> [FailureKind; 8] {
        [
            api(3),
            api(4),
            api(7),
            api(20),
            http(401),
            http(403),
            http(407),
            redirect(),
        ]
    }

    #[test]
    fn every_refusal_has_its_own_name_and_nothing_else_is_one() {
        for (kind, denial) in denials().iter().zip(Denial::ALL) {
            assert_eq!(Denial::of(kind), Some(denial), "{kind:?}");
        }
        let others = [
            api(1),
            api(18),
            api(21),
            api(43),
            api(99),
            http(404),
            http(500),
            distrust(),
        ];
        for kind in others {
            assert_eq!(Denial::of(&kind), None, "{kind:?}");
        }
        let mut labels = Denial::ALL.map(Denial::label).to_vec();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Denial::ALL.len());
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_the_fifth_try_is_the_last() {
        let policy = |attempts| RetryPolicy {
            attempts,
            base: Duration::from_secs(1),
            cap: Duration::from_secs(5),
        };
        let pauses = |attempts| {
            (1..10)
                .map_while(|tries| pause_after(tries, &policy(attempts)))
                .map(|pause| pause.as_secs())
                .collect::<Vec<_>>()
        };
        assert_eq!(pauses(5), [1, 2, 4, 5]);
        assert_eq!(pauses(100), [1, 2, 4, 5]);
        // Who wants fewer attempts gets fewer.
        assert_eq!(pauses(3), [1, 2]);
        assert_eq!(pauses(1), Vec::<u64>::new());
    }
}
