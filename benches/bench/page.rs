//! Writes `docs/performance.md` and its pictures from what was measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::machine::Made;
use crate::picture;
use crate::results::{Cell, Goal, Section, Table};
use crate::{Result, SECTIONS};

const OPENING: &str = "# Performance

<!-- Written by `make bench`, `make bench-peers` and `make bench-big` from benches/results/. To change a text, change
     benches/bench/. -->

How fast the program is, how much memory and disk it needs, and how both grow with the number of domains and months. Every
figure on this page was measured by a make target, and can be measured again:

| target | measures | took |
|---|---|---|
{TARGETS}
`SIZE=small` tries everything on little data, and leaves this page alone. `ONLY=tick,export` measures some sections.
`DOMAINS=` and `MONTHS=` set the size of the big file, `KEEP=1` keeps it, `DIR=` says where the files are made. With
`REFLINK=`, a directory on XFS or Btrfs, copies by reference are measured there.

";

const METHOD: &str = "## Method

- **The data** is generated: a point for every 5 minutes, 17 status codes for each, of which 2.6 are above zero in the mean.
  A point takes about 168 bytes in the API's JSON. All competitors get the same points.
- **The program** is built as for a release, with link-time optimisation. Whole commands run as processes: wall time from
  start to end, CPU time of all their threads, and the highest memory as the kernel reports it.
- **The API** is a local server in a process of its own. It builds answers faster than the program reads them. A latency is a
  pause before each answer.
- **Ratios** are medians of pairs that ran one after the other, so a busy machine slows both down. Times are medians. CPU time
  changes less than wall time if other programs run.
- **The disk cache is warm.** No figure is about a cold or slow disk.

";

/// Writes the page of everything that was measured so far.
pub(crate) fn write(results: &Path, page: &Path) -> Result<()> {
    let mut sections = Vec::new();
    for id in SECTIONS {
        sections.extend(Section::load(results, id)?);
    }
    let pictures = page.with_extension("");
    let mut text = OPENING.replace("{TARGETS}", &targets(&sections)?);
    goals(&mut text, &sections)?;
    text.push_str(METHOD);
    made(&mut text, &sections)?;
    for section in &sections {
        section_text(&mut text, section, &pictures)?;
    }
    std::fs::write(page, text.trim_end().to_owned() + "\n")?;
    Ok(())
}

/// Returns the rows of the make targets, with the time that each took.
fn targets(sections: &[Section]) -> Result<String> {
    let mut rows = String::new();
    for (target, what, is_of) in [
        (
            "make bench",
            "the parser, the store, the whole program, queries, files, growth",
            (|id| !["peers", "big"].contains(&id)) as fn(&str) -> bool,
        ),
        ("make bench-peers", "other programs with the same points", |id| {
            id == "peers"
        }),
        (
            "make bench-big",
            "one big file; 60 GB of free disk for 1,000 domains and 36 months",
            |id| id == "big",
        ),
    ] {
        let took = sections
            .iter()
            .filter(|section| is_of(&section.id))
            .map(|section| section.made.seconds);
        let time = match took.sum::<f64>() {
            0.0 => Cell::none(),
            seconds => Cell::Seconds(seconds),
        };
        writeln!(rows, "| `{target}` | {what} | {time} |")?;
    }
    Ok(rows)
}

fn goals(text: &mut String, sections: &[Section]) -> Result<()> {
    let goals: Vec<&Goal> = sections.iter().flat_map(|section| &section.goals).collect();
    if goals.is_empty() {
        return Ok(());
    }
    text.push_str("## Goals\n\n| goal | limit | measured | met |\n|---|---|---|---|\n");
    for goal in goals {
        let sign = if goal.is_at_most { "≤" } else { "≥" };
        let met = if goal.is_met() { "yes" } else { "**no**" };
        writeln!(
            text,
            "| {} | {sign} {} | {} | {met} |",
            goal.what, goal.limit, goal.measured
        )?;
    }
    text.push('\n');
    Ok(())
}

/// Says when and where. Sections that were measured together share a row.
fn made(text: &mut String, sections: &[Section]) -> Result<()> {
    let mut by_commit: BTreeMap<(&str, &str, &str), Vec<&Section>> = BTreeMap::new();
    for section in sections {
        let Made {
            commit,
            machine,
            versions,
            ..
        } = &section.made;
        by_commit
            .entry((commit, machine, versions))
            .or_default()
            .push(section);
    }
    text.push_str(
        "| sections | measured (China Standard Time, UTC+8) | commit | load before |\n|---|---|---|---|\n",
    );
    for ((commit, ..), sections) in &by_commit {
        for section in sections {
            let Made { at, load, .. } = &section.made;
            writeln!(text, "| {} | {at} | {commit} | {load} |", section.title)?;
        }
    }
    text.push('\n');
    let mut machines: Vec<String> = by_commit
        .keys()
        .map(|(_, machine, versions)| format!("{machine}; {versions}"))
        .collect();
    machines.sort_unstable();
    machines.dedup();
    for machine in machines {
        writeln!(text, "Machine: {machine}.\n")?;
    }
    Ok(())
}

fn section_text(text: &mut String, section: &Section, pictures: &Path) -> Result<()> {
    writeln!(text, "## {}\n", section.title)?;
    for paragraph in &section.text {
        writeln!(text, "{paragraph}\n")?;
    }
    for table in &section.tables {
        table_text(text, table)?;
    }
    for picture in &section.pictures {
        std::fs::create_dir_all(pictures)?;
        std::fs::write(
            pictures.join(format!("{}.svg", picture.name)),
            picture::draw(picture),
        )?;
        let folder = pictures.file_name().unwrap_or_default().to_string_lossy();
        writeln!(text, "![{}]({folder}/{}.svg)\n", picture.title, picture.name)?;
    }
    Ok(())
}

fn table_text(text: &mut String, table: &Table) -> Result<()> {
    writeln!(text, "| {} |", table.columns.join(" | "))?;
    // The first column is a name, the others are figures.
    let lines: Vec<&str> = (0..table.columns.len())
        .map(|at| if at == 0 { "---" } else { "---:" })
        .collect();
    writeln!(text, "|{}|", lines.join("|"))?;
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    text.push('\n');
    Ok(())
}
