//! Whether the API has answered the account, and since when it refuses it.

use crate::model::UnixSeconds;

/// The history of the account since the process started. Another user name starts a new one.
#[derive(Debug, Default)]
pub(super) struct Account {
    username: String,
    answered: bool,
    refused_since: Option<UnixSeconds>,
}

/// What one run adds to the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct AccountEvidence {
    /// When the run began.
    pub(super) began: UnixSeconds,
    /// When it ended.
    pub(super) ended: UnixSeconds,
    /// Whether at least one request was answered.
    pub(super) answered: bool,
    /// Whether it ended because the API refused the account.
    pub(super) refused: bool,
}

impl Account {
    /// Returns whether a request of this user name was answered since the process started.
    pub(super) fn has_answered(&self, username: &str) -> bool {
        self.answered && self.username == username
    }

    /// Returns since when every request of this user name is refused.
    pub(super) fn refused_since(&self, username: &str) -> Option<UnixSeconds> {
        self.refused_since.filter(|_| self.username == username)
    }

    /// Adds a run for `username`. A run without a request, or without an answer, changes nothing.
    pub(super) fn add(&mut self, username: &str, run: AccountEvidence) {
        if self.username != username {
            *self = Self {
                username: username.to_owned(),
                ..Self::default()
            };
        }
        self.answered |= run.answered;
        if run.answered {
            self.refused_since = None;
        }
        if run.refused && self.refused_since.is_none() {
            // Its answers came before the refusal that ended it.
            self.refused_since = Some(if run.answered { run.ended } else { run.began });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "jcloud_00";

    /// A run from `began` that takes 7 seconds.
    fn run(began: UnixSeconds, answered: bool, refused: bool) -> AccountEvidence {
        AccountEvidence {
            began,
            ended: began + 7,
            answered,
            refused,
        }
    }

    #[test]
    fn refusals_count_from_the_first_until_something_is_answered() {
        let mut account = Account::default();
        account.add(NAME, run(100, true, false));
        assert_eq!(account.refused_since(NAME), None);
        account.add(NAME, run(200, false, true));
        account.add(NAME, run(300, false, true));
        // An outage, or a run with nothing due, proves nothing about the account.
        account.add(NAME, run(400, false, false));
        assert_eq!(account.refused_since(NAME), Some(200));
        // Answered, and refused at its end: the refusal begins anew.
        account.add(NAME, run(500, true, true));
        assert_eq!(account.refused_since(NAME), Some(507));
        account.add(NAME, run(600, true, false));
        assert_eq!(account.refused_since(NAME), None);
    }

    #[test]
    fn another_user_name_begins_anew() {
        let mut account = Account::default();
        account.add(NAME, run(100, true, true));
        assert!(account.has_answered(NAME));
        assert!(!account.has_answered("jcloud_01"));
        assert_eq!(account.refused_since("jcloud_01"), None);
        account.add("jcloud_01", run(200, false, true));
        assert!(!account.has_answered("jcloud_01"));
        assert!(!account.has_answered(NAME));
        assert_eq!(account.refused_since("jcloud_01"), Some(200));
    }
}
