//! Too little of what a process needs: space, descriptors, memory, size of a file.

use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use crate::attack::{Attack, Attacks, Attempt, Case, CaseResult};
use crate::checker::{shown, violations};
use crate::refusals::says_why;
use crate::sandbox::ended;
use crate::stage::{DB, Stage, stages};

/// Runs on a file system of $0 KiB, makes it larger, and runs again; what both left is brought out.
const ON_A_SMALL_DISK: &str = r#"
    mkdir disk first && mount -t tmpfs -o size=$0k none disk || exit 99
    cp jdcdn-stats.db disk/ 2>/dev/null || test ! -e jdcdn-stats.db || exit 97
    "$@" --db disk/jdcdn-stats.db >first.out 2>first.err
    code=$?
    cp disk/jdcdn-stats.db* first/; rm -f first/*-shm
    mount -o remount,size=64m disk && "$@" --db disk/jdcdn-stats.db >second.out 2>second.err || exit 98
    rm -f jdcdn-stats.db*; cp disk/jdcdn-stats.db* . && rm -f *-shm && exit $code
"#;

pub(crate) fn attacks() -> Result<Attacks, String> {
    let (stages, missing) = stages();
    let mut attacks = Vec::new();
    for stage in stages {
        for (what, limits) in [
            // Descriptors, KiB of memory, blocks of 512 bytes.
            ("n", &[4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 32][..]),
            (
                "v",
                &[8_000, 16_000, 32_000, 48_000, 64_000, 96_000, 128_000, 256_000][..],
            ),
            ("f", &[0, 1, 16, 100, 250, 400, 600, 1_000, 1_600][..]),
        ] {
            for limit in limits {
                let stage = stage.clone();
                let id = format!("{}/ulimit-{what}/{limit}", stage.name);
                attacks.push(Attack::new(id, move |case| {
                    with_limit(case, &stage, what, *limit)
                }));
            }
        }
        if matches!(stage.name, "first" | "later" | "migrate" | "rollup") {
            for kibibytes in [4, 40, 80, 160, 240, 320, 400, 480, 640, 960] {
                let stage = stage.clone();
                let id = format!("{}/disk/{kibibytes}", stage.name);
                attacks.push(Attack::new(id, move |case| {
                    on_a_small_disk(case, &stage, kibibytes)
                }));
            }
        }
    }
    Ok(Attacks::all(attacks).without(missing))
}

fn with_limit(case: &mut Case, stage: &Stage, what: &str, limit: u32) -> CaseResult {
    case.step(format!(
        "`{}` under `ulimit -{what} {limit}`",
        stage.args.join(" ")
    ));
    let sandbox = stage.set(Duration::ZERO);
    let limited = format!("ulimit -{what} {limit} && exec \"$0\" \"$@\"");
    let ended = ended(
        sandbox
            .command_under(&["sh", "-c", &limited], stage.args)
            .output()
            .unwrap(),
    );
    // If the program cannot be loaded, the loader or the shell reports it; if memory runs out, the process ends.
    let unloaded = matches!(ended.code, Some(126 | 127));
    let without_memory = what == "v" && (ended.code.is_none() || ended.stderr.contains("memory"));
    if !unloaded && !without_memory {
        says_why(&ended)?;
    }
    stage.judge(&sandbox, &ended)?;
    Ok(Attempt::Withstood)
}

fn on_a_small_disk(case: &mut Case, stage: &Stage, kibibytes: u32) -> CaseResult {
    let probe = ["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"];
    let allowed = Command::new("unshare").args(probe).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return Ok(Attempt::Skipped("file systems cannot be mounted here".to_owned()));
    }
    case.step(format!("`{}` on a disk of {kibibytes} KiB", stage.args.join(" ")));
    let sandbox = stage.set(Duration::ZERO);
    let wrapper = [
        "unshare",
        "-Urm",
        "sh",
        "-c",
        ON_A_SMALL_DISK,
        &kibibytes.to_string(),
    ];
    let status = sandbox.command_under(&wrapper, stage.args).status().unwrap();
    let read = |name: &str| std::fs::read_to_string(sandbox.path(name)).unwrap_or_default();
    match status.code() {
        Some(97) => {
            return Ok(Attempt::Skipped(
                "the disk is smaller than the database".to_owned(),
            ));
        }
        Some(99) => return Err("the small disk could not be mounted".to_owned()),
        Some(98) => {
            return Err(format!(
                "not repaired by space: {}{}",
                read("first.err"),
                read("second.err")
            ));
        }
        Some(0 | 5) => {}
        other => return Err(format!("exit {other:?}: {}", read("first.err"))),
    }
    let left = sandbox.path("first").join(DB);
    if left.exists() {
        let left = Connection::open(left).unwrap();
        if crate::checker::is_current(&left) {
            let found = violations(&left);
            if !found.is_empty() {
                return Err(format!("on the full disk: {}", shown(&found)));
            }
        }
    }
    for name in ["disk", "first"] {
        let _ = std::fs::remove_dir_all(sandbox.path(name));
    }
    for name in ["first.out", "first.err", "second.out", "second.err"] {
        let _ = std::fs::remove_file(sandbox.path(name));
    }
    stage.judge_again(&sandbox)?;
    Ok(Attempt::Withstood)
}
