//! Commands that are killed while they write a file: the file is whole, and the next run leaves no temporary file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rusqlite::{Connection, OpenFlags};

use crate::oracle::dump;
use crate::sandbox::{Sandbox, setting, skipped};
use crate::syscalls::{CHANGES, kill_at};
use crate::tracer::can_trace;

/// The commands, and what each leaves.
const COMMANDS: [(&[&str], &str); 5] = [
    (&["snapshot", "--force", "out/bi.db"], "out/bi.db"),
    (&["report", "--force", "out/report.html"], "out/report.html"),
    (&["report", "out/new.html"], "out/new.html"),
    (&["export", "--format", "parquet", "out/lake"], "out/lake"),
    (&["export", "--format", "csv", "out/csv"], "out/csv"),
];

/// Every file below `directory`, by its path.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path.clone());
                found.insert(path, Vec::new());
            } else {
                let content = fs::read(&path).unwrap();
                found.insert(path, content);
            }
        }
    }
    found
}

/// What is in the output directory. A lock file says who held it last, two files say when they were made, and no two
/// snapshots have the same identity.
fn outputs(sandbox: &Sandbox) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = files(&sandbox.path("out"));
    found.retain(|path, _| path.extension().is_none_or(|extension| extension != "lock"));
    for (path, content) in &mut found {
        if path.extension().is_some_and(|extension| extension == "db") {
            *content = dump(&read_only(path)).into_bytes();
            continue;
        }
        let cut: &[&str] = match path.file_name().unwrap().to_str().unwrap() {
            // The checksum is that of the whole document, with the time.
            "_manifest.json" => &["written_at", "checksum"],
            name if name.contains(".html") => &["made"],
            _ => continue,
        };
        let mut text = String::from_utf8(std::mem::take(content)).unwrap();
        for key in cut {
            let (before, after) = text.split_once(&format!("\"{key}\"")).unwrap();
            text = [before, after.split_once([',', '}']).unwrap().1].concat();
        }
        *content = text.into_bytes();
    }
    found
}

fn read_only(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

/// A database, and a directory for the output.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-05-31", "2026-06-02", &[]).with(0);
    fs::create_dir(sandbox.path("out")).unwrap();
    sandbox
}

/// The output directory of an earlier time, where the command goes on from one: with half of the data.
fn begin(sandbox: &Sandbox, command: &[&str]) {
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    fs::create_dir(sandbox.path("out")).unwrap();
    let earlier: &[&str] = match command[0] {
        "snapshot" => &[],
        "report" if !command.contains(&"--force") => return,
        "export" => &["--to", "2026-06"],
        _ => &["-d", "d000.example.com"],
    };
    sandbox.run(&[command, earlier].concat()).with(0);
}

/// What has the output's name is whole. Of an export each file is, and the next one compares them all.
#[track_caller]
fn assert_whole(sandbox: &Sandbox, command: &[&str], output: &str) {
    let path = sandbox.path(output);
    if command[0] == "report" && path.exists() {
        assert!(fs::read_to_string(path).unwrap().ends_with("</html>\n"));
    } else if command[0] == "snapshot" {
        assert_eq!(dump(&read_only(&path)), dump(&sandbox.database()));
    }
}

/// Runs the command once more: it leaves what an undisturbed run leaves, file by file.
#[track_caller]
fn assert_cleaned(
    sandbox: &Sandbox,
    command: &[&str],
    output: &str,
    undisturbed: &BTreeMap<PathBuf, Vec<u8>>,
) {
    let ended = sandbox.run(command);
    if ended.code == Some(2) && command == ["report", "out/new.html"] {
        // The kill came after the page had its name; the next one is put elsewhere.
        assert!(ended.stderr.contains("exists"), "{}", ended.stderr);
        sandbox.run(&["report", "--force", output]).with(0);
    } else {
        ended.with(0);
    }
    let found = outputs(sandbox);
    assert!(found.keys().eq(undisturbed.keys()), "{:?}", found.keys());
    for (path, content) in &found {
        assert!(
            content == &undisturbed[path],
            "{} of {output} is not as an undisturbed run leaves it",
            path.display()
        );
    }
}

#[test]
fn a_command_killed_at_any_call_leaves_nothing_that_its_next_run_does_not_remove() {
    if let Err(why) = can_trace() {
        return skipped("kills of snapshot, export and report, for want of strace", &why);
    }
    let most = setting("JDCDN_TEST_STRIDE", u64::MAX);
    let mut random = fastrand::Rng::with_seed(setting("JDCDN_SEED", 1));
    let sandbox = sandbox();
    for (command, output) in COMMANDS
        .into_iter()
        .filter(|(_, output)| most < u64::MAX || *output != "out/csv")
    {
        begin(&sandbox, command);
        sandbox.run(command).with(0);
        let undisturbed = outputs(&sandbox);
        let mut kills = 0;
        for (calls, stride) in CHANGES {
            // The other commands make few calls apart from the copying.
            let is_one_of_many = command[0] == "export" || calls == "pwrite64";
            let stride = if is_one_of_many { stride } else { 1 }.min(most);
            let mut number = random.u64(1..=stride);
            loop {
                begin(&sandbox, command);
                if !kill_at(&sandbox, command, calls, number) {
                    break;
                }
                assert_whole(&sandbox, command, output);
                assert_cleaned(&sandbox, command, output, &undisturbed);
                (kills, number) = (kills + 1, number + stride);
            }
        }
        println!("{command:?}: {kills} kills");
        assert!(kills >= 5, "{command:?} was killed only {kills} times");
    }
}

#[test]
fn a_command_killed_at_random_moments_leaves_nothing_that_its_next_run_does_not_remove() {
    let kills = setting("JDCDN_TEST_KILLS", 4);
    let mut random = fastrand::Rng::with_seed(setting("JDCDN_SEED", 1));
    let sandbox = sandbox();
    for (command, output) in COMMANDS {
        begin(&sandbox, command);
        let began = Instant::now();
        sandbox.run(command).with(0);
        let took = began.elapsed();
        let undisturbed = outputs(&sandbox);
        for _ in 0..kills {
            begin(&sandbox, command);
            let mut child = sandbox.start(command);
            std::thread::sleep(took.mul_f64(random.f64()));
            child.kill().unwrap();
            child.wait().unwrap();
            assert_whole(&sandbox, command, output);
            assert_cleaned(&sandbox, command, output, &undisturbed);
        }
    }
}

#[test]
fn an_export_that_changes_nothing_removes_what_a_kill_has_left() {
    let sandbox = sandbox();
    let (command, _) = COMMANDS[3];
    sandbox.run(command).with(0);
    let undisturbed = outputs(&sandbox);
    for name in [
        "._manifest.json.tmp",
        "origin_stats/month=2026-06/.part-0.parquet.tmp",
    ] {
        fs::write(sandbox.path("out/lake").join(name), "half").unwrap();
        sandbox.run(command).with(0);
        assert!(outputs(&sandbox) == undisturbed, "{name}");
    }
}
