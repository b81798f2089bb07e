//! What does not meet a threshold, and how it is printed.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;

use crate::model::Domain;
use crate::model::convert::to_u64;

/// How many alarms are printed. An outage of a thousand domains fills no mailbox; JSON has them all.
const SHOWN: usize = 20;

/// A threshold that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ThresholdAlarm {
    /// The domain; `None` for the whole account.
    domain: Option<String>,
    threshold: &'static str,
    message: String,
}

impl ThresholdAlarm {
    /// Returns the alarm that `domain` does not meet `threshold`.
    #[must_use]
    pub fn of_domain(domain: &Domain, threshold: &'static str, message: String) -> Self {
        Self {
            domain: Some(domain.to_string()),
            threshold,
            message,
        }
    }

    /// Returns the alarm that the account as a whole does not meet `threshold`.
    #[must_use]
    pub fn of_account(threshold: &'static str, message: String) -> Self {
        Self {
            domain: None,
            threshold,
            message,
        }
    }

    /// Returns the reason.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    fn in_words(&self) -> String {
        match &self.domain {
            Some(domain) => format!("{domain}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Prints the alarms, one a line, and what to do next.
pub fn print(alarms: &[ThresholdAlarm], out: &mut dyn Write) -> io::Result<()> {
    for alarm in alarms.iter().take(SHOWN) {
        writeln!(out, "error: {}", alarm.in_words())?;
    }
    if alarms.len() > SHOWN {
        let more = to_u64(alarms.len() - SHOWN);
        writeln!(
            out,
            "error: and {more} more: the same command with `--format json` has them all"
        )?;
    }
    for (threshold, help) in [
        ("gaps", "`jdcdn-stats gaps` lists them"),
        ("rejects", "`jdcdn-stats rejects list` shows them"),
        (
            "stale",
            "the next complete run updates the rollups; `jdcdn-stats migrate` does it now",
        ),
        (
            "refused",
            "`jdcdn-stats check` asks the API once, and shows its answer",
        ),
    ] {
        if alarms.iter().any(|alarm| alarm.threshold == threshold) {
            writeln!(out, "help: {help}")?;
        }
    }
    Ok(())
}

/// Returns the alarms as one line: the first of them, and how many more there are.
#[must_use]
pub fn in_one_line(alarms: &[ThresholdAlarm]) -> Option<String> {
    let (first, more) = alarms.split_first()?;
    let mut line = format!("failed: {}", first.in_words());
    if !more.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(line, "; and {} more", more.len());
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_alarms_are_twenty_lines_or_one() {
        let alarm = |at: usize| {
            let domain = format!("d{at}.example.com").parse().unwrap();
            ThresholdAlarm::of_domain(&domain, "older", "it has no point".to_owned())
        };
        let alarms: Vec<_> = (0..1_000).map(alarm).collect();
        let mut out = Vec::new();
        print(&alarms, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("error: and 980 more: the same command with `--format json` has them all\n"));
        assert_eq!(
            in_one_line(&alarms).unwrap(),
            "failed: d0.example.com: it has no point; and 999 more"
        );
        let one = ThresholdAlarm::of_account("stale", "a".to_owned());
        assert_eq!(in_one_line(&[one]).unwrap(), "failed: a");
        assert_eq!(in_one_line(&[]), None);
    }
}
