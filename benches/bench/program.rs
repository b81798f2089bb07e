//! Runs the real binary and measures it.
//!
//! The kernel reports the peak memory of children as one maximum. So this binary runs itself as a small process that
//! runs one program and reports what it took.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use jdcdn_stats::model::{Domain, UnixSeconds, civil};
use nix::sys::resource::UsageWho;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::meter::{self, Cost};

/// What one run of a program took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ran {
    /// `None`: it was ended by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) cost: Cost,
    /// The most memory, in bytes.
    pub(crate) peak: f64,
}

/// Measures one run of `command`, from its start to its end. Its output goes to the file `output`.
pub(crate) fn run(
    command: &[String],
    environment: &[(&str, String)],
    directory: &Path,
    output: &Path,
) -> Result<Ran> {
    let reported = Command::new(std::env::current_exe()?)
        .arg("measure")
        .arg(output)
        .args(command)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(directory)
        .stderr(Stdio::inherit())
        .output()?;
    if !reported.status.success() {
        return Err(format!("measuring {command:?} failed").into());
    }
    Ok(serde_json::from_slice(&reported.stdout)?)
}

/// The small process of [`run`].
pub(crate) fn measure(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let output = arguments.next().ok_or("measure: no output file")?;
    let program = arguments.next().ok_or("measure: no program")?;
    let output = std::fs::File::create(output)?;
    let began = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .status()?;
    let wall = began.elapsed().as_secs_f64();
    let ran = Ran {
        code: status.code(),
        cost: Cost {
            wall,
            cpu: meter::cpu(UsageWho::RUSAGE_CHILDREN)?,
        },
        peak: meter::peak_of_children()?,
    };
    serde_json::to_writer(std::io::stdout().lock(), &ran)?;
    Ok(std::io::stdout().flush()?)
}

/// A directory with a configuration, in which commands of the program run.
#[derive(Debug)]
pub(crate) struct Account {
    directory: PathBuf,
    endpoint: String,
    /// The time at which commands believe they are started.
    pub(crate) now: UnixSeconds,
}

impl Account {
    /// Writes the configuration of an account into `directory`. Its history begins at `start`.
    pub(crate) fn new(
        directory: &Path,
        domains: &[Domain],
        start: UnixSeconds,
        endpoint: String,
        now: UnixSeconds,
    ) -> Result<Self> {
        let listed: Vec<String> = domains.iter().map(|domain| format!("\"{domain}\"")).collect();
        let config = format!(
            "username = \"bench\"\nsecret_key_file = \"secret.key\"\nstart = \"{}\"\ndomains = [{}]\n\
             [fetch]\nrequests_per_second = 0\n",
            civil::cst_date(start),
            listed.join(", ")
        );
        std::fs::write(directory.join("jdcdn-stats.toml"), config)?;
        let key = directory.join("secret.key");
        std::fs::write(&key, "bench-bench-bench\n")?;
        private(&key)?;
        Ok(Self {
            directory: directory.to_owned(),
            endpoint,
            now,
        })
    }

    /// Returns the path of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.join("jdcdn-stats.db")
    }

    /// Returns the directory of the database.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs a command of the program; an exit code that is not 0 is an error.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Ran> {
        let ran = self.try_run(arguments)?;
        if ran.code == Some(0) {
            return Ok(ran);
        }
        let said = self.output()?;
        Err(format!(
            "`jdcdn-stats {}` ended with {:?}: {said}",
            arguments.join(" "),
            ran.code
        )
        .into())
    }

    /// Runs a command of the program, however it ends.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Result<Ran> {
        let environment = [
            ("JDCDN_TEST_NOW", self.now.to_string()),
            ("JDCDN_ENDPOINT", self.endpoint.clone()),
        ];
        let mut command = vec![binary().to_owned(), "--quiet".to_owned()];
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        run(
            &command,
            &environment,
            &self.directory,
            &self.directory.join("output.txt"),
        )
    }

    /// Returns what the last command printed.
    pub(crate) fn output(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.directory.join("output.txt"))?)
    }

    /// Returns a number of the JSON summary that the last command printed.
    pub(crate) fn summary(&self, pointer: &str) -> Result<u64> {
        let output = self.output()?;
        // Warnings come before it.
        let json = output
            .find('{')
            .and_then(|at| output.get(at..))
            .unwrap_or_default();
        let summary: serde_json::Value = serde_json::Deserializer::from_str(json)
            .into_iter()
            .next()
            .ok_or("no summary was printed")??;
        let number = summary.pointer(pointer).and_then(serde_json::Value::as_u64);
        Ok(number.ok_or_else(|| format!("the summary has no {pointer}: {summary}"))?)
    }

    /// Returns whether the program has this command.
    pub(crate) fn knows(&self, command: &str) -> Result<bool> {
        Ok(self.try_run(&[command, "--help"])?.code == Some(0))
    }
}

/// Returns the path of the binary that is measured.
pub(crate) const fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_jdcdn-stats")
}

#[cfg(unix)]
fn private(key: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600))
}
