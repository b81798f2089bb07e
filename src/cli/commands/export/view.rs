//! The summary of an export.

use std::io::{self, Write};

use indicatif::{HumanBytes, HumanCount};

use crate::cli::view::text::{self, counted};
use crate::export::manifest::FileEntry;
use crate::export::partition::Partition;
use crate::export::{ExportRequest, ExportSummary, ExportedRelation};
use crate::model::convert::to_u64;

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
    let files = &summary.manifest.files;
    if files.is_empty() {
        return writeln!(out, "`{place}` holds no files: the database holds no points");
    }
    writeln!(out, "`{place}` holds, as {}:", request.format.name())?;
    for relation in ExportedRelation::ALL {
        let of_it = files.iter().filter(|(file, _)| file.relation == relation);
        relation_line(relation, of_it, out)?;
    }
    Ok(())
}

fn relation_line<'m>(
    relation: ExportedRelation,
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
