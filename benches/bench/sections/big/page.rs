//! What the page says about the big file.

use super::{Big, EARLY_TICK, MIB, TICK, file_bytes};
use crate::Result;
use crate::meter::{Cost, median, median_ratio};
use crate::program::Ran;
use crate::results::{Cell, Section, duration};
use crate::sections::tick::row;

impl Big<'_> {
    /// Returns the section of the page.
    pub(super) fn section(&self, months: usize) -> Result<Section> {
        let state = &self.state;
        let bytes = file_bytes(&self.account.database())?;
        let points = state.points as f64;
        let domains = self.domains;
        let mut section = Section::new(
            "big",
            "One big file",
            &[
                &format!(
                    "{domains} domains and {months} months in one file, built once through the store (on commit {}), and then \
                     every command on it.",
                    state.built_on
                ),
                &self.what_it_holds(bytes),
            ],
        );
        section.table(
            &["file", ""],
            vec![
                vec![Cell::text("points"), Cell::Count(points)],
                vec![Cell::text("size"), Cell::Bytes(bytes)],
                vec![
                    Cell::text("bytes a point, with everything"),
                    Cell::Count((bytes / points * 10.0).round() / 10.0),
                ],
            ],
        );
        let share = points / state.slice as f64;
        let slice = Cell::Count(state.slice as f64);
        let (first, last) = (state.slices.first(), state.slices.last());
        let speeds = [
            ("all points".to_owned(), state.storing, share),
            (
                format!("the first {slice} points"),
                first.copied().unwrap_or_default(),
                1.0,
            ),
            (
                format!("the last {slice} points"),
                last.copied().unwrap_or_default(),
                1.0,
            ),
        ];
        let rows = speeds.map(|(what, cost, slices)| {
            let rate = |seconds: f64| Cell::Rate(state.slice as f64 * slices / seconds);
            vec![
                Cell::Text(what),
                Cell::Seconds(cost.wall),
                rate(cost.wall),
                Cell::Seconds(cost.cpu),
                rate(cost.cpu),
            ]
        });
        let rollups = vec![
            Cell::text("the rollups"),
            Cell::Seconds(state.rollups.wall),
            Cell::none(),
            Cell::Seconds(state.rollups.cpu),
            Cell::none(),
        ];
        section.table(
            &[
                "stored",
                "wall time",
                "points a second",
                "CPU time",
                "points a CPU second",
            ],
            rows.into_iter().chain([rollups]).collect(),
        );
        let rows = state.steps.iter().map(|(name, ran)| {
            let note = state.notes.iter().find(|(known, _)| known == name);
            let code = ran.iter().find_map(|one| one.code.filter(|code| *code != 0));
            let mut cells = row(name, ran);
            if ran.iter().all(|one| one.peak == 0.0) {
                cells.truncate(3);
                cells.push(Cell::none());
            }
            cells.push(match (note, code) {
                (Some((_, note)), _) => Cell::text(note),
                (None, Some(code)) => Cell::Text(format!("exit code {code}")),
                (None, None) => Cell::none(),
            });
            cells
        });
        let left_out = state.notes.iter().filter(|(name, _)| !self.is_measured(name));
        let left_out = left_out.map(|(name, why)| {
            let mut cells = vec![Cell::text(name), Cell::none(), Cell::none(), Cell::none()];
            cells.push(Cell::text(why));
            cells
        });
        section.table(
            &["command", "wall time", "CPU time", "memory", ""],
            rows.chain(left_out).collect(),
        );
        let cpu = |slice: Option<&Cost>| slice.map_or(f64::NAN, |cost| cost.cpu);
        self.goals(&mut section, cpu(first) / cpu(last));
        Ok(section)
    }

    /// Returns a figure of each run of a command; `None` if it was not run.
    fn figures(&self, name: &str, figure: fn(&Ran) -> f64) -> Option<Vec<f64>> {
        let ran = self.state.steps.iter().find(|(known, _)| known == name);
        ran.map(|(_, ran)| ran.iter().map(figure).collect())
    }

    fn goals(&self, section: &mut Section, last_to_first: f64) {
        for (name, limit) in [
            ("`sync`, nothing due", 0.1),
            ("`status`", 0.2),
            ("`gaps`", 0.2),
            ("`bill`", 0.2),
            ("`export`, nothing new", 0.2),
        ] {
            if let Some(walls) = self.figures(name, |ran| ran.cost.wall) {
                section.at_most(
                    &format!("{name}, the big file"),
                    Cell::Seconds(limit),
                    Cell::Seconds(median(walls)),
                );
            }
        }
        let cpu = |name| self.figures(name, |ran| ran.cost.cpu);
        if let (Some(here), Some(there)) = (cpu(TICK), cpu(EARLY_TICK)) {
            section.at_most(
                "CPU time of a tick, the big file ÷ two days, median of pairs",
                Cell::Ratio(1.3),
                Cell::Ratio(median_ratio(&here, &there)),
            );
        }
        section.at_least(
            "points a CPU second, the last million ÷ the first",
            Cell::Ratio(0.8),
            Cell::Ratio(last_to_first),
        );
        let is_export = |name: &str| name.starts_with("`export`");
        let peak = |wanted: bool| {
            let steps = self
                .state
                .steps
                .iter()
                .filter(|(name, _)| is_export(name) == wanted);
            steps
                .flat_map(|(_, ran)| ran)
                .map(|ran| ran.peak)
                .fold(0.0, f64::max)
        };
        section.at_most(
            "memory of any command, the big file",
            Cell::Bytes(48.0 * MIB),
            Cell::Bytes(peak(false)),
        );
        section.at_most(
            "memory of an export, the big file",
            Cell::Bytes(64.0 * MIB),
            Cell::Bytes(peak(true)),
        );
    }

    /// Says where one file and one machine end.
    fn what_it_holds(&self, bytes: f64) -> String {
        let wall = |name: &str| {
            let ran = self.state.steps.iter().find(|(known, _)| known == name);
            ran.map_or_else(
                || "unknown".to_owned(),
                |(_, ran)| duration(median(ran.iter().map(|one| one.cost.wall))),
            )
        };
        let years = 1000.0 * 365.0 * 288.0 * bytes / self.state.points as f64;
        format!(
            "**Where one file ends.** A year of 1,000 domains takes {}. SQLite's own limit is 281 TB. Other limits come \
             first. What reads a part of the key or the rollups does not feel the size of the file. What reads all of it \
             does: here a statement over every point takes {}, `check --deep` {}, and a snapshot {}. So one file and one \
             machine are enough as long as a snapshot and a verification fit into the night, and people ask for months and \
             days. Above that, or for many who ask about every point at once, export the months as Parquet and ask with an \
             engine that reads only the columns it needs. A run with nothing new stays as fast as it was.",
            Cell::Bytes(years),
            wall("`query`: every point"),
            wall("`check --deep`"),
            wall("`snapshot`"),
        )
    }
}
