//! The summary of an export.

use std::io::{self, Write};

use indicatif::{HumanBytes, HumanCount};

use crate::cli::view::text::{self, counted};
use crate::export::manifest::PartEntry;
use crate::export::partition::Partition;
use crate::export::{ExportRequest, ExportSummary, ExportedRelation};

/// Prints what an export did and what its directory holds.
pub fn print(summary: &ExportSummary, request: &ExportRequest, out: &mut dyn Write) -> io::Result<()> {
    let place = text::path(&request.directory);
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
        writeln!(out, "stopped before the end: run it again to continue")?;
    }
    if summary.stale_days > 0 {
        writeln!(
            out,
            "rollups are out of date for {}: the next run or `jdcdn-stats migrate` updates them; then export again",
            counted(summary.stale_days, "domain-day")
        )?;
    }
    if summary.manifest.files.is_empty() {
        return writeln!(out, "`{place}` holds no files: the database holds no points");
    }
    writeln!(out, "`{place}` holds, as {}:", request.format.name())?;
    for relation in ExportedRelation::ALL {
        let of_it = summary
            .manifest
            .parts()
            .filter(|(file, _)| file.relation == relation);
        relation_line(relation, of_it, out)?;
    }
    Ok(())
}

fn relation_line<'m>(
    relation: ExportedRelation,
    files: impl Iterator<Item = (&'m Partition, &'m PartEntry)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mut count, mut rows, mut bytes) = (0, 0, 0);
    let mut months: Option<(&str, &str)> = None;
    for (file, entry) in files {
        count += 1;
        rows += entry.rows;
        bytes += entry.bytes;
        if let Some(month) = file.month.as_deref() {
            months = Some(months.map_or((month, month), |(first, last)| {
                (first.min(month), last.max(month))
            }));
        }
    }
    if count == 0 {
        return Ok(());
    }
    let months = months.map_or_else(String::new, |(first, last)| format!("{first} to {last}: "));
    writeln!(
        out,
        "  {:<22} {months}{}, {}, {}",
        relation.name(),
        counted(count, "file"),
        counted(rows, "row"),
        HumanBytes(bytes),
    )
}
