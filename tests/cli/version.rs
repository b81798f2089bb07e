//! `--version` names the commit that was built, and the program can be built without git.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the build script, and returns its path.
fn build_script(directory: &Path) -> PathBuf {
    let script = directory.join("script");
    let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition", "2024", "-o"])
        .arg(&script)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs"))
        .env("CARGO_PKG_VERSION", "1.2.3")
        .status()
        .unwrap();
    assert!(compiled.success());
    script
}

/// Runs the build script for the sources in `sources`, and returns the version that it gives the program.
fn version(script: &Path, sources: &Path) -> String {
    let output = Command::new(script)
        .current_dir(sources)
        .env("CARGO_MANIFEST_DIR", sources)
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("cargo::rustc-env=JDCDN_VERSION="));
    line.unwrap().to_owned()
}

fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(directory)
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_version_names_the_commit_only_where_the_sources_are_a_repository_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let script = build_script(directory.path());
    let sources = directory.path().join("sources");
    fs::create_dir_all(sources.join("src")).unwrap();
    assert_eq!(version(&script, &sources), "1.2.3");

    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("git is not installed: the commit in the version was not tested");
        return;
    }
    fs::write(sources.join("src/main.rs"), "fn main() {}\n").unwrap();
    git(&sources, &["init", "--quiet"]);
    git(&sources, &["add", "."]);
    git(&sources, &["commit", "--quiet", "-m", "first"]);
    let commit = git(&sources, &["rev-parse", "--short=10", "HEAD"]);
    assert_eq!(version(&script, &sources), format!("1.2.3 ({commit})"));

    fs::write(sources.join("notes.txt"), "no part of the program\n").unwrap();
    assert_eq!(version(&script, &sources), format!("1.2.3 ({commit})"));
    fs::write(sources.join("src/main.rs"), "fn main() { loop {} }\n").unwrap();
    assert_eq!(version(&script, &sources), format!("1.2.3 ({commit}-dirty)"));

    let inside = sources.join("vendored");
    fs::create_dir_all(inside.join("src")).unwrap();
    assert_eq!(version(&script, &inside), "1.2.3");
}

#[test]
fn the_program_has_the_version_of_its_package() {
    let output = Command::new(env!("CARGO_BIN_EXE_jdcdn-stats"))
        .arg("--version")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let package = concat!("jdcdn-stats ", env!("CARGO_PKG_VERSION"));
    let commit = text.trim_end().strip_prefix(package).unwrap();
    let is_commit = |given: &str| {
        given
            .trim_end_matches("-dirty")
            .chars()
            .all(|c| c.is_ascii_hexdigit())
    };
    let named = commit.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
    assert!(commit.is_empty() || named.is_some_and(is_commit), "{text}");
}
