//! What the process knows of the account: whether the API answered it, and since when the API refuses it.

use crate::model::UnixSeconds;

/// What is known of the account that the runs ask for. Another user name begins anew.
#[derive(Debug, Default)]
pub(super) struct Account {
    username: String,
    answered: bool,
    refused_since: Option<UnixSeconds>,
}

/// What one run adds to that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    /// When the run began.
    pub(super) began: UnixSeconds,
    /// When it ended.
    pub(super) ended: UnixSeconds,
    /// At least one request was answered.
    pub(super) answered: bool,
    /// It ended because the API refused the account.
    pub(super) refused: bool,
}

impl Account {
    /// Whether a request of this user name was answered since the process started.
    pub(super) fn has_answered(&self, username: &str) -> bool {
        self.answered && self.username == username
    }

    /// Since when every request of this user name is refused.
    pub(super) fn refused_since(&self, username: &str) -> Option<UnixSeconds> {
        self.refused_since.filter(|_| self.username == username)
    }

    /// A run for `username` has ended. A run without a request, or one that reached nobody, changes nothing.
    pub(super) fn learn(&mut self, username: &str, run: Evidence) {
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
            // What was answered in between came before the refusal that ended the run.
            self.refused_since = Some(if run.answered { run.ended } else { run.began });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "jcloud_00";

    /// A run from `began` that takes 7 seconds.
    fn run(began: UnixSeconds, answered: bool, refused: bool) -> Evidence {
        Evidence {
            began,
            ended: began + 7,
            answered,
            refused,
        }
    }

    #[test]
    fn refusals_count_from_the_first_until_something_is_answered() {
        let mut account = Account::default();
        account.learn(NAME, run(100, true, false));
        assert_eq!(account.refused_since(NAME), None);
        account.learn(NAME, run(200, false, true));
        account.learn(NAME, run(300, false, true));
        // An outage, or a run with nothing due, says nothing of the account.
        account.learn(NAME, run(400, false, false));
        assert_eq!(account.refused_since(NAME), Some(200));
        // Answered, and refused at its end: that is a new beginning.
        account.learn(NAME, run(500, true, true));
        assert_eq!(account.refused_since(NAME), Some(507));
        account.learn(NAME, run(600, true, false));
        assert_eq!(account.refused_since(NAME), None);
    }

    #[test]
    fn another_user_name_begins_anew() {
        let mut account = Account::default();
        account.learn(NAME, run(100, true, true));
        assert!(account.has_answered(NAME));
        assert!(!account.has_answered("jcloud_01"));
        assert_eq!(account.refused_since("jcloud_01"), None);
        account.learn("jcloud_01", run(200, false, true));
        assert!(!account.has_answered("jcloud_01"));
        assert!(!account.has_answered(NAME));
        assert_eq!(account.refused_since("jcloud_01"), Some(200));
    }
}
