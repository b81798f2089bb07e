//! When slots are asked for, by their age.

use super::slot::{SLOT_SECONDS, UnixSeconds, slot_floor};

/// When slots are asked for, by their age in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refresh {
    /// Younger slots are not asked for.
    pub available_after: i64,
    /// The ages at which a slot is asked for again, ascending.
    pub ages: Vec<i64>,
}

impl Refresh {
    /// Returns the age at which a slot is settled; 0 where nothing is asked for twice.
    #[must_use]
    pub fn last_age(&self) -> i64 {
        self.ages.last().copied().unwrap_or(0)
    }

    /// Returns the end of the newest slot that is available at `now`.
    #[must_use]
    pub fn horizon(&self, now: UnixSeconds) -> UnixSeconds {
        aged_until(now, self.available_after)
    }

    /// Returns the lowest age above `reached`.
    #[must_use]
    pub fn next_age(&self, reached: i64) -> Option<i64> {
        self.ages.iter().copied().find(|&age| age > reached)
    }
}

/// Returns the end of the newest slot that is at least `age` old at `now`, counted from the slot's start.
#[must_use]
pub fn aged_until(now: UnixSeconds, age: i64) -> UnixSeconds {
    slot_floor(now.saturating_sub(age)) + SLOT_SECONDS
}
