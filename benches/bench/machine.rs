//! When, where and of what something was measured.

use std::path::Path;
use std::process::Command;

use jdcdn_stats::clock::{Clock as _, SystemClock};
use jdcdn_stats::model::civil;
use serde::{Deserialize, Serialize};

/// Written by the benches themselves: it does not make the measured program another one.
const OUTPUT: [&str; 3] = ["benches/", "docs/performance", "Makefile"];

/// When, where and of what a section was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The minute, in China Standard Time.
    pub(crate) at: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
    pub(crate) versions: String,
    /// The sizes that were asked for by variables.
    pub(crate) sizes: String,
    /// How long it took. A section that goes on where an earlier run was stopped says how long that one took; the rest
    /// is added.
    pub(crate) seconds: f64,
    /// The mean number of programs that wanted to run, when it began: more than the benches' own slow everything down.
    pub(crate) load: String,
}

impl Made {
    /// Returns what is to be measured now, in `directory`.
    pub(crate) fn now(directory: &Path, sizes: &str) -> Self {
        Self {
            at: civil::cst_minute(SystemClock::new().now()),
            commit: commit(),
            machine: machine(directory),
            versions: format!(
                "{}, SQLite {}",
                said("rustc", &["--version"]).unwrap_or_default(),
                rusqlite::version()
            ),
            sizes: sizes.to_owned(),
            seconds: 0.0,
            load: load().unwrap_or_default(),
        }
    }

    /// Returns whether the same program was measured with the same sizes.
    pub(crate) fn is_of_the_same(&self, other: &Self) -> bool {
        self.commit == other.commit && self.sizes == other.sizes && self.machine == other.machine
    }
}

/// Returns the commit, with a mark if the sources differ from it.
fn commit() -> String {
    let commit = said("git", &["rev-parse", "--short=10", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed = said("git", &["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default();
    let is_source = |line: &&str| {
        let path = line.get(3..).unwrap_or_default();
        !OUTPUT.iter().any(|output| path.starts_with(output))
    };
    if changed.lines().any(|line| is_source(&line)) {
        format!("{commit} with changes")
    } else {
        commit
    }
}

fn machine(directory: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| {
        model.trim_start_matches(['\t', ' ', ':'])
    });
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok());
    let memory = kib.map_or_else(String::new, |kib| {
        format!(", {:.0} GiB of memory", kib / 1024.0 / 1024.0)
    });
    let system = said("uname", &["-sr"]).unwrap_or_default();
    // What follows is the name that somebody gave to this build of it.
    let system = system.split('-').next().unwrap_or_default();
    format!(
        "{cores} cores of {model}{memory}, {system}, {}",
        file_system(directory)
    )
}

/// Returns the name of the file system of `directory`, such as `ext4`.
pub(crate) fn file_system(directory: &Path) -> String {
    let path = directory.to_string_lossy();
    said("stat", &["--file-system", "--format=%T", &path]).map_or_else(
        || "unknown file system".to_owned(),
        |name| name.replace("ext2/ext3", "ext4"),
    )
}

/// Returns the load of the last minute.
fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    Some(text.split_whitespace().next()?.to_owned())
}

/// Returns the first line that a program prints; `None` if it fails.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
