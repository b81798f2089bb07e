//! Whether the figures of a period can still change, in words.

use indicatif::HumanCount;

use super::convert::to_u64;

/// The slots of a period that stand in the way of its completeness. For the account: of all its domains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenSlots {
    /// They lie in the future.
    pub to_come: i64,
    /// They were fetched, and will be asked for again at the next of the refresh ages.
    pub not_settled: i64,
    /// They were not asked for.
    pub never_asked: i64,
    /// They were asked for, and no usable answer came.
    pub failed: i64,
    /// Their point was not usable.
    pub rejected: i64,
    /// One answer had no point for them. A second one must agree.
    pub unconfirmed: i64,
    /// The API no longer serves them.
    pub beyond_retention: i64,
}

/// How far a period is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodState {
    /// Whether nothing is open, by the column `complete`.
    pub is_complete: bool,
    /// The slots that hold nothing, as two answers agree.
    pub empty: i64,
    /// What is open.
    pub open: OpenSlots,
}

impl OpenSlots {
    /// Returns what is open in words, the most frequent reasons of a running month first; empty if nothing is.
    fn parts(&self) -> Vec<String> {
        let parts = [
            (self.to_come, "still to come"),
            (self.not_settled, "not settled"),
            (self.never_asked, "not asked for"),
            (self.failed, "failed"),
            (self.rejected, "rejected"),
            (self.unconfirmed, "empty in one answer only"),
            (self.beyond_retention, "no longer served"),
        ];
        let open = parts.into_iter().filter(|(slots, _)| *slots > 0);
        open.enumerate()
            .map(|(nth, (slots, what))| {
                let noun = match (nth, slots) {
                    (0, 1) => " slot",
                    (0, _) => " slots",
                    _ => "",
                };
                format!("{}{noun} {what}", HumanCount(to_u64(slots)))
            })
            .collect()
    }

    /// Adds the slots of another domain.
    pub fn add(&mut self, other: &Self) {
        self.to_come += other.to_come;
        self.not_settled += other.not_settled;
        self.never_asked += other.never_asked;
        self.failed += other.failed;
        self.rejected += other.rejected;
        self.unconfirmed += other.unconfirmed;
        self.beyond_retention += other.beyond_retention;
    }

    /// Returns whether a later run can still bring something.
    fn can_change(&self) -> bool {
        *self
            != Self {
                beyond_retention: self.beyond_retention,
                ..Self::default()
            }
    }
}

impl PeriodState {
    /// Returns whether a figure can still change.
    #[must_use]
    pub fn can_change(&self) -> bool {
        // Without a reason that is known here, nothing is promised.
        !self.is_complete && (self.open.can_change() || self.open.beyond_retention == 0)
    }

    /// Returns how far the period is complete: `complete`, or what is open.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.is_complete {
            return match self.empty {
                0 => "complete".to_owned(),
                1 => "complete, 1 slot is empty".to_owned(),
                empty => format!("complete, {} slots are empty", HumanCount(to_u64(empty))),
            };
        }
        let parts = self.open.parts();
        if parts.is_empty() {
            "not complete".to_owned()
        } else if self.can_change() {
            format!("can change: {}", parts.join(", "))
        } else {
            format!("incomplete, cannot be filled: {}", parts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(is_complete: bool, empty: i64, open: OpenSlots) -> (bool, String) {
        let state = PeriodState {
            is_complete,
            empty,
            open,
        };
        (state.can_change(), state.in_words())
    }

    #[test]
    fn what_is_open_is_named_and_what_is_complete_says_so() {
        let none = OpenSlots::default();
        let open = |can_change, text: &str| (can_change, text.to_owned());
        assert_eq!(words(true, 0, none), open(false, "complete"));
        assert_eq!(words(true, 1, none), open(false, "complete, 1 slot is empty"));
        assert_eq!(
            words(true, 1_200, none),
            open(false, "complete, 1,200 slots are empty")
        );
        assert_eq!(words(false, 0, none), open(true, "not complete"));
        let running = OpenSlots {
            to_come: 4_321,
            not_settled: 288,
            never_asked: 3,
            failed: 1,
            ..none
        };
        assert_eq!(
            words(false, 7, running),
            open(
                true,
                "can change: 4,321 slots still to come, 288 not settled, 3 not asked for, 1 failed"
            )
        );
        let single = OpenSlots { rejected: 1, ..none };
        assert_eq!(words(false, 0, single), open(true, "can change: 1 slot rejected"));
    }

    #[test]
    fn slots_that_are_no_longer_served_cannot_be_filled() {
        let beyond = OpenSlots {
            beyond_retention: 288,
            ..OpenSlots::default()
        };
        assert_eq!(
            words(false, 0, beyond),
            (
                false,
                "incomplete, cannot be filled: 288 slots no longer served".to_owned()
            )
        );
        // The account's column forgives the time before a domain began.
        assert_eq!(words(true, 0, beyond), (false, "complete".to_owned()));
        let both = OpenSlots {
            unconfirmed: 2,
            ..beyond
        };
        assert_eq!(
            words(false, 0, both),
            (
                true,
                "can change: 2 slots empty in one answer only, 288 no longer served".to_owned()
            )
        );
    }

    #[test]
    fn the_account_adds_up_its_domains() {
        let mut sum = OpenSlots {
            to_come: 1,
            not_settled: 2,
            never_asked: 3,
            failed: 4,
            rejected: 5,
            unconfirmed: 6,
            beyond_retention: 7,
        };
        let other = sum;
        sum.add(&other);
        assert_eq!(
            sum.parts(),
            [
                "2 slots still to come",
                "4 not settled",
                "6 not asked for",
                "8 failed",
                "10 rejected",
                "12 empty in one answer only",
                "14 no longer served"
            ]
        );
    }
}
