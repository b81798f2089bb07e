//! Measures the program: `make bench`, `make bench-peers`, `make bench-big`.
//!
//! `cargo bench --bench bench -- speed` measures the sections of `make bench` one after the other. Each is kept in
//! `benches/results/`, and `docs/performance.md` is written from all of them. `ONLY=tick,plan` measures some sections,
//! `RESUME=1` those that were not yet measured on this commit, `SIZE=small` all of them on little data, for a try.
//!
//! - `data`: the points; `fill`: builds a database from them; `server`: answers with them
//! - `meter`, `program`: what work in this process, or a command, takes
//! - `sections`: what is measured
//! - `results`, `page`, `picture`, `machine`: what is kept and shown

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the figures are the purpose"
)]
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "every figure becomes a floating-point number in the end"
)]

mod data;
mod fill;
mod machine;
mod meter;
mod page;
mod picture;
mod program;
mod results;
mod sections;
mod server;
mod setup;

use std::path::PathBuf;
use std::time::Instant;

use crate::machine::Made;
use crate::results::{Cell, Section};
use crate::setup::{Setup, Size};

/// The result of anything here.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The sections in the order of the page.
pub(crate) const SECTIONS: [&str; 14] = [
    "parse", "write", "program", "tick", "plan", "rollups", "queries", "export", "snapshot", "start", "size",
    "growth", "peers", "big",
];
/// Those of `make bench`.
const SPEED: usize = 12;

fn main() -> Result<()> {
    // Cargo passes `--bench` in addition to the arguments after `--`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match arguments.next().as_deref() {
        Some("serve") => server::serve(),
        Some("measure") => program::measure(arguments),
        Some("speed") | None => measure(SECTIONS.get(..SPEED).unwrap_or_default()),
        Some("peers") => measure(&["peers"]),
        Some("big") => measure(&["big"]),
        Some("page") => write_page(setup::size()?),
        Some(other) => Err(format!("unknown argument `{other}`; use speed, peers, big or page").into()),
    }
}

fn measure(ids: &[&str]) -> Result<()> {
    let setup = Setup::new()?;
    let only = setup::list("ONLY");
    if let Some(unknown) = only.iter().find(|id| !SECTIONS.contains(&id.as_str())) {
        return Err(format!(
            "ONLY: there is no section `{unknown}`; there are {}",
            SECTIONS.join(", ")
        )
        .into());
    }
    let results = results_directory(setup.size);
    let mut missed = 0;
    for id in ids
        .iter()
        .filter(|id| only.is_empty() || only.iter().any(|one| one == *id))
    {
        let made = Made::now(setup.directory(), &setup.sizes());
        let before = Section::load(&results, id)?;
        if setup::is_set("RESUME") && before.is_some_and(|before| before.made.is_of_the_same(&made)) {
            eprintln!("{id}: measured before");
            continue;
        }
        eprintln!("{id} …");
        let began = Instant::now();
        let mut section = sections::measure(id, &setup)?;
        section.made = Made {
            seconds: section.made.seconds + began.elapsed().as_secs_f64(),
            ..made
        };
        section.save(&results)?;
        missed += show(&section);
        write_page(setup.size)?;
    }
    eprintln!("written: {}", page_path(setup.size).display());
    if missed > 0 {
        eprintln!("goals that were missed: {missed}");
    }
    Ok(())
}

/// Prints a section; returns how many goals it misses.
fn show(section: &Section) -> usize {
    println!("\n{} ({})", section.title, Cell::Seconds(section.made.seconds));
    for table in &section.tables {
        println!("  {}", table.columns.join(" | "));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            println!("  {}", cells.join(" | "));
        }
    }
    let missed = section.goals.iter().filter(|goal| !goal.is_met());
    missed
        .map(|goal| println!("  MISSED: {}: {}, limit {}", goal.what, goal.measured, goal.limit))
        .count()
}

fn write_page(size: Size) -> Result<()> {
    page::write(&results_directory(size), &page_path(size))
}

/// Figures of a try do not replace the published ones.
fn results_directory(size: Size) -> PathBuf {
    match size {
        Size::Full => setup::project().join("benches/results"),
        Size::Small => setup::scratch().join("results"),
    }
}

fn page_path(size: Size) -> PathBuf {
    match size {
        Size::Full => setup::project().join("docs/performance.md"),
        Size::Small => setup::scratch().join("performance.md"),
    }
}
