//! How late values change.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::output;
use crate::store::Settling;

/// The JSON form of one age range.
#[derive(Debug, Serialize)]
pub struct SettlingJson {
    from_hours: i64,
    to_hours: Option<i64>,
    asked_again: u64,
    changed: u64,
    /// From 0 to 1.
    share: Option<f64>,
}

impl From<&Settling> for SettlingJson {
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "a share needs no 53rd bit"
    )]
    fn from(range: &Settling) -> Self {
        Self {
            from_hours: range.from_hours,
            to_hours: range.to_hours,
            asked_again: range.asked_again,
            changed: range.changed,
            share: (range.asked_again > 0).then(|| range.changed as f64 / range.asked_again as f64),
        }
    }
}

/// Prints the share of points that had changed when they were asked for again, by their age at that time.
pub fn print(settling: &[Settling], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "How late values change: the stored points that were asked for again at an age,\n\
         and how many of them had changed since the request before. Choose\n\
         `refresh.ages` so that the last share is near zero: a change after the last age\n\
         is not seen.\n"
    )?;
    let rows = settling.iter().map(|range| {
        [
            age(range).into(),
            range.asked_again.into(),
            range.changed.into(),
            share(range).into(),
        ]
    });
    output::table(["age", "asked again", "changed", "share"], rows, out)
}

fn age(range: &Settling) -> String {
    match (range.from_hours, range.to_hours) {
        (0, Some(to)) => format!("below {to} h"),
        (from, Some(to)) => format!("{from} to {to} h"),
        (from, None) => format!("{from} h and more"),
    }
}

/// Returns the share in percent to one decimal, rounded up: a change is never shown as none.
fn share(range: &Settling) -> String {
    let [changed, asked] = [range.changed, range.asked_again].map(u128::from);
    match (changed * 1_000 + asked.saturating_sub(1)).checked_div(asked) {
        Some(tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(asked_again: u64, changed: u64) -> Settling {
        Settling {
            from_hours: 1,
            to_hours: Some(4),
            asked_again,
            changed,
        }
    }

    #[test]
    fn a_share_is_rounded_up_and_there_is_none_of_nothing() {
        assert_eq!(share(&range(0, 0)), "-");
        assert_eq!(share(&range(1_000_000, 0)), "0.0 %");
        assert_eq!(share(&range(1_000_000, 1)), "0.1 %");
        assert_eq!(share(&range(8, 3)), "37.5 %");
        assert_eq!(share(&range(5, 5)), "100.0 %");
    }
}
