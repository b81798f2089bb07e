//! Sentences that say what the figures are, and whether they can still change.

use unicode_width::UnicodeWidthStr as _;

use crate::cli::view::as_of::how_it_goes;
use crate::cli::view::text::counted;
use crate::model::open_slots::PeriodState;
use crate::model::{SlotLabel, UnixSeconds, civil, text};
use crate::store::AsOf;

/// What the figures are, and what they are not.
pub(super) const NOTICE: &str = "The vendor's billing rules, applied to back-to-origin traffic of mainland China. This is \
                                 not the invoice of the CDN: that traffic is measured at the edge. The vendor's factor \
                                 for billing days is not applied.";

/// The width of a terminal.
const WIDTH: usize = 80;

/// Returns whether the figures of a month can still change, and why.
pub(super) fn state(is_running: bool, state: &PeriodState) -> String {
    let begin = if is_running {
        "The month is not over"
    } else {
        "The month is over"
    };
    if state.is_complete {
        return format!("{begin}, and it is {}.", state.in_words());
    }
    let words = state.in_words();
    match words.split_once(": ") {
        Some((_, open)) if state.can_change() => format!("{begin}. Figures can still change: {open}."),
        Some((_, open)) => format!("{begin}, but it is incomplete and cannot be filled: {open}."),
        None => format!("{begin}, and it is {words}."),
    }
}

/// Returns as of when figures are.
pub(super) fn as_of(as_of: &AsOf) -> String {
    match as_of.ended_at {
        Some(end) => format!("as of the end of the last run at {}", civil::cst_minute(end)),
        None => "no run has ended yet".to_owned(),
    }
}

/// Returns what a reader has to know besides the figures, a sentence each.
pub(super) fn warnings(stale_days: u64, as_of: &AsOf) -> Vec<String> {
    let mut warnings = Vec::new();
    if stale_days > 0 {
        warnings.push(format!(
            "Rollups are out of date for {} of the month: a run is writing, or was killed. The next run updates them; \
             `jdcdn-stats migrate` does it now.",
            counted(stale_days, "domain-day")
        ));
    }
    if let Some(run) = &as_of.unfinished {
        warnings.push(format!(
            "Run {} (`{}`) began at {} and {}. What it has stored counts when {} has ended.",
            run.id,
            text::printable(&run.command),
            run.started_cst,
            how_it_goes(run),
            if run.killed {
                "the next run"
            } else {
                "it, or the next run,"
            }
        ));
    }
    warnings
}

/// Returns the time of a slot, and which end of it that is.
pub(super) fn slot(ts: UnixSeconds, label: SlotLabel) -> String {
    let time = civil::cst_minute(ts);
    match label {
        SlotLabel::Start => time,
        SlotLabel::End => format!("{time} (end of the slot)"),
    }
}

/// Breaks a text that begins in column `indent` into lines that fit a terminal. The other lines begin there, too.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut width = indent;
    for word in text.split(' ') {
        let length = word.width();
        if width > indent && width + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            width = indent;
        } else if width > indent {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::open_slots::OpenSlots;

    #[test]
    fn a_reader_sees_whether_a_figure_can_change_and_why() {
        let of = |is_running, is_complete, open| {
            let period = PeriodState {
                is_complete,
                empty: 0,
                open,
            };
            state(is_running, &period)
        };
        let none = OpenSlots::default();
        assert_eq!(of(false, true, none), "The month is over, and it is complete.");
        let open = OpenSlots {
            to_come: 300,
            failed: 2,
            ..none
        };
        assert_eq!(
            of(true, false, open),
            "The month is not over. Figures can still change: 300 slots still to come, 2 failed."
        );
        let beyond = OpenSlots {
            beyond_retention: 1,
            ..none
        };
        assert_eq!(
            of(false, false, beyond),
            "The month is over, but it is incomplete and cannot be filled: 1 slot no longer served."
        );
        assert_eq!(
            of(false, false, none),
            "The month is over, and it is not complete."
        );
    }

    #[test]
    fn lines_fit_a_terminal_and_no_word_is_lost() {
        let lines = wrapped(NOTICE, 2);
        assert!(lines.lines().count() > 1);
        assert!(lines.lines().all(|line| line.len() <= WIDTH));
        assert!(lines.lines().skip(1).all(|line| line.starts_with("  ")));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&lines), words(NOTICE));
        let long = "x".repeat(200);
        assert_eq!(wrapped(&long, 2), long);
    }
}
