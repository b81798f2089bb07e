//! The commands under attack, the files that they start from, and the files that they leave undisturbed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;

use crate::checker::{self, Claims, acknowledged, shown, violations_against};
use crate::listing;
use crate::oracle::dump;
use crate::sandbox::{Ended, NOW, Sandbox, at, domains};

pub(crate) const DB: &str = "jdcdn-stats.db";
/// What a copy for `restore` is called.
const BACKUP: &str = "backup.db";
/// Six windows of one domain.
const RUN: &[&str] = &[
    "backfill",
    "--from",
    "2026-05-01 21:00",
    "--to",
    "2026-05-02 03:00",
    "--window",
    "1h",
    "--concurrency",
    "2",
    "--format",
    "json",
];
const DAY_BEFORE: (&str, &str) = ("2026-05-01 09:00", "2026-05-01 22:00");

/// A command and its surroundings.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) args: &'static [&'static str],
    before: Arc<BTreeMap<String, Vec<u8>>>,
    after: Arc<After>,
}

/// What an undisturbed command leaves.
#[derive(Debug)]
struct After {
    dump: String,
    names: Vec<String>,
    products: BTreeMap<String, String>,
    took: Duration,
}

/// Whether this build has the command.
pub(crate) fn has_command(name: &str) -> bool {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&[name, "--help"]).code == Some(0)
}

/// Whether this build has `check --deep`.
pub(crate) fn has_deep_check() -> bool {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&["check", "--help"]).stdout.contains("--deep")
}

/// A run that makes the database.
pub(crate) fn first_run() -> Stage {
    Stage::new("first", RUN, &BTreeMap::new())
}

/// A run on a database that holds a day.
pub(crate) fn later_run() -> Stage {
    Stage::new("later", RUN, &database(|_| ()))
}

/// The eight commands, and the reason for each that this build lacks.
pub(crate) fn stages() -> (Vec<Stage>, Vec<String>) {
    let mut missing = Vec::new();
    let mut stages = vec![
        first_run(),
        later_run(),
        Stage::new("migrate", &["migrate"], &of_an_older_schema()),
        Stage::new("rollup", &["migrate"], &database(make_rollups_stale)),
        Stage::new("snapshot", &["snapshot", "--force", "out.db"], &database(|_| ())),
        Stage::new(
            "export",
            &["export", "--format", "csv", "lake"],
            &database(|_| ()),
        ),
        Stage::new("report", &["report", "--force", "out.html"], &database(|_| ())),
    ];
    if has_command("restore") {
        let mut files = database(|_| ());
        let snapshot = stages
            .iter()
            .find(|stage| stage.name == "later")
            .unwrap()
            .snapshot_after();
        files.insert(BACKUP.to_owned(), snapshot);
        stages.push(Stage::new("restore", &["restore", BACKUP], &files));
    } else {
        missing.push("this build has no `restore`".to_owned());
    }
    (stages, missing)
}

/// The stage with this name.
pub(crate) fn stage(name: &str) -> Stage {
    let (stages, _) = stages();
    stages.into_iter().find(|stage| stage.name == name).unwrap()
}

fn sandbox(latency: Duration) -> Sandbox {
    Sandbox::new(Settings {
        domains: domains(1),
        latency,
        ..Settings::default()
    })
}

/// A database that holds a day, changed by `change`.
fn database(change: fn(&Connection)) -> BTreeMap<String, Vec<u8>> {
    let sandbox = sandbox(Duration::ZERO);
    sandbox.backfill(DAY_BEFORE.0, DAY_BEFORE.1, &[]).with(0);
    let connection = Connection::open(sandbox.path(DB)).unwrap();
    change(&connection);
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(connection);
    BTreeMap::from([(DB.to_owned(), std::fs::read(sandbox.path(DB)).unwrap())])
}

/// The same rows in the schema of the third migration, as an early version would have written them.
fn of_an_older_schema() -> BTreeMap<String, Vec<u8>> {
    let newest = database(|_| ());
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from.db"), directory.path().join("to.db"));
    std::fs::write(&from, &newest[DB]).unwrap();
    let mut old = Connection::open(&to).unwrap();
    old.pragma_update(None, "application_id", jdcdn_stats::store::APPLICATION_ID)
        .unwrap();
    old.pragma_update(None, "journal_mode", "wal").unwrap();
    let files =
        refinery::load_sql_migrations(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"))
            .unwrap();
    refinery::Runner::new(&files)
        .set_target(refinery::Target::Version(3))
        .run(&mut old)
        .unwrap();
    old.execute("ATTACH ?1 AS newest", [from.to_str().unwrap()])
        .unwrap();
    for table in [
        "domain",
        "code",
        "code_set",
        "code_set_member",
        "point",
        "code_count",
        "calendar",
        "run",
        "coverage",
    ] {
        let columns: Vec<String> = old
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let columns = columns.join(", ");
        old.execute_batch(&format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM newest.{table}"
        ))
        .unwrap();
    }
    old.execute_batch("DETACH newest").unwrap();
    old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(old);
    BTreeMap::from([(DB.to_owned(), std::fs::read(to).unwrap())])
}

fn make_rollups_stale(database: &Connection) {
    database
        .execute_batch(
            "INSERT OR IGNORE INTO rollup_due SELECT DISTINCT domain_id, ts - (ts + 28800) % 86400 FROM point;
             DELETE FROM rollup_hour; DELETE FROM rollup_day; DELETE FROM rollup_code_day; DELETE FROM rollup_month;
             DELETE FROM origin_account_hourly; DELETE FROM origin_account_daily; DELETE FROM origin_account_monthly",
        )
        .unwrap();
}

impl Stage {
    fn new(name: &'static str, args: &'static [&'static str], before: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut stage = Self {
            name,
            args,
            before: Arc::new(before.clone()),
            after: Arc::new(After {
                dump: String::new(),
                names: Vec::new(),
                products: BTreeMap::new(),
                took: Duration::ZERO,
            }),
        };
        let sandbox = stage.set(Duration::ZERO);
        let began = std::time::Instant::now();
        sandbox.run(args).with(0);
        let took = began.elapsed();
        stage.after = Arc::new(After {
            dump: dump(&sandbox.database()),
            names: listing::names(&sandbox.path("")),
            products: products(&sandbox),
            took,
        });
        stage
    }

    /// A directory of its own, as it is before the command.
    pub(crate) fn set(&self, latency: Duration) -> Sandbox {
        let sandbox = sandbox(latency);
        for (name, content) in self.before.iter() {
            std::fs::write(sandbox.path(name), content).unwrap();
        }
        sandbox
    }

    /// How long the command takes undisturbed.
    pub(crate) fn took(&self) -> Duration {
        self.after.took
    }

    fn snapshot_after(&self) -> Vec<u8> {
        let sandbox = self.set(Duration::ZERO);
        sandbox.run(self.args).with(0);
        sandbox.run(&["snapshot", "out.db"]).with(0);
        std::fs::read(sandbox.path("out.db")).unwrap()
    }

    /// After an attack the files are sound and the output is true; the same command completes the work and leaves
    /// no other file.
    pub(crate) fn judge(&self, sandbox: &Sandbox, ended: &Ended) -> Result<(), String> {
        self.judge_left(sandbox, ended)?;
        self.judge_again(sandbox)
    }

    /// The files are sound, and the output is true.
    pub(crate) fn judge_left(&self, sandbox: &Sandbox, ended: &Ended) -> Result<(), String> {
        if ended.stderr.contains("panicked at") {
            return Err(format!("a panic: {}", ended.stderr));
        }
        if sandbox.path(DB).exists() {
            judge_database(&sandbox.copy_of_database(), sandbox, ended)?;
        } else if ended.code == Some(0) {
            return Err("exit 0 without a database".to_owned());
        }
        let out = sandbox.path("out.db");
        if out.exists() {
            let copy = Connection::open(&out).unwrap();
            judge_database(&copy, sandbox, ended).map_err(|what| format!("the snapshot: {what}"))?;
        }
        if ended.code == Some(0) && products(sandbox) != self.after.products {
            return Err("exit 0, and another result than undisturbed".to_owned());
        }
        if ended.code == Some(0) && dump(&sandbox.copy_of_database()) != self.after.dump {
            return Err("exit 0, and another database than undisturbed".to_owned());
        }
        Ok(())
    }

    /// The same command completes what an attack left.
    pub(crate) fn judge_again(&self, sandbox: &Sandbox) -> Result<(), String> {
        let again = sandbox.run(self.args);
        if again.code != Some(0) {
            return Err(format!(
                "the next run ended with {:?}: {}",
                again.code, again.stderr
            ));
        }
        judge_database(&sandbox.database(), sandbox, &again)?;
        if dump(&sandbox.database()) != self.after.dump {
            return Err("the next run left another database than an undisturbed one".to_owned());
        }
        if products(sandbox) != self.after.products {
            return Err("the next run left another result than an undisturbed one".to_owned());
        }
        let names = listing::names(&sandbox.path(""));
        if names != self.after.names {
            return Err(format!(
                "files left behind: {names:?}, undisturbed {:?}",
                self.after.names
            ));
        }
        Ok(())
    }
}

/// A database of the current schema is sound and true, and holds what a summary acknowledged; one of an older schema
/// is undamaged.
fn judge_database(database: &Connection, sandbox: &Sandbox, ended: &Ended) -> Result<(), String> {
    if !checker::is_current(database) {
        let check: String = database
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .map_err(|error| error.to_string())?;
        return if check == "ok" { Ok(()) } else { Err(check) };
    }
    let claims = Claims {
        truth: sandbox.simulator.truth(),
        asked_at: &[at(NOW)],
        domains: &sandbox.domains,
        omitted: &[],
    };
    let mut found = violations_against(database, &claims);
    if let Ok(summary) = serde_json::from_str::<serde_json::Value>(&ended.stdout)
        && summary["run_id"].is_number()
    {
        found.extend(acknowledged(database, &summary));
    }
    if found.is_empty() {
        Ok(())
    } else {
        Err(shown(&found))
    }
}

/// The other files that a command writes, as text that is equal for equal results.
fn products(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let mut products = BTreeMap::new();
    for (name, content) in listing::files(&sandbox.path("")) {
        let Some(content) = content else { continue };
        let text = match name.as_str() {
            "out.db" => dump(&Connection::open(sandbox.path(&name)).unwrap()),
            // The page says when it was made.
            "out.html" => String::from_utf8_lossy(&content)
                .ends_with("</html>\n")
                .to_string(),
            name if name.starts_with("lake/") && name.contains("/part-") => {
                String::from_utf8_lossy(&content).into_owned()
            }
            _ => continue,
        };
        products.insert(name, text);
    }
    products
}
