//! Which months of the account are complete.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::{CalendarMonth, UnixSeconds};
use crate::store::AccountMonthState;

/// The JSON form of a month.
#[derive(Debug, Serialize)]
pub struct MonthJson {
    month: String,
    complete: bool,
    running: bool,
}

/// How a month is named in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Complete,
    Incomplete,
    Running,
}

/// Returns the JSON form.
#[must_use]
pub fn json(months: &[AccountMonthState], now: UnixSeconds) -> Vec<MonthJson> {
    let month = |found: &AccountMonthState| MonthJson {
        month: found.month.to_string(),
        complete: found.complete,
        running: state(found, now) == State::Running,
    };
    months.iter().map(month).collect()
}

/// Prints a line with all months, neighbours of the same state joined; nothing without a month.
pub fn print(months: &[AccountMonthState], now: UnixSeconds, out: &mut dyn Write) -> io::Result<()> {
    match in_words(months, now) {
        Some(line) => writeln!(out, "\n{line}"),
        None => Ok(()),
    }
}

fn state(found: &AccountMonthState, now: UnixSeconds) -> State {
    if !found.month.is_over(now) {
        State::Running
    } else if found.complete {
        State::Complete
    } else {
        State::Incomplete
    }
}

fn in_words(months: &[AccountMonthState], now: UnixSeconds) -> Option<String> {
    let of = |wanted: State| {
        let mut ranges: Vec<(CalendarMonth, CalendarMonth)> = Vec::new();
        for found in months.iter().filter(|found| state(found, now) == wanted) {
            match ranges.last_mut() {
                Some((_, last)) if found.month.before() == Some(*last) => *last = found.month,
                _ => ranges.push((found.month, found.month)),
            }
        }
        let words = ranges.into_iter().map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first} to {last}")
            }
        });
        words.collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("complete", State::Complete),
        ("not complete", State::Incomplete),
        ("running", State::Running),
    ];
    let parts = parts.map(|(words, state)| (words, of(state)));
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, months)| !months.is_empty())
        .map(|(words, months)| format!("{words}: {months}"))
        .collect();
    (!parts.is_empty()).then(|| format!("Months of the account: {}.", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_the_same_state_are_joined_and_the_running_month_is_named() {
        let month = |name: &str, complete| AccountMonthState {
            month: name.parse().unwrap(),
            complete,
        };
        let months = [
            month("2025-11", false),
            month("2025-12", true),
            month("2026-01", true),
            month("2026-02", true),
            month("2026-03", false),
            month("2026-04", true),
            month("2026-06", true),
            month("2026-07", false),
        ];
        let now = months[7].month.span().start() + 300;
        assert_eq!(
            in_words(&months, now).unwrap(),
            "Months of the account: complete: 2025-12 to 2026-02, 2026-04, 2026-06; not complete: 2025-11, 2026-03; \
             running: 2026-07."
        );
        assert_eq!(in_words(&[], now), None);
    }
}
