//! Shows how late values change.

use std::io::Write;

use serde::Serialize;

use crate::cli::CliError;
use crate::cli::output::{self, Cell, Format};
use crate::model::convert::to_i64;
use crate::store::Settling;

/// The JSON form of one row.
#[derive(Debug, Serialize)]
pub struct StageJson {
    from_hours: i64,
    to_hours: Option<i64>,
    asked_again: u64,
    changed: u64,
    /// From 0 to 1.
    share: Option<f64>,
}

impl From<&Settling> for StageJson {
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "a share needs no 53rd bit"
    )]
    fn from(stage: &Settling) -> Self {
        Self {
            from_hours: stage.from_hours,
            to_hours: stage.to_hours,
            asked_again: stage.asked_again,
            changed: stage.changed,
            share: (stage.asked_again > 0).then(|| stage.changed as f64 / stage.asked_again as f64),
        }
    }
}

/// Prints what share of the points that were asked for again had changed, by their age then.
pub fn print(settling: &[Settling], out: &mut dyn Write) -> Result<(), CliError> {
    writeln!(
        out,
        "How late values change: of the stored points that were asked for again at an age, those that had\n\
         changed since they were last asked for. Choose `refresh.ages` so that the last share is near zero;\n\
         what changes after the last age is not seen.\n"
    )?;
    let columns = ["age", "asked again", "changed", "share"].map(str::to_owned);
    let mut table = output::writer(Format::Table, &columns, out)?;
    for stage in settling {
        let count = |count: u64| Cell::Integer(to_i64(count));
        table.row(&[
            Cell::Text(&age(stage)),
            count(stage.asked_again),
            count(stage.changed),
            Cell::Text(&share(stage)),
        ])?;
    }
    table.finish()?;
    Ok(())
}

fn age(stage: &Settling) -> String {
    match (stage.from_hours, stage.to_hours) {
        (0, Some(to)) => format!("below {to} h"),
        (from, Some(to)) => format!("{from} to {to} h"),
        (from, None) => format!("{from} h and more"),
    }
}

/// In percent to one decimal, rounded up: a change that was seen is never shown as none.
fn share(stage: &Settling) -> String {
    match (u128::from(stage.changed) * 1_000)
        .checked_add(u128::from(stage.asked_again.saturating_sub(1)))
        .and_then(|sum| sum.checked_div(u128::from(stage.asked_again)))
    {
        Some(tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(asked_again: u64, changed: u64) -> Settling {
        Settling {
            from_hours: 1,
            to_hours: Some(4),
            asked_again,
            changed,
        }
    }

    #[test]
    fn a_share_is_rounded_up_and_there_is_none_of_nothing() {
        assert_eq!(share(&stage(0, 0)), "-");
        assert_eq!(share(&stage(1_000_000, 0)), "0.0 %");
        assert_eq!(share(&stage(1_000_000, 1)), "0.1 %");
        assert_eq!(share(&stage(8, 3)), "37.5 %");
        assert_eq!(share(&stage(5, 5)), "100.0 %");
    }
}
