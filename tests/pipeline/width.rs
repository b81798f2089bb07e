//! Text for people fits a terminal of 80 columns; what programs read keeps its lines.

use std::process::Command;

use jdcdn_stats::simulator::{Fault, Rule};

use crate::sandbox::{Ended, Sandbox, at, ended, skipped};

const LONG: &str = "a-domain-with-a-name-that-is-much-longer-than-most.of-the-names.example.com";

/// The program in a terminal, or something that says that it has this many columns.
fn run(sandbox: &Sandbox, columns: &str, args: &[&str]) -> Ended {
    ended(sandbox.command(args).env("COLUMNS", columns).output().unwrap())
}

/// The lines of `text` that are wider than 80 columns. A word is never broken: neither a path nor a long name.
fn too_wide(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.chars().count() > 80);
    let can_be_broken = |line: &&str| line.trim().contains(' ') && !line.ends_with(LONG);
    lines.filter(can_be_broken).collect()
}

/// An account with gaps, rejects and a refused domain, one of the names is long, and many things to say.
fn eventful() -> Sandbox {
    let mut sandbox = Sandbox::with_domains(2);
    sandbox.domains.push(LONG.to_owned());
    sandbox.configure("jcloud_00", "start = '2026-06-01'");
    let broken = Rule::always(Fault::http(400)).for_moment(at("2026-06-10 12:00"));
    sandbox.simulator.rule(broken);
    sandbox
}

#[test]
fn what_people_read_fits_80_columns() {
    let sandbox = eventful();
    let first = run(
        &sandbox,
        "80",
        &[
            "backfill",
            "--from",
            "2026-06-01",
            "--to",
            "2026-06-20",
            "--dry-run",
        ],
    );
    assert_eq!(too_wide(&first.with(0)), [""; 0]);
    let printed = run(&sandbox, "80", &["sync"]).with(3);
    assert_eq!(too_wide(&printed), [""; 0]);
    assert!(printed.contains(LONG), "{printed}");
    let month = "2026-06";
    for args in [
        &["status"][..],
        &["status", "--settling"],
        &["gaps"],
        &["domains", "list"],
        &["check"],
        &["check", "--offline", "--deep"],
        &["rejects", "list"],
        &["bill"],
        &["bill", month],
        &["migrate", "--list"],
        &["migrate"],
        &["report", "a.html"],
        &["snapshot", "a.db"],
        &["export", "--format", "csv", "csv"],
        &["restore", "a.db"],
    ] {
        let printed = run(&sandbox, "80", args).stdout;
        assert!(!printed.is_empty(), "{args:?}");
        assert_eq!(too_wide(&printed), [""; 0], "{args:?}");
    }
    let status = run(&sandbox, "80", &["status"]).with(0);
    assert!(
        status.contains(&format!("\n{LONG}\n")),
        "a long name has its own line: {status}"
    );
    assert!(
        status.contains("(a wider terminal shows more: settled until, first"),
        "{status}"
    );
}

#[test]
fn the_demo_fits_80_columns_without_a_terminal() {
    let sandbox = Sandbox::with_domains(1);
    let printed = sandbox.run(&["demo", "--db", "d.db"]).with(0);
    // The name of the program is as long as its directory.
    let printed = printed.replace(env!("CARGO_BIN_EXE_jdcdn-stats"), "target/release/jdcdn-stats");
    assert_eq!(too_wide(&printed), [""; 0]);
    assert!(printed.contains("(the account)"), "{printed}");
}

/// Leaves out the free space: other tests write meanwhile.
fn steady(printed: &str) -> String {
    let lines = printed.split_inclusive('\n');
    lines.filter(|line| !line.contains("iB of ")).collect()
}

#[test]
fn what_programs_read_keeps_its_lines_whatever_the_width() {
    let sandbox = eventful();
    run(&sandbox, "80", &["sync"]).with(3);
    for args in [
        &["status", "--format", "json"][..],
        &["gaps", "--format", "json"],
        &["check", "--offline", "--format", "json"],
        &["rejects", "list", "--format", "json"],
        &["query", "SELECT * FROM origin_gaps"],
        &["query", "SELECT * FROM origin_dictionary", "--format", "csv"],
        &["man", "status"],
    ] {
        let [narrow, wide] = ["40", "1000"].map(|columns| steady(&run(&sandbox, columns, args).stdout));
        assert_eq!(narrow, wide, "{args:?}");
        assert_eq!(narrow, steady(&sandbox.run(args).stdout), "{args:?}");
    }
    // Without a terminal, a sentence is one line: `grep` finds it.
    let whole = sandbox.run(&["sync"]).with(3);
    assert!(
        whole
            .lines()
            .any(|line| line.starts_with("  note      the range ends at")
                && line.ends_with("newer slots are not available yet")),
        "{whole}"
    );
}

#[test]
fn a_terminal_is_asked_for_its_width() {
    let sandbox = eventful();
    run(&sandbox, "80", &["sync"]).with(3);
    for (columns, is_wide) in [(80, false), (200, true)] {
        let program = env!("CARGO_BIN_EXE_jdcdn-stats");
        let typed = format!("stty columns {columns} && {program} status");
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command", &typed, "/dev/null"])
            .current_dir(sandbox.path(""))
            .env_remove("COLUMNS")
            .env("JDCDN_SECRET_KEY", sandbox.key());
        let Ok(output) = command.output() else {
            return skipped("the width of a terminal", "there is no `script`");
        };
        let printed = ended(output).with(0).replace('\r', "");
        assert_eq!(too_wide(&printed).is_empty(), !is_wide, "{columns}: {printed}");
    }
}
