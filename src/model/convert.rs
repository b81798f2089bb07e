//! Conversions between kinds of numbers, and bytes as text.
//!
//! A count that does not fit becomes the nearest number that does. No count of this program comes near a bound, so a
//! caller has no use for an error there, and a wrapped number would be a lie.

use std::fmt::Write as _;

/// Returns `number`, or the nearest `i64`.
#[must_use]
pub fn to_i64<N: Copy + Default + PartialOrd>(number: N) -> i64
where
    i64: TryFrom<N>,
{
    nearest(number, i64::MIN, i64::MAX)
}

/// Returns `number`, or the nearest `u64`: 0 for a negative number.
#[must_use]
pub fn to_u64<N: Copy + Default + PartialOrd>(number: N) -> u64
where
    u64: TryFrom<N>,
{
    nearest(number, u64::MIN, u64::MAX)
}

/// Returns `number`, or the nearest `usize`: 0 for a negative number.
#[must_use]
pub fn to_usize<N: Copy + Default + PartialOrd>(number: N) -> usize
where
    usize: TryFrom<N>,
{
    nearest(number, usize::MIN, usize::MAX)
}

/// Returns `number`, or the nearest `i32`.
#[must_use]
pub fn to_i32<N: Copy + Default + PartialOrd>(number: N) -> i32
where
    i32: TryFrom<N>,
{
    nearest(number, i32::MIN, i32::MAX)
}

/// Returns `number`, or the nearest `u32`: 0 for a negative number.
#[must_use]
pub fn to_u32<N: Copy + Default + PartialOrd>(number: N) -> u32
where
    u32: TryFrom<N>,
{
    nearest(number, u32::MIN, u32::MAX)
}

fn nearest<N, T>(number: N, least: T, most: T) -> T
where
    N: Copy + Default + PartialOrd,
    T: TryFrom<N>,
{
    let is_negative = number < N::default();
    T::try_from(number).unwrap_or(if is_negative { least } else { most })
}

/// Returns the greatest number that divides both; 0 for two zeros.
#[must_use]
pub fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

/// Returns two lowercase hexadecimal digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_does_not_fit_becomes_the_nearest_one_that_does() {
        assert_eq!(
            (to_i64(7_u64), to_i64(u64::MAX), to_i64(i128::MIN)),
            (7, i64::MAX, i64::MIN)
        );
        assert_eq!(
            (to_u64(7_i64), to_u64(-1_i64), to_u64(u128::MAX)),
            (7, 0, u64::MAX)
        );
        assert_eq!(
            (to_usize(-1_i64), to_u32(-1_i64), to_u32(i64::MAX)),
            (0, 0, u32::MAX)
        );
        assert_eq!((to_i32(i64::MIN), to_i32(usize::MAX)), (i32::MIN, i32::MAX));
    }

    #[test]
    fn the_greatest_common_divisor_of_zero_and_a_number_is_the_number() {
        assert_eq!((gcd(0, 0), gcd(0, -300), gcd(3600, 0)), (0, 300, 3600));
        assert_eq!(gcd(3600, 86_100), 300);
    }

    #[test]
    fn every_byte_is_two_digits() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
