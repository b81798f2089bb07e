//! Names the commit in `--version`, and makes a new migration part of the next build: the macro that embeds
//! the migrations does not tell Cargo about their files.

use std::path::Path;
use std::process::Command;

/// What the program is made of. A change elsewhere, such as in a document, is no change of the program.
const SOURCES: [&str; 5] = ["src", "migrations", "build.rs", "Cargo.toml", "Cargo.lock"];

fn main() {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let commit = commit();
    let shown = commit.as_ref().map(|commit| format!(" ({commit})"));
    println!(
        "cargo::rustc-env=JDCDN_VERSION={version}{}",
        shown.unwrap_or_default()
    );
    // Empty where it is not known.
    println!("cargo::rustc-env=JDCDN_COMMIT={}", commit.unwrap_or_default());
}

/// Returns the commit that is built, with `-dirty` if the sources differ from it. `None` where there is no git,
/// or where the sources are no repository of their own, such as an unpacked archive inside another project.
fn commit() -> Option<String> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let here = std::env::var_os("CARGO_MANIFEST_DIR")?;
    if Path::new(&root).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    // Each commit and each checkout adds a line to this file.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "--short=10", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(SOURCES);
    let is_clean = git(&status)?.is_empty();
    Some(if is_clean {
        commit
    } else {
        format!("{commit}-dirty")
    })
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    output.status.success().then_some(())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
