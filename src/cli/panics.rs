//! The message of a panic.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io;
use std::panic::{self, PanicHookInfo};

use crate::cli::journal::{self, JournalLevel};
use crate::cli::redactor::Redactor;
use crate::model::text;

/// Makes every panic of the process, also in libraries, print its message on one line and without secrets.
pub(super) fn install(redactor: Redactor) {
    panic::set_hook(Box::new(move |info| {
        let text = journal::marked(JournalLevel::Critical, &described(info));
        // There is no place left to report a failure to print.
        let _ = io::Write::write_all(&mut io::stderr(), &redactor.output(text.as_bytes()));
    }));
}

fn described(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let mut described = format!(
        "error: a defect in thread `{name}` at {place}: {}\n",
        message(info.payload())
    );
    // RUST_BACKTRACE decides.
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        // Writing to a String cannot fail.
        let _ = writeln!(described, "{backtrace}");
    }
    described
}

fn message(payload: &(dyn Any + Send)) -> String {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text::shorten(message.unwrap_or("no message"), 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Overrides};

    const KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";
    /// Set in the process that will panic.
    const PLANTED: &str = "JDCDN_PLANTED_PANIC";

    #[test]
    fn a_panic_shows_no_secret_and_nothing_that_acts_on_a_terminal() {
        if std::env::var_os(PLANTED).is_some() {
            let redactor = Redactor::default();
            let environment = Environment::new([("JDCDN_SECRET_KEY", KEY)]);
            redactor
                .load_config(&Overrides::default(), &environment, 0)
                .unwrap();
            install(redactor);
            let text = format!("planted \u{1b}[2J {} and {KEY}\nin two lines", KEY.to_uppercase());
            let joined = std::thread::Builder::new()
                .name("library".to_owned())
                .spawn(move || panic!("{text}"))
                .unwrap()
                .join();
            assert!(joined.is_err());
            return;
        }
        // A hook is the whole process's, so the panic happens in another one.
        let ended = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("cli::panics::tests::a_panic_shows_no_secret_and_nothing_that_acts_on_a_terminal")
            .env(PLANTED, "1")
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let shown = String::from_utf8(ended.stderr).unwrap();
        let stars = "*".repeat(32);
        assert!(
            shown.contains("error: a defect in thread `library` at ")
                && shown.contains(&format!(
                    "planted \\u{{1b}}[2J {stars} and {stars}\\nin two lines\n"
                )),
            "{shown}"
        );
        assert!(
            ended.status.success() && !shown.to_lowercase().contains(KEY),
            "{shown}"
        );
    }
}
