//! The table of what was tried, on the screen, in a file, and in `docs/reliability.md`.

use std::fmt::Write as _;
use std::path::Path;

use jdcdn_stats::clock::{Clock as _, SystemClock};
use jdcdn_stats::model::civil::cst_date;

use crate::options::Options;
use crate::runner::Tally;

/// The lines in the page before and after the figures.
const BEGIN: &str = "<!-- figures: written by `make torture` -->";
const END: &str = "<!-- end of the figures -->";

/// Prints the table, writes it to `torture/report.md` in the build directory, and after a whole campaign into the page.
pub(crate) fn publish(tallies: &[Tally], options: &Options) {
    let table = table(tallies, options);
    println!("\n{table}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let directory = target.join("torture");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("report.md");
    std::fs::write(&file, format!("{table}\n{}", details(tallies, options))).unwrap();
    println!("written to {}", file.display());
    let page = root.join("docs/reliability.md");
    if options.is_whole() {
        let text = std::fs::read_to_string(&page).unwrap();
        std::fs::write(&page, with_figures(&text, &table)).unwrap();
        println!("figures written to {}", page.display());
    }
}

/// The page with these figures in place of the earlier ones.
fn with_figures(page: &str, figures: &str) -> String {
    let place = || {
        let (before, rest) = page.split_once(BEGIN)?;
        Some((before, rest.split_once(END)?.1))
    };
    let Some((before, after)) = place() else {
        panic!("docs/reliability.md has no place for the figures: {BEGIN} … {END}");
    };
    format!("{before}{BEGIN}\n{figures}\n{END}{after}")
}

fn table(tallies: &[Tally], options: &Options) -> String {
    let mut text = format!(
        "Version {}, {} (UTC+8), seed {}, {} attacks at a time.\n\n\
         | group | attacks | tried | wanted | violations | skipped | seconds |\n|---|---|--:|--:|--:|---|--:|\n",
        env!("CARGO_PKG_VERSION"),
        cst_date(SystemClock::new().now()),
        options.seed,
        options.jobs
    );
    for tally in tallies {
        let skipped: Vec<String> = tally
            .skipped
            .iter()
            .map(|(why, times)| format!("{times}: {why}"))
            .collect();
        let skipped = if skipped.is_empty() {
            "none".to_owned()
        } else {
            skipped.join("; ")
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            tally.name,
            tally.about,
            tally.tried,
            tally.wanted,
            tally.violations.len(),
            skipped.replace(['|', '\n'], " "),
            tally.elapsed.as_secs()
        );
    }
    let sum = |count: fn(&Tally) -> usize| tallies.iter().map(count).sum::<usize>();
    let _ = writeln!(
        text,
        "| all | | {} | {} | {} | | {} |",
        sum(|tally| tally.tried),
        sum(|tally| tally.wanted),
        sum(|tally| tally.violations.len()),
        tallies.iter().map(|tally| tally.elapsed.as_secs()).sum::<u64>()
    );
    text
}

/// Every violation with the command that repeats it.
fn details(tallies: &[Tally], options: &Options) -> String {
    let mut text = String::new();
    for tally in tallies {
        for (id, what) in &tally.violations {
            let _ = writeln!(
                text,
                "## {} {id}\n\n    make torture GROUP={} SEED={} CASE='{id}'\n\n{what}\n",
                tally.name, tally.name, options.seed
            );
        }
    }
    text
}
