//! `docs/commands.md` is what the program says of its commands.

use std::fmt::Write as _;

use jdcdn_stats::simulator::Settings;

use crate::help::commands;
use crate::pages::assert_is;
use crate::sandbox::Sandbox;

const INTRODUCTION: &str = "<!-- Written by `make docs` from the help of the program. -->

# Commands

`jdcdn-stats help COMMAND` prints the same. Options that every command has are listed once, at
the end. Times are in China Standard Time (UTC+8).
";

/// The help without the options of every command, and these options.
fn split(help: &str) -> (String, String) {
    let Some((before, rest)) = help.split_once("\nGlobal options:\n") else {
        return (help.trim_end().to_owned(), String::new());
    };
    let (global, after) = rest.split_once("\nExample").unwrap_or((rest, ""));
    let after = if after.is_empty() {
        String::new()
    } else {
        format!("\nExample{after}")
    };
    let own = format!("{}\n{after}", before.trim_end());
    (own.trim_end().to_owned(), global.trim_end().to_owned())
}

fn add(page: &mut String, sandbox: &Sandbox, path: &[&str]) -> String {
    let help = sandbox.run(&[&["help"], path].concat()).with(0);
    let (own, mut global) = split(&help);
    let level = "#".repeat(path.len() + 1);
    write!(page, "\n{level} {}\n\n```text\n{own}\n```\n", path.join(" ")).unwrap();
    for command in commands(&help) {
        global = add(page, sandbox, &[path, &[command]].concat());
    }
    global
}

#[test]
fn the_page_of_the_commands_is_the_help_of_the_program() {
    let sandbox = Sandbox::new(Settings::default());
    let overview = sandbox.run(&["-h"]).with(0);
    let mut page = format!("{INTRODUCTION}\n```text\n{}\n```\n", split(&overview).0);
    let mut global = String::new();
    for command in commands(&sandbox.run(&["--help"]).with(0)) {
        global = add(&mut page, &sandbox, &[command]);
    }
    assert!(global.contains("--config"), "{global}");
    write!(page, "\n## Options of every command\n\n```text\n{global}\n```\n").unwrap();
    assert_is("docs/commands.md", &page);
}
