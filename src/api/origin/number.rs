//! Decimal text to whole numbers, exactly.
//!
//! The API's numbers may come as `123`, `"123"`, `1.0` or `1e3` (sister endpoints print some bandwidths as
//! decimals), and 2^53 + 1 must not become 2^53: nothing here passes through a float.

use crate::model::convert::to_i64;

/// Why a text gives no whole number from 0 to `i64::MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not a number as JSON writes it.
    #[error("is not a number")]
    NotANumber,
    /// Below zero.
    #[error("is negative")]
    Negative,
    /// Above `i64::MAX`.
    #[error("is too large")]
    TooLarge,
    /// Not a whole number.
    #[error("has a fraction")]
    Fractional,
}

/// Reads a number in any JSON notation that is exactly a whole one.
pub fn integer(text: &str) -> Result<i64, NumberError> {
    let (whole, fraction) = split(text)?;
    match fraction {
        Fraction::Zero => Ok(whole),
        Fraction::BelowHalf | Fraction::HalfOrMore => Err(NumberError::Fractional),
    }
}

/// Reads a number in any JSON notation, rounded to the nearest whole one, halves up.
pub fn rounded(text: &str) -> Result<i64, NumberError> {
    let (whole, fraction) = split(text)?;
    match fraction {
        Fraction::Zero | Fraction::BelowHalf => Ok(whole),
        Fraction::HalfOrMore => whole.checked_add(1).ok_or(NumberError::TooLarge),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fraction {
    Zero,
    BelowHalf,
    HalfOrMore,
}

/// The parts of a JSON number. Every part but `exponent` is made of digits only.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

/// Returns the whole part of a number that is not negative, and its fraction.
///
/// The work is linear in the length of the text, however large the exponent is.
fn split(text: &str) -> Result<(i64, Fraction), NumberError> {
    let parts = parse(text).ok_or(NumberError::NotANumber)?;
    let digits = || parts.whole.bytes().chain(parts.fraction.bytes());
    let Some(leading_zeros) = digits().position(|digit| digit != b'0') else {
        return Ok((0, Fraction::Zero));
    };
    if parts.negative {
        return Err(NumberError::Negative);
    }
    // The decimal point stands after this many significant digits; before them if negative.
    let length = |text: &str| to_i64(text.len());
    let skipped = to_i64(leading_zeros);
    let point = (length(parts.whole) - skipped).saturating_add(parts.exponent);
    // `i64::MAX` has 19 digits.
    if point > 19 {
        return Err(NumberError::TooLarge);
    }
    let Ok(point) = usize::try_from(point) else {
        return Ok((0, Fraction::BelowHalf));
    };
    let mut rest = digits().skip(leading_zeros);
    let mut whole: i64 = 0;
    for _ in 0..point {
        let digit = rest.next().unwrap_or(b'0') - b'0';
        whole = whole
            .checked_mul(10)
            .and_then(|whole| whole.checked_add(i64::from(digit)))
            .ok_or(NumberError::TooLarge)?;
    }
    let fraction = match rest.next() {
        Some(b'5'..=b'9') => Fraction::HalfOrMore,
        Some(b'1'..=b'4') => Fraction::BelowHalf,
        _ if rest.any(|digit| digit != b'0') => Fraction::BelowHalf,
        _ => Fraction::Zero,
    };
    Ok((whole, fraction))
}

/// Splits a number by the grammar of RFC 8259, section 6.
fn parse(text: &str) -> Option<Parts<'_>> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, clamped_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, digits(fraction)?),
        None => (mantissa, ""),
    };
    let whole = digits(whole)?;
    (whole.len() == 1 || !whole.starts_with('0')).then_some(Parts {
        negative,
        whole,
        fraction,
        exponent,
    })
}

/// Returns an exponent; one beyond 18 digits is cut to ±10^18, which is out of reach all the same.
fn clamped_exponent(text: &str) -> Option<i64> {
    const FAR: i64 = 1_000_000_000_000_000_000;
    let (negative, size) = match text.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let size = digits(size)?.parse().unwrap_or(FAR).min(FAR);
    Some(if negative { -size } else { size })
}

/// Returns `text` if it is one digit or more and nothing else.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_are_read_in_every_notation() {
        for (text, expected) in [
            ("123", 123),
            ("0", 0),
            ("-0", 0),
            ("-0.0e5", 0),
            ("1.0", 1),
            ("1e3", 1_000),
            ("1.5e1", 15),
            ("1500E-2", 15),
            ("0e999999999", 0),
            ("0.000e-99999999999999999999", 0),
            ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775807000e-3", i64::MAX),
        ] {
            assert_eq!(integer(text), Ok(expected), "{text}");
            assert_eq!(rounded(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_number_from_zero_to_the_largest_says_why() {
        use NumberError::{Fractional, Negative, NotANumber, TooLarge};
        let huge = format!("1{}", "0".repeat(400));
        for (text, expected) in [
            ("1.5", Fractional),
            ("1e-400", Fractional),
            ("1e-99999999999999999999", Fractional),
            ("-1", Negative),
            ("-1e-400", Negative),
            ("9223372036854775808", TooLarge),
            ("1e19", TooLarge),
            ("1e400", TooLarge),
            ("1e99999999999999999999", TooLarge),
            (huge.as_str(), TooLarge),
            ("", NotANumber),
            ("-", NotANumber),
            ("NaN", NotANumber),
            ("+1", NotANumber),
            ("01", NotANumber),
            ("1.", NotANumber),
            (".5", NotANumber),
            ("1e", NotANumber),
            ("1e+", NotANumber),
            ("1e1.5", NotANumber),
            (" 1", NotANumber),
            ("0x10", NotANumber),
            ("１", NotANumber),
        ] {
            assert_eq!(integer(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_fraction_rounds_to_the_nearest_with_halves_up() {
        for (text, expected) in [
            ("1.4999999999999999999999", Ok(1)),
            ("1.5", Ok(2)),
            ("0.5", Ok(1)),
            ("0.05e1", Ok(1)),
            ("0.49", Ok(0)),
            ("1e-400", Ok(0)),
            ("9223372036854775807.4", Ok(i64::MAX)),
            ("9223372036854775807.5", Err(NumberError::TooLarge)),
            ("-0.1", Err(NumberError::Negative)),
        ] {
            assert_eq!(rounded(text), expected, "{text}");
        }
    }

    /// The number written out without an exponent, as digits before and after the point.
    fn written_out(whole: &str, fraction: &str, exponent: i32) -> (String, String) {
        let (mut whole, mut fraction) = (whole.to_owned(), fraction.to_owned());
        for _ in 0..exponent {
            whole.push(if fraction.is_empty() {
                '0'
            } else {
                fraction.remove(0)
            });
        }
        for _ in exponent..0 {
            fraction.insert(0, whole.pop().unwrap_or('0'));
        }
        (whole, fraction)
    }

    proptest! {
        #[test]
        fn exact_reading_agrees_with_the_number_written_out(
            whole in "0|[1-9][0-9]{0,21}",
            fraction in "[0-9]{0,22}",
            exponent in -45_i32..45,
        ) {
            let point = if fraction.is_empty() { "" } else { "." };
            let text = format!("{whole}{point}{fraction}e{exponent}");
            let (large, small) = written_out(&whole, &fraction, exponent);
            let large = large.trim_start_matches('0');
            let value = if large.is_empty() { Some(0) } else { large.parse::<i64>().ok() };
            let up = small.bytes().next().is_some_and(|digit| digit >= b'5');
            prop_assert_eq!(rounded(&text).ok(), value.and_then(|value| value.checked_add(i64::from(up))));
            let is_whole = small.bytes().all(|digit| digit == b'0');
            prop_assert_eq!(integer(&text).ok(), value.filter(|_| is_whole));
        }

        #[test]
        fn exactly_the_numbers_of_json_are_numbers(text in "[-+]?[0-9.eE+-]{0,8}") {
            let json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(integer(&text) != Err(NumberError::NotANumber), json);
        }
    }
}
