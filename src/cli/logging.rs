//! The log on standard error.
//!
//! Only events of this program are logged, at any level. Events of the HTTP libraries contain what was sent, and so the
//! signature.
//!
//! The log of [`watch`](super::commands::watch) is its output, because it prints no summary. So its events are shown
//! one level earlier than those of the rest.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::cli::journal::JournalFormat;
use crate::cli::options::{GlobalArgs, LogFormat};
use crate::cli::redactor::Redactor;
use crate::clock::SharedClock;
use crate::model::civil;

/// The targets of this program's events begin with it.
const OWN: &str = "jdcdn_stats";
/// The targets of the events of `watch` begin with it.
const WATCH: &str = "jdcdn_stats::cli::commands::watch";

/// Runs a closure at a moment when a line may be printed, such as `MultiProgress::suspend`.
pub type Around = Box<dyn Fn(&mut dyn FnMut()) + Send>;

/// The log; clones share it. It writes whole lines, because the formatter hands over one event at a time.
#[derive(Clone)]
pub struct Logs(Arc<Mutex<Sink>>);

struct Sink {
    out: Box<dyn Write + Send>,
    around: Option<Around>,
    redactor: Redactor,
}

impl Logs {
    /// Returns the log on the process's standard error.
    #[must_use]
    pub fn to_stderr(redactor: Redactor) -> Self {
        Self::to(Box::new(io::stderr()), redactor)
    }

    /// Returns a log to `out`, without the secrets of `redactor`.
    #[must_use]
    pub fn to(out: Box<dyn Write + Send>, redactor: Redactor) -> Self {
        Self(Arc::new(Mutex::new(Sink {
            out,
            around: None,
            redactor,
        })))
    }

    /// Prints every line inside `around`, so that it does not tear a progress bar; `None` ends that.
    ///
    /// `around` must not itself cause events.
    pub fn print_inside(&self, around: Option<Around>) {
        self.sink().around = around;
    }

    /// Returns the sink. A thread that panicked while it printed leaves at worst half a line.
    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logs")
    }
}

impl Write for Logs {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Sink {
            out,
            around,
            redactor,
        } = &mut *self.sink();
        let shown = redactor.output(line);
        let mut result = Ok(());
        let mut print = || result = out.write_all(&shown);
        match around {
            Some(around) => around(&mut print),
            None => print(),
        }
        result.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink().out.flush()
    }
}

/// Writes the program's own time in UTC+8 into an event.
struct ClockTime(SharedClock);

impl FormatTime for ClockTime {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        out.write_str(&civil::cst_rfc3339(self.0.now()))
    }
}

/// Installs the log. In a process that has installed one before, nothing changes.
pub fn install(logs: &Logs, global: &GlobalArgs, target: LogTarget, clock: SharedClock) {
    let _ = tracing::subscriber::set_global_default(subscriber(logs, global, target, clock));
}

/// What standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTarget {
    /// A terminal that wants colours.
    Colour,
    /// systemd's journal: it has its own times, and reads levels.
    Journal,
    /// Anything else.
    Plain,
}

fn subscriber(
    logs: &Logs,
    global: &GlobalArgs,
    target: LogTarget,
    clock: SharedClock,
) -> Box<dyn Subscriber + Send + Sync> {
    let balance = i16::from(global.verbose) - i16::from(global.quiet);
    let filter = Targets::new()
        .with_target(OWN, level(balance))
        .with_target(WATCH, level(balance.saturating_add(1)));
    let logs = logs.clone();
    let layer = Layer::new()
        .with_writer(move || logs.clone())
        .with_timer(ClockTime(clock))
        .with_ansi(target == LogTarget::Colour);
    let registry = tracing_subscriber::registry();
    match (global.log_format, target) {
        (LogFormat::Text, LogTarget::Journal) => {
            let layer = layer.without_time().with_target(false);
            Box::new(registry.with(layer.map_event_format(JournalFormat).with_filter(filter)))
        }
        (LogFormat::Text, _) => Box::new(registry.with(layer.with_target(false).with_filter(filter))),
        // The time is a field of the object, and programs read it.
        (LogFormat::Json, LogTarget::Journal) => {
            let layer = layer.json().flatten_event(true);
            Box::new(registry.with(layer.map_event_format(JournalFormat).with_filter(filter)))
        }
        (LogFormat::Json, _) => Box::new(registry.with(layer.json().flatten_event(true).with_filter(filter))),
    }
}

/// Returns the level; the default is warnings, because a command prints its success itself.
fn level(balance: i16) -> LevelFilter {
    match balance {
        ..=-2 => LevelFilter::OFF,
        -1 => LevelFilter::ERROR,
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        3.. => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Captured {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn logged(global: &GlobalArgs, around: Option<Around>, events: impl FnOnce()) -> String {
        logged_to(LogTarget::Plain, global, around, events)
    }

    fn logged_to(
        target: LogTarget,
        global: &GlobalArgs,
        around: Option<Around>,
        events: impl FnOnce(),
    ) -> String {
        let captured = Captured::default();
        let logs = Logs::to(Box::new(captured.clone()), Redactor::default());
        logs.print_inside(around);
        let clock = Arc::new(ManualClock::new(1_568_477_100));
        tracing::subscriber::with_default(subscriber(&logs, global, target, clock), events);
        captured.text()
    }

    #[test]
    fn own_warnings_are_shown_and_foreign_events_never() {
        let events = || {
            tracing::warn!("own");
            tracing::info!("quiet");
            tracing::error!(target: "hyper::proto", "foreign");
        };
        let global = GlobalArgs::default();
        assert_eq!(
            logged(&global, None, events),
            "2019-09-15T00:05:00+08:00  WARN own\n"
        );
        let loud = GlobalArgs {
            verbose: 9,
            ..GlobalArgs::default()
        };
        let shown = logged(&loud, None, events);
        assert!(shown.contains("quiet") && !shown.contains("foreign"), "{shown}");
        let silent = GlobalArgs {
            quiet: 2,
            ..GlobalArgs::default()
        };
        assert_eq!(logged(&silent, None, events), "");
    }

    #[test]
    fn the_log_of_watch_is_shown_one_level_earlier() {
        let events = || {
            tracing::info!(target: "jdcdn_stats::cli::commands::watch::run_log", "output");
            tracing::debug!(target: "jdcdn_stats::cli::commands::watch::run_log", "detail");
            tracing::info!("event");
        };
        let shown = |verbose, quiet| {
            let global = GlobalArgs {
                verbose,
                quiet,
                ..GlobalArgs::default()
            };
            let text = logged(&global, None, events);
            ["output", "detail", "event"].map(|word| text.contains(word))
        };
        assert_eq!(shown(0, 0), [true, false, false]);
        assert_eq!(shown(1, 0), [true, true, true]);
        assert_eq!(shown(0, 1), [false; 3]);
    }

    #[test]
    fn the_journal_gets_a_level_on_each_line_and_no_time() {
        let global = GlobalArgs {
            verbose: 3,
            ..GlobalArgs::default()
        };
        let events = || {
            tracing::error!("an error");
            tracing::warn!(run = 7, "in two\nlines");
            tracing::info!("news");
            tracing::debug!("detail");
            tracing::trace!("more");
        };
        assert_eq!(
            logged_to(LogTarget::Journal, &global, None, events),
            "<3>ERROR an error\n<4>WARN in two\n<4>lines run=7\n<6>INFO news\n<7>DEBUG detail\n<7>TRACE more\n"
        );
        let json = GlobalArgs {
            log_format: LogFormat::Json,
            ..GlobalArgs::default()
        };
        let text = logged_to(LogTarget::Journal, &json, None, || tracing::warn!("late"));
        let event: serde_json::Value = serde_json::from_str(text.strip_prefix("<4>").unwrap()).unwrap();
        assert_eq!(event["message"], "late");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let global = GlobalArgs {
            log_format: LogFormat::Json,
            ..GlobalArgs::default()
        };
        let text = logged(&global, None, || tracing::warn!(window = 7, "late\nline"));
        assert_eq!(text.lines().count(), 1);
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&event["window"], &event["message"]),
            (&7.into(), &"late\nline".into())
        );
    }

    #[test]
    fn each_line_is_printed_inside_what_guards_the_progress_bar() {
        let steps = Captured::default();
        let seen = steps.clone();
        let around: Around = Box::new(move |print| {
            let mut seen = seen.clone();
            seen.write_all(b"<").unwrap();
            print();
            seen.write_all(b">").unwrap();
        });
        let text = logged(&GlobalArgs::default(), Some(around), || {
            tracing::warn!("one");
            tracing::warn!("two");
        });
        assert_eq!((steps.text().as_str(), text.lines().count()), ("<><>", 2));
    }
}
