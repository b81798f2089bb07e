//! The command line as a whole, through the real binary: help, configuration, `query`, exit codes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what cannot be set up is a failed test"
)]

mod query;
mod structure;
mod usage;
mod version;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

/// A directory of its own and an empty environment.
struct Sandbox {
    directory: TempDir,
}

/// How a run of the program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Sandbox {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// With `jdcdn-stats.db`, which holds two relations as the program names them, and one that is internal.
    fn with_database() -> Self {
        let sandbox = Self::new();
        let connection = Connection::open(sandbox.path("jdcdn-stats.db")).unwrap();
        connection
            .execute_batch(
                "PRAGMA application_id = 0x4a444353;
                 PRAGMA journal_mode = WAL;
                 CREATE TABLE origin_stats(domain TEXT, ts BIGINT, bandwidth BIGINT, pv BIGINT);
                 CREATE TABLE origin_status_nonzero(domain TEXT, ts BIGINT, code TEXT, count BIGINT);
                 CREATE TABLE point(x);
                 INSERT INTO origin_stats VALUES
                     ('www.a.com', 1568477100, 0, 1), ('www.a.com', 1568477400, 8000, 20), ('b.com', 1568477100, NULL, 3);
                 INSERT INTO origin_status_nonzero VALUES ('www.a.com', 1568477100, '301', 1), ('b.com', 1568477100, '502', 3);",
            )
            .unwrap();
        sandbox
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(args)
            .current_dir(self.directory.path())
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_jdcdn-stats"))
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ended {
    #[track_caller]
    fn succeeded(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// It failed with `code`, and printed nothing but an error on standard error.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        self.stderr
    }
}
