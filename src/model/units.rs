//! The units that people read bandwidth and traffic in.
//!
//! The vendor's pages print Mbit/s of 2^20 bit/s, and most other tools Mbit/s of 10^6 bit/s. The same point is 4.9 %
//! more in the second unit, so every figure is shown in both.

/// A unit of bandwidth or traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// How many bit/s, or bytes, it is.
    size: u32,
    /// As a table shows it.
    pub name: &'static str,
}

/// 10^6 bit/s.
pub const MBIT: Unit = Unit {
    size: 1_000_000,
    name: "Mbit/s (10^6)",
};
/// 2^20 bit/s, the Mbit/s of the vendor's pages.
pub const MIBIT: Unit = Unit {
    size: 1 << 20,
    name: "Mbit/s (2^20)",
};
/// 10^9 bytes.
pub const GB: Unit = Unit {
    size: 1_000_000_000,
    name: "GB",
};
/// 2^30 bytes.
pub const GIB: Unit = Unit {
    size: 1 << 30,
    name: "GiB",
};

impl Unit {
    /// Returns `value`, in bit/s or bytes, in this unit.
    #[must_use]
    pub fn of(self, value: f64) -> f64 {
        value / f64::from(self.size)
    }
}

/// Returns a whole number of bit/s, bytes or requests as the nearest double. It is exact up to 2^53: 9 Pbit/s.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "no figure of an account reaches 2^53"
)]
pub fn as_real(value: i64) -> f64 {
    value as f64
}

/// Returns the nearest whole number. What is beyond 64 bits becomes the nearest bound.
#[must_use]
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "this conversion saturates"
)]
pub fn nearest(value: f64) -> i64 {
    value.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_figure_reads_differently_in_the_two_units() {
        let bandwidth = as_real(1_048_576_000);
        assert!((MBIT.of(bandwidth) - 1_048.576).abs() < 1e-9);
        assert!((MIBIT.of(bandwidth) - 1_000.0).abs() < f64::EPSILON);
        let traffic = as_real(5_000_000_000);
        assert!((GB.of(traffic) - 5.0).abs() < f64::EPSILON);
        assert!((GIB.of(traffic) - 4.656_612_873_077_393).abs() < 1e-12);
    }

    #[test]
    fn the_nearest_number_is_rounded_and_never_wraps() {
        assert_eq!((nearest(1.5), nearest(-1.5), nearest(0.4)), (2, -2, 0));
        assert_eq!((nearest(f64::INFINITY), nearest(f64::NAN)), (i64::MAX, 0));
    }
}
