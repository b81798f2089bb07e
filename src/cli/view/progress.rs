//! Shows how a run is getting on: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Context;
use crate::cli::logging::Logs;
use crate::ingest::progress::ProgressCounts;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How a run is shown.
pub struct ProgressView {
    command: &'static str,
    began: Instant,
    kind: Kind,
    logs: Logs,
}

enum Kind {
    Bar(ProgressBar),
    Lines { last: Instant },
    Silent,
}

impl ProgressView {
    /// A bar on a terminal, lines in a log, nothing with `--quiet`.
    #[must_use]
    pub fn new(context: &Context<'_, '_>, command: &'static str) -> Self {
        let began = Instant::now();
        let kind = if context.may_draw() {
            let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let bar = screen.add(ProgressBar::new(0));
            // A fixed template that the tests draw; the default style would do as well.
            if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} windows  {msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(command);
            context
                .logs
                .print_inside(Some(Box::new(move |print| screen.suspend(print))));
            Kind::Bar(bar)
        } else if context.global.quiet > 0 {
            Kind::Silent
        } else {
            Kind::Lines { last: began }
        };
        Self {
            command,
            began,
            kind,
            logs: context.logs.clone(),
        }
    }

    /// Shows the counters.
    pub fn draw(&mut self, now: ProgressCounts) {
        match &mut self.kind {
            Kind::Bar(bar) => {
                bar.set_length(now.planned);
                bar.set_position(now.done);
                bar.set_message(describe(now, self.began.elapsed()));
            }
            Kind::Lines { last } => {
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    self.line(now);
                }
            }
            Kind::Silent => {}
        }
    }

    /// Takes the bar away; the summary follows.
    pub fn finish(self, now: ProgressCounts) {
        match &self.kind {
            Kind::Bar(bar) => bar.finish_and_clear(),
            Kind::Lines { .. } if now.planned > 0 => self.line(now),
            Kind::Lines { .. } | Kind::Silent => {}
        }
        self.logs.print_inside(None);
    }

    fn line(&self, now: ProgressCounts) {
        let ProgressCounts { planned, done, .. } = now;
        let message = describe(now, self.began.elapsed());
        // Progress is not data: a run goes on when nobody can be told. `eprintln!` would panic.
        let _ = writeln!(
            io::stderr(),
            "{}: {done} of {planned} windows, {message}",
            self.command
        );
    }
}

/// Points, speed, time left, and what went wrong so far.
fn describe(now: ProgressCounts, elapsed: Duration) -> String {
    if now.months_done < now.months {
        return format!(
            "{} points; figures of {} of {} months brought up to date",
            HumanCount(now.points),
            now.months_done,
            now.months
        );
    }
    let mut parts = vec![format!("{} points", HumanCount(now.points))];
    let speed = now.points.checked_div(elapsed.as_secs());
    parts.extend(speed.map(|speed| format!("{}/s", HumanCount(speed))));
    parts.extend(time_left(now, elapsed).map(|left| format!("{} left", HumanDuration(left))));
    for (count, what) in [(now.retries, "retries"), (now.failed, "failed")] {
        parts.extend((count > 0).then(|| format!("{} {what}", HumanCount(count))));
    }
    parts.join(", ")
}

/// The time that the rest takes at the speed so far.
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
    fn a_line_tells_points_speed_time_left_and_troubles() {
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
