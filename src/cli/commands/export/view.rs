//! Shows how an export is getting on, and what it did.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Context;
use crate::cli::logging::Logs;
use crate::cli::view::text::counted;
use crate::export::manifest::FileEntry;
use crate::export::partition::Partition;
use crate::export::{Progress, Relation, Request, Summary};
use crate::model::convert::to_u64;
use crate::model::text;

/// How often a line is written where there is no terminal. A shorter export has none.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// How an export is shown: a bar on a terminal, a line now and then elsewhere, nothing with `--quiet`.
pub struct ExportView {
    kind: Kind,
    logs: Logs,
}

enum Kind {
    Bar(ProgressBar),
    Lines { last: Instant },
    Silent,
}

impl ExportView {
    /// Nothing is shown yet.
    #[must_use]
    pub fn new(context: &Context<'_, '_>) -> Self {
        let kind = if context.may_draw() {
            let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let bar = screen.add(ProgressBar::new(0));
            let style = ProgressStyle::with_template("export {wide_bar} {pos}/{len} months  {msg}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            let print = move |print: &mut dyn FnMut()| screen.suspend(print);
            context.logs.print_inside(Some(Box::new(print)));
            Kind::Bar(bar)
        } else if context.global.quiet > 0 {
            Kind::Silent
        } else {
            Kind::Lines { last: Instant::now() }
        };
        Self {
            kind,
            logs: context.logs.clone(),
        }
    }

    /// Shows how far it is.
    pub fn draw(&mut self, now: Progress) {
        let rows = HumanCount(now.rows);
        match &mut self.kind {
            Kind::Bar(bar) => {
                bar.set_length(now.months);
                bar.set_position(now.done);
                bar.set_message(format!("{rows} rows written"));
            }
            Kind::Lines { last } if last.elapsed() >= LINE_EVERY => {
                *last = Instant::now();
                // Progress is not data: the export goes on when nobody can be told. `eprintln!` would panic.
                let _ = writeln!(
                    io::stderr(),
                    "export: {} of {} months, {rows} rows written",
                    now.done,
                    now.months
                );
            }
            Kind::Lines { .. } | Kind::Silent => {}
        }
    }

    /// Takes the bar away; the summary follows.
    pub fn finish(self) {
        if let Kind::Bar(bar) = &self.kind {
            bar.finish_and_clear();
        }
        self.logs.print_inside(None);
    }
}

/// Prints what an export did and what its directory holds.
pub fn print(summary: &Summary, request: &Request, out: &mut dyn Write) -> io::Result<()> {
    let place = text::printable(&request.directory.to_string_lossy());
    let written = summary.written;
    write!(out, "{} written", counted(written.files, "file"))?;
    if written.files > 0 {
        write!(
            out,
            " ({}, {})",
            counted(written.rows, "row"),
            HumanBytes(written.bytes)
        )?;
    }
    writeln!(
        out,
        ", {} unchanged, {} removed",
        HumanCount(summary.unchanged),
        HumanCount(summary.removed)
    )?;
    if summary.stopped {
        writeln!(out, "stopped before the end: run it again to go on from here")?;
    }
    let files = &summary.manifest.files;
    if files.is_empty() {
        return writeln!(out, "`{place}` holds no files: the database holds no points");
    }
    writeln!(out, "`{place}` holds, as {}:", request.format.name())?;
    for relation in Relation::ALL {
        let of_it = files.iter().filter(|(file, _)| file.relation == relation);
        relation_line(relation, of_it, out)?;
    }
    Ok(())
}

fn relation_line<'m>(
    relation: Relation,
    files: impl Iterator<Item = (&'m Partition, &'m FileEntry)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mut count, mut rows, mut bytes) = (0, 0, 0);
    let mut months: Option<(&str, &str)> = None;
    let mut domains = std::collections::BTreeSet::new();
    for (file, entry) in files {
        count += 1;
        rows += entry.rows;
        bytes += entry.bytes;
        domains.insert(file.domain.as_str());
        let month = file.month.as_str();
        months = Some(months.map_or((month, month), |(first, last)| {
            (first.min(month), last.max(month))
        }));
    }
    let Some((first, last)) = months else {
        return Ok(());
    };
    writeln!(
        out,
        "  {:<20} {}, {first} to {last}: {}, {}, {}",
        relation.name(),
        counted(to_u64(domains.len()), "domain"),
        counted(count, "file"),
        counted(rows, "row"),
        HumanBytes(bytes),
    )
}
