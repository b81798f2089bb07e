//! How many slots have no point, by reason.

use serde::ser::{Serialize, Serializer};

use super::gaps::{Gap, GapReason};

/// The number of slots without a point for each reason, in the order of [`GapReason::ALL`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotsByReason([i64; GapReason::ALL.len()]);

impl SlotsByReason {
    /// Returns the slots of `gaps`.
    #[must_use]
    pub fn of<'g>(gaps: impl IntoIterator<Item = &'g Gap>) -> Self {
        let mut slots = Self::default();
        for gap in gaps {
            slots.add(gap.reason, gap.span.slots());
        }
        slots
    }

    /// Returns each reason with its slots.
    pub fn iter(self) -> impl Iterator<Item = (GapReason, i64)> {
        GapReason::ALL.into_iter().zip(self.0)
    }

    /// Returns the slots of these reasons.
    #[must_use]
    pub fn sum_of(self, reasons: &[GapReason]) -> i64 {
        let of_these = self.iter().filter(|(reason, _)| reasons.contains(reason));
        of_these.map(|(_, slots)| slots).sum()
    }

    /// Adds slots of one reason.
    pub fn add(&mut self, reason: GapReason, slots: i64) {
        for (sum, known) in self.0.iter_mut().zip(GapReason::ALL) {
            if known == reason {
                *sum += slots;
            }
        }
    }
}

impl std::ops::AddAssign for SlotsByReason {
    fn add_assign(&mut self, other: Self) {
        for (reason, slots) in other.iter() {
            self.add(reason, slots);
        }
    }
}

impl Serialize for SlotsByReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(reason, slots)| (reason.as_str(), slots)))
    }
}
