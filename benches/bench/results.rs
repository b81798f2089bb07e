//! What was measured: sections with tables, pictures and goals, each kept as one JSON file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::machine::Made;

/// One subject of the page.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Section {
    /// Its name on the command line and of its file.
    pub(crate) id: String,
    pub(crate) title: String,
    /// When, where and of what it was measured.
    pub(crate) made: Made,
    /// What was measured, in paragraphs.
    pub(crate) text: Vec<String>,
    pub(crate) tables: Vec<Table>,
    pub(crate) pictures: Vec<Picture>,
    pub(crate) goals: Vec<Goal>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A figure with its unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cell {
    Text(String),
    Count(f64),
    Seconds(f64),
    Bytes(f64),
    /// A second.
    Rate(f64),
    Ratio(f64),
}

/// A limit, and what was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) limit: Cell,
    pub(crate) is_at_most: bool,
    pub(crate) measured: Cell,
}

/// Lines over a number of domains or months.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Picture {
    pub(crate) name: String,
    pub(crate) title: String,
    /// The name of the horizontal axis.
    pub(crate) across: String,
    /// By name: pairs of a number and seconds.
    pub(crate) lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Section {
    pub(crate) fn new(id: &str, title: &str, text: &[&str]) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            text: text.iter().map(|&paragraph| paragraph.to_owned()).collect(),
            ..Self::default()
        }
    }

    /// Adds a table with these columns.
    pub(crate) fn table(&mut self, columns: &[&str], rows: Vec<Vec<Cell>>) {
        self.tables.push(Table {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows,
        });
    }

    pub(crate) fn at_most(&mut self, what: &str, limit: Cell, measured: Cell) {
        self.goal(what, limit, true, measured);
    }

    pub(crate) fn at_least(&mut self, what: &str, limit: Cell, measured: Cell) {
        self.goal(what, limit, false, measured);
    }

    fn goal(&mut self, what: &str, limit: Cell, is_at_most: bool, measured: Cell) {
        self.goals.push(Goal {
            what: what.to_owned(),
            limit,
            is_at_most,
            measured,
        });
    }

    /// Reads the section of this name; `None` if it was never measured.
    pub(crate) fn load(directory: &Path, id: &str) -> Result<Option<Self>> {
        match std::fs::read(file(directory, id)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the section for the page.
    pub(crate) fn save(&self, directory: &Path) -> Result<()> {
        let cells = self.tables.iter().flat_map(|table| table.rows.iter().flatten());
        let cells = cells.chain(self.goals.iter().map(|goal| &goal.measured));
        let is_missing = |cell: &Cell| !matches!(cell, Cell::Text(_)) && !cell.number().is_finite();
        if let Some(missing) = cells.into_iter().find(|cell| is_missing(cell)) {
            return Err(format!("{}: a figure is missing: {missing:?}", self.id).into());
        }
        std::fs::create_dir_all(directory)?;
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        Ok(std::fs::write(file(directory, &self.id), json)?)
    }
}

fn file(directory: &Path, id: &str) -> PathBuf {
    directory.join(format!("{id}.json"))
}

impl Goal {
    pub(crate) fn is_met(&self) -> bool {
        let (limit, measured) = (self.limit.number(), self.measured.number());
        if self.is_at_most {
            measured <= limit
        } else {
            measured >= limit
        }
    }
}

impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Returns nothing, for a cell that does not apply.
    pub(crate) fn none() -> Self {
        Self::text("–")
    }

    /// Returns the bare number; NaN for a text.
    pub(crate) fn number(&self) -> f64 {
        match self {
            Self::Text(_) => f64::NAN,
            Self::Count(number)
            | Self::Seconds(number)
            | Self::Bytes(number)
            | Self::Rate(number)
            | Self::Ratio(number) => *number,
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Count(number) => write!(f, "{}", grouped(*number)),
            Self::Seconds(seconds) => f.write_str(&duration(*seconds)),
            Self::Bytes(bytes) => f.write_str(&size(*bytes)),
            Self::Rate(rate) if *rate >= 10_000.0 => write!(f, "{} k/s", grouped((rate / 1000.0).round())),
            Self::Rate(rate) => write!(f, "{} /s", grouped(rate.round())),
            Self::Ratio(ratio) if *ratio >= 10.0 => write!(f, "{} ×", grouped(ratio.round())),
            Self::Ratio(ratio) => write!(f, "{ratio:.2} ×"),
        }
    }
}

/// Writes a number with a comma between thousands, and with one decimal if it is small.
fn grouped(number: f64) -> String {
    if number.fract() != 0.0 && number.abs() < 1000.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 { format!("-{text}") } else { text }
}

/// Writes seconds with three digits.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 120.0 => format!("{:.1} min", seconds / 60.0),
        _ if seconds >= 9.995 => format!("{seconds:.1} s"),
        _ if seconds >= 0.9995 => format!("{seconds:.2} s"),
        _ if seconds >= 0.009_95 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds >= 0.000_995 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{:.0} µs", seconds * 1e6),
    }
}

fn size(bytes: f64) -> String {
    const MIB: f64 = 1024.0 * 1024.0;
    match bytes {
        _ if bytes >= 1024.0 * MIB => format!("{:.2} GiB", bytes / MIB / 1024.0),
        _ if bytes >= 10.0 * MIB => format!("{:.0} MiB", bytes / MIB),
        _ if bytes >= MIB => format!("{:.1} MiB", bytes / MIB),
        _ if bytes >= 1024.0 => format!("{:.0} KiB", bytes / 1024.0),
        _ => format!("{bytes:.0} B"),
    }
}
