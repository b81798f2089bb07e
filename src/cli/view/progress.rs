//! Progress on standard error.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Context;
use crate::cli::logging::Logs;
use crate::ingest::progress::ProgressCounts;

/// How often a line is written where there is no terminal. Shorter work writes none.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows progress: a bar on a terminal, a line now and then elsewhere, nothing with `--quiet` or `--no-progress`.
pub struct ProgressView {
    command: &'static str,
    /// The unit that is counted, such as `windows`.
    unit: &'static str,
    display: Display,
    logs: Logs,
}

enum Display {
    Bar(ProgressBar),
    Lines { last: Instant },
    Silent,
}

impl ProgressView {
    /// Returns the view of `command`, which counts `unit`s.
    #[must_use]
    pub fn new(context: &Context<'_, '_>, command: &'static str, unit: &'static str) -> Self {
        let display = if context.may_draw() {
            let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let bar = screen.add(ProgressBar::new(0));
            let template = format!("{command} {{wide_bar}} {{pos}}/{{len}} {unit}  {{msg}}");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            let suspended = move |print: &mut dyn FnMut()| screen.suspend(print);
            context.logs.print_inside(Some(Box::new(suspended)));
            Display::Bar(bar)
        } else if context.global.quiet > 0 || context.global.no_progress {
            Display::Silent
        } else {
            Display::Lines { last: Instant::now() }
        };
        Self {
            command,
            unit,
            display,
            logs: context.logs.clone(),
        }
    }

    /// Shows that `done` of `planned` units are done.
    pub fn draw(&mut self, (done, planned): (u64, u64), message: impl FnOnce() -> String) {
        match &mut self.display {
            Display::Bar(bar) => {
                bar.set_length(planned);
                bar.set_position(done);
                bar.set_message(message());
            }
            Display::Lines { last } if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                self.line((done, planned), message);
            }
            Display::Lines { .. } | Display::Silent => {}
        }
    }

    /// Writes a line now, unless there is a bar or nothing is shown.
    pub fn line(&self, (done, planned): (u64, u64), message: impl FnOnce() -> String) {
        if let Display::Lines { .. } = self.display {
            let (command, unit) = (self.command, self.unit);
            // Progress is not data: the work goes on when nobody can read it. `eprintln!` would panic.
            let _ = writeln!(
                io::stderr(),
                "{command}: {done} of {planned} {unit}, {}",
                message()
            );
        }
    }

    /// Removes the bar; the summary follows.
    pub fn finish(self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
        self.logs.print_inside(None);
    }
}

/// Returns the points, the speed, the time left and the failures of a run so far.
#[must_use]
pub fn describe(now: ProgressCounts, elapsed: Duration) -> String {
    let points = HumanCount(now.points);
    if now.months_done < now.months {
        return format!(
            "{points} points; figures of {} of {} months brought up to date",
            now.months_done, now.months
        );
    }
    let mut parts = vec![format!("{points} points")];
    let speed = now.points.checked_div(elapsed.as_secs());
    parts.extend(speed.map(|speed| format!("{}/s", HumanCount(speed))));
    parts.extend(time_left(now, elapsed).map(|left| format!("{} left", HumanDuration(left))));
    for (count, what) in [(now.retries, "retries"), (now.failed, "failed")] {
        parts.extend((count > 0).then(|| format!("{} {what}", HumanCount(count))));
    }
    parts.join(", ")
}

/// Returns the time that the rest takes at the speed so far.
fn time_left(now: ProgressCounts, elapsed: Duration) -> Option<Duration> {
    let done = u32::try_from(now.done).ok().filter(|done| *done > 0)?;
    let rest = u32::try_from(now.planned.saturating_sub(now.done))
        .ok()
        .filter(|rest| *rest > 0)?;
    elapsed.checked_mul(rest).map(|time| time / done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_points_speed_time_left_and_troubles() {
        let now = ProgressCounts {
            planned: 90,
            done: 30,
            failed: 1,
            points: 25_920,
            requests: 34,
            retries: 4,
            ..ProgressCounts::default()
        };
        let text = describe(now, Duration::from_secs(10));
        assert_eq!(
            text,
            "25,920 points, 2,592/s, 20 seconds left, 4 retries, 1 failed"
        );
        assert_eq!(describe(ProgressCounts::default(), Duration::ZERO), "0 points");
        let last = ProgressCounts {
            months: 12,
            months_done: 3,
            ..now
        };
        assert_eq!(
            describe(last, Duration::from_secs(10)),
            "25,920 points; figures of 3 of 12 months brought up to date"
        );
    }
}
