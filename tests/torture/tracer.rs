//! Commands under `strace`, which kills them at a system call or refuses it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use crate::sandbox::{Ended, Sandbox, ended};

/// Fails with the reason if processes cannot be traced here.
pub(crate) fn can_trace() -> Result<(), String> {
    let probe = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "inject=fsync:error=EIO:when=1",
        "true",
    ];
    match Command::new("strace").args(probe).output() {
        Err(error) => Err(format!("no strace: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "no tracing: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// Runs `args` while `tampering` is done to `call`; returns whether it was.
pub(crate) fn run(sandbox: &Sandbox, args: &[&str], call: &str, tampering: &str) -> (Ended, bool) {
    run_on(&[], sandbox, args, call, tampering)
}

/// As [`run`], of calls on these files only; no files are all files.
pub(crate) fn run_on(
    files: &[PathBuf],
    sandbox: &Sandbox,
    args: &[&str],
    call: &str,
    tampering: &str,
) -> (Ended, bool) {
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:{tampering}");
    let mut strace = vec!["strace", "-f", "-qq", "-o", "trace", "-e", &trace, "-e", &inject];
    strace.extend(files.iter().flat_map(|file| ["-P", file.to_str().unwrap()]));
    let ended = ended(sandbox.command_under(&strace, args).output().unwrap());
    let trace = std::fs::read_to_string(sandbox.path("trace")).unwrap_or_default();
    let is_hit = trace.contains("(INJECTED)") || trace.contains("SIGKILL");
    (ended, is_hit)
}

/// The most times that one thread makes each of `calls`; `strace` counts them in each thread.
pub(crate) fn count(sandbox: &Sandbox, args: &[&str], calls: &[&str]) -> BTreeMap<String, u64> {
    let trace = format!("trace={}", calls.join(","));
    let strace = ["strace", "-f", "-qq", "-o", "trace", "-e", &trace];
    ended(sandbox.command_under(&strace, args).output().unwrap()).with(0);
    let mut by_thread: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let text = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((call, _)) = rest.trim_start().split_once('(') else {
            continue;
        };
        *by_thread.entry((thread, call)).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((_, call), times) in by_thread {
        let most_so_far: &mut u64 = most.entry(call.to_owned()).or_default();
        *most_so_far = times.max(*most_so_far);
    }
    most.retain(|call, _| calls.contains(&call.as_str()));
    most
}
