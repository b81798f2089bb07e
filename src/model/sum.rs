//! Sums over rows that do not depend on their order: two sets of rows with one sum are the same set.
//!
//! Every row is hashed to 128 bits, and the hashes are added modulo 2^128. So a row is added, changed and taken out
//! without looking at the others. This finds accidents, such as a flipped bit or a figure changed by another program.
//! It does not find forgery, because whoever can change a row can compute its hash.
//!
//! The sums are stored in files: no constant here may ever change.

use std::fmt;

use super::convert::to_i64;

/// The sum of the hashes of rows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Sum(u128);

impl Sum {
    /// Bytes of the stored form.
    pub const BYTES: usize = 16;

    /// Returns the stored form.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.to_be_bytes()
    }

    /// Returns the sum whose stored form this is.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
    }

    /// With other rows added.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// With other rows taken out.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sum({:032x})", self.0)
    }
}

/// A stored point as it is hashed, with its numbers for the domain and the set of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SummedPoint {
    /// The domain's number.
    pub domain: i64,
    /// When, as reported.
    pub ts: i64,
    /// In bit/s.
    pub bandwidth: i64,
    /// Requests.
    pub pv: i64,
    /// The number of the set of codes.
    pub set: i64,
}

impl SummedPoint {
    /// Returns the hash of the point with its counts `(code, count)`, in the order of the codes' numbers.
    #[must_use]
    pub fn sum(&self, counts: impl Iterator<Item = (i64, i64)>) -> Sum {
        let mut hash = Hash::default();
        hash.add(self.domain, self.ts);
        hash.add(self.bandwidth, self.pv);
        let mut length = 0_i64;
        for (code, count) in counts {
            hash.add(code, count);
            length += 1;
        }
        hash.add(self.set, length);
        hash.finish()
    }
}

/// A value of a row, by the type that SQLite stores it with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SummedCell<'a> {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// A text, which need not be UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

/// Returns the hash of a row: the number and the order of the values count, and so do their types.
#[must_use]
pub fn row_sum<'a>(row: impl Iterator<Item = SummedCell<'a>>) -> Sum {
    let mut hash = Hash::default();
    for cell in row {
        match cell {
            SummedCell::Null => hash.add(1, 0),
            SummedCell::Integer(value) => hash.add(2, value),
            SummedCell::Real(value) => hash.add(3, value.to_bits().cast_signed()),
            SummedCell::Text(bytes) => hash.add_bytes(4, bytes),
            SummedCell::Blob(bytes) => hash.add_bytes(5, bytes),
        }
    }
    hash.finish()
}

/// Where each lane begins and what it multiplies by: digits of pi and e, odd and without a pattern.
const LANES: [[u64; 2]; 2] = [
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345],
    [0xb7e1_5162_8aed_2a6b, 0xbf71_5880_9cf4_f3c7],
];

/// Two lanes of 64 bits, which share no constant.
struct Hash([u64; 2]);

impl Default for Hash {
    fn default() -> Self {
        Self(LANES.map(|[start, _]| start))
    }
}

impl Hash {
    #[inline]
    fn add(&mut self, a: i64, b: i64) {
        for (lane, [_, key]) in self.0.iter_mut().zip(LANES) {
            *lane = fold(*lane ^ a.cast_unsigned(), b.cast_unsigned() ^ key);
        }
    }

    fn add_bytes(&mut self, kind: i64, bytes: &[u8]) {
        self.add(kind, to_i64(bytes.len()));
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.add(kind, i64::from_le_bytes(word));
        }
    }

    fn finish(self) -> Sum {
        let [high, low] = self.0;
        let [[_, high_key], [_, low_key]] = LANES;
        let high = fold(high ^ high_key, low_key);
        let low = fold(low ^ low_key, high_key);
        Sum(u128::from(high) << 64 | u128::from(low))
    }
}

/// Returns the two halves of the product, one over the other: every bit of both factors reaches every bit.
#[inline]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "the lower half is wanted"
)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use proptest::prelude::*;

    use super::*;

    const POINT: SummedPoint = SummedPoint {
        domain: 3,
        ts: 1_568_477_100,
        bandwidth: 123_456_789,
        pv: 4321,
        set: 2,
    };
    const COUNTS: [(i64, i64); 3] = [(1, 4000), (2, 321), (7, 0)];

    #[test]
    fn the_hashes_are_those_that_files_hold() {
        let point = POINT.sum(COUNTS.into_iter());
        assert_eq!(format!("{point:?}"), "Sum(d83d0e6d1fc923290cbf710e53a69c4b)");
        let row = [
            SummedCell::Null,
            SummedCell::Integer(-1),
            SummedCell::Real(0.5),
            SummedCell::Text(b"www.a.com"),
            SummedCell::Blob(b""),
        ];
        assert_eq!(
            format!("{:?}", row_sum(row.into_iter())),
            "Sum(9e5b268d4bf630a50d8576984a9a8938)"
        );
        assert_eq!(Sum::from_bytes(&point.to_bytes()), Some(point));
        assert_eq!(Sum::from_bytes(b"short"), None);
    }

    #[test]
    fn every_flipped_bit_and_every_swap_changes_both_lanes() {
        let mut seen = HashSet::new();
        let mut lanes = [HashSet::new(), HashSet::new()];
        let mut see = |point: SummedPoint, counts: &[(i64, i64)]| {
            let sum = point.sum(counts.iter().copied());
            let bytes = sum.to_bytes();
            assert!(seen.insert(sum), "{point:?} {counts:?}");
            for (lane, half) in lanes.iter_mut().zip(bytes.chunks(8)) {
                assert!(lane.insert(half.to_vec()), "{point:?} {counts:?}");
            }
        };
        see(POINT, &COUNTS);
        for bit in 0..64 {
            let flip = |value: i64| value ^ (1 << bit);
            see(
                SummedPoint {
                    domain: flip(POINT.domain),
                    ..POINT
                },
                &COUNTS,
            );
            see(
                SummedPoint {
                    ts: flip(POINT.ts),
                    ..POINT
                },
                &COUNTS,
            );
            see(
                SummedPoint {
                    bandwidth: flip(POINT.bandwidth),
                    ..POINT
                },
                &COUNTS,
            );
            see(
                SummedPoint {
                    pv: flip(POINT.pv),
                    ..POINT
                },
                &COUNTS,
            );
            see(
                SummedPoint {
                    set: flip(POINT.set),
                    ..POINT
                },
                &COUNTS,
            );
            for at in 0..COUNTS.len() {
                let mut counts = COUNTS;
                counts[at].0 = flip(counts[at].0);
                see(POINT, &counts);
                let mut counts = COUNTS;
                counts[at].1 = flip(counts[at].1);
                see(POINT, &counts);
            }
        }
        see(POINT, &[(1, 321), (2, 4000), (7, 0)]);
        see(
            SummedPoint {
                bandwidth: POINT.pv,
                pv: POINT.bandwidth,
                ..POINT
            },
            &COUNTS,
        );
        see(POINT, &COUNTS[..2]);
        see(POINT, &[]);
    }

    #[test]
    fn values_of_two_types_are_two_values_and_no_border_moves() {
        let rows: [&[SummedCell<'_>]; 9] = [
            &[SummedCell::Integer(1)],
            &[SummedCell::Real(1.0)],
            &[SummedCell::Text(b"1")],
            &[SummedCell::Blob(b"1")],
            &[SummedCell::Null],
            &[SummedCell::Null, SummedCell::Null],
            &[SummedCell::Text(b"ab"), SummedCell::Text(b"c")],
            &[SummedCell::Text(b"a"), SummedCell::Text(b"bc")],
            &[SummedCell::Text(b"ab\0"), SummedCell::Text(b"c")],
        ];
        let sums: HashSet<_> = rows.iter().map(|row| row_sum(row.iter().copied())).collect();
        assert_eq!(sums.len(), rows.len());
    }

    type Counts = Vec<(i64, i64)>;

    fn of(rows: &BTreeMap<i64, (i64, Counts)>) -> Sum {
        rows.iter()
            .rev()
            .fold(Sum::default(), |sum, (ts, row)| sum.plus(hashed(*ts, row)))
    }

    fn hashed(ts: i64, (bandwidth, counts): &(i64, Counts)) -> Sum {
        let point = SummedPoint {
            ts,
            bandwidth: *bandwidth,
            ..POINT
        };
        point.sum(counts.iter().copied())
    }

    proptest! {
        #[test]
        fn any_order_of_inserts_changes_and_removals_ends_at_the_sum_of_what_is_left(
            steps in prop::collection::vec(
                (0_i64..20, prop::option::of((any::<i64>(), prop::collection::vec(any::<(i64, i64)>(), 0..4)))),
                0..80,
            )
        ) {
            let (mut rows, mut sum) = (BTreeMap::new(), Sum::default());
            for (ts, step) in steps {
                let before = match &step {
                    Some(row) => rows.insert(ts, row.clone()),
                    None => rows.remove(&ts),
                };
                if let Some(row) = before {
                    sum = sum.minus(hashed(ts, &row));
                }
                if let Some(row) = &step {
                    sum = sum.plus(hashed(ts, row));
                }
                prop_assert_eq!(sum, of(&rows));
            }
        }
    }
}
