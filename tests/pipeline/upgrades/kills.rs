//! Upgrades that are killed, at random moments and at system calls. All of the calls, on every schema:
//! `JDCDN_TEST_STRIDE=1 cargo test --test pipeline upgrades::kills`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::old_file::{OldFile, newest};
use super::{COPY, REWRITING, Sandbox, Table, copies_of, full_of_events, others, place, tables};
use crate::sandbox::{setting, skipped};
use crate::syscalls::{CHANGES, kill_at};
use crate::tracer::can_trace;

struct World {
    sandbox: Sandbox,
    old: OldFile,
    upgraded: BTreeMap<String, Table>,
    took: Duration,
}

impl World {
    /// An undisturbed upgrade, to compare with.
    fn undisturbed(sandbox: Sandbox, old: OldFile) -> Self {
        place(&sandbox, &old);
        let began = Instant::now();
        sandbox.run(&["migrate"]).with(0);
        let took = began.elapsed();
        let upgraded = tables(&sandbox.database());
        Self {
            sandbox,
            old,
            upgraded,
            took,
        }
    }

    /// The file is as before or has the whole new schema; a file with the name of a copy is a whole copy.
    #[track_caller]
    fn assert_nothing_is_half(&self) {
        let left = self.sandbox.copy_of_database();
        let check: String = left
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
        let found = tables(&left);
        if found["refinery_schema_history"] == self.upgraded["refinery_schema_history"] {
            assert_eq!(found["point"], self.old.tables["point"]);
            let copies: Vec<_> = others(&self.sandbox)
                .into_iter()
                .filter(|name| name == COPY)
                .collect();
            assert_eq!(copies, copies_of(self.old.version), "upgraded without a copy");
        } else {
            assert_eq!(found, self.old.tables);
        }
        if self.sandbox.path(COPY).exists() {
            let copy = Connection::open(self.sandbox.path(COPY)).unwrap();
            assert_eq!(tables(&copy), self.old.tables);
        }
    }

    /// The next upgrade makes of it what an undisturbed one does, and leaves nothing else.
    #[track_caller]
    fn assert_recovers(&self) {
        self.sandbox.run(&["migrate"]).with(0);
        let upgraded = tables(&self.sandbox.database());
        assert!(
            upgraded == self.upgraded,
            "not what an undisturbed upgrade makes of it"
        );
        assert_eq!(others(&self.sandbox), copies_of(self.old.version));
    }

    /// Kills the upgrade at the call of this number; whether there was one.
    fn kill_at(&self, calls: &str, number: u64) -> bool {
        place(&self.sandbox, &self.old);
        kill_at(&self.sandbox, &["migrate"], calls, number)
    }
}

/// A world for each schema that is to be tried: all where the environment sets a stride.
fn each_world(mut work: impl FnMut(&World)) {
    let all = setting("JDCDN_TEST_STRIDE", u64::MAX) < u64::MAX;
    let mut sandbox = full_of_events();
    let from = tempfile::tempdir().unwrap();
    let from = from.path().join("today.db");
    sandbox.run(&["snapshot", from.to_str().unwrap()]).with(0);
    // The schema before the one that rewrites is the one that most files have.
    for version in (1..newest()).filter(|version| all || [2, REWRITING - 1].contains(version)) {
        let world = World::undisturbed(sandbox, OldFile::new(&from, version));
        work(&world);
        sandbox = world.sandbox;
    }
}

#[test]
fn an_upgrade_killed_at_random_moments_is_completed_by_the_next() {
    let kills = setting("JDCDN_TEST_KILLS", 6);
    let seed = setting("JDCDN_SEED", 1);
    let mut random = fastrand::Rng::with_seed(seed);
    each_world(|world| {
        for _ in 0..kills {
            place(&world.sandbox, &world.old);
            // Up to three in a row.
            for _ in 0..random.u8(1..4) {
                let mut child = world.sandbox.start(&["migrate"]);
                std::thread::sleep(world.took.mul_f64(random.f64()));
                child.kill().unwrap();
                child.wait().unwrap();
                world.assert_nothing_is_half();
            }
            world.assert_recovers();
        }
    });
}

#[test]
fn an_upgrade_killed_at_any_call_is_completed_by_the_next() {
    if let Err(why) = can_trace() {
        return skipped("kills of an upgrade at every call, for want of strace", &why);
    }
    let most = setting("JDCDN_TEST_STRIDE", u64::MAX);
    let mut random = fastrand::Rng::with_seed(setting("JDCDN_SEED", 1));
    each_world(|world| {
        for (calls, stride) in CHANGES {
            let stride = stride.min(most);
            let first = random.u64(1..=stride);
            let mut number = first;
            while world.kill_at(calls, number) {
                world.assert_nothing_is_half();
                world.assert_recovers();
                number += stride;
            }
            println!("version {}, {calls}: up to {number}", world.old.version);
            // A tracer that miscounts must not pass for a program that survives.
            assert!(
                number > first || calls != "pwrite64",
                "no call of {calls} was found"
            );
        }
    });
}
