//! Two names for one file: a hard link, a bind mount, a link to its directory.

use std::process::{Child, Command};
use std::time::Duration;

use jdcdn_stats::simulator::Settings;
use rusqlite::Connection;

use crate::attack::{Attack, Attacks, Attempt, Case, CaseResult};
use crate::checker::{Claims, shown, violations_against};
use crate::sandbox::{NOW, Sandbox, at, domains, ended};
use crate::stage::DB;

const TRIES: usize = 20;

pub(crate) fn attacks() -> Result<Attacks, String> {
    let mut attacks = Vec::new();
    for nth in 0..TRIES {
        attacks.push(Attack::new(format!("hard-link/{nth}"), |case| {
            two_names(case, Name::HardLink)
        }));
        attacks.push(Attack::new(format!("bind-mount/{nth}"), |case| {
            two_names(case, Name::BindMount)
        }));
    }
    Ok(Attacks::all(attacks))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    HardLink,
    BindMount,
}

fn two_names(case: &mut Case, name: Name) -> CaseResult {
    let sandbox = Sandbox::new(Settings {
        domains: domains(2),
        latency: Duration::from_millis(10),
        ..Settings::default()
    });
    if name == Name::BindMount {
        let probe = Command::new("unshare")
            .args(["-Urm", "mount", "--bind", "/etc/hosts", "/etc/hosts"])
            .output();
        if !probe.is_ok_and(|output| output.status.success()) {
            return Ok(Attempt::Skipped("files cannot be mounted here".to_owned()));
        }
    }
    sandbox.backfill("2026-04-30", "2026-05-01", &[]).with(0);
    let requests_before = sandbox.requests();
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    let other = format!("elsewhere/{DB}");
    // Made before both runs, or while the first one writes.
    let is_late = case.rng.bool();
    let pause = Duration::from_millis(case.rng.u64(..80));
    case.step(format!(
        "{name:?}, made late: {is_late}, {pause:?} between the runs"
    ));
    let link = || {
        if name == Name::HardLink {
            std::fs::hard_link(sandbox.path(DB), sandbox.path(&other)).unwrap();
        } else {
            std::fs::write(sandbox.path(&other), "").unwrap();
        }
    };
    // Each run asks for its own domain, so that its requests can be recognised.
    let args = |domain: usize, db: &str| -> Vec<String> {
        [
            "backfill",
            "--from",
            "2026-05-01",
            "--to",
            "2026-05-11",
            "--window",
            "6h",
            "-d",
            &sandbox.domains[domain],
            "--db",
            db,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let start_first = || start(&sandbox, &[], &args(0, DB));
    let start_second = || {
        let mount = format!("mount --bind {DB} {other} && exec \"$0\" \"$@\"");
        let wrapper = ["unshare", "-Urm", "sh", "-c", &mount];
        start(
            &sandbox,
            if name == Name::BindMount { &wrapper } else { &[] },
            &args(1, &other),
        )
    };
    if !is_late {
        link();
    }
    let first = start_first();
    std::thread::sleep(pause);
    if is_late {
        link();
    }
    let second = start_second();
    let (first, second) = (
        ended(first.wait_with_output().unwrap()),
        ended(second.wait_with_output().unwrap()),
    );
    let requests = sandbox.simulator.requests();
    let asked = |domain: usize| {
        requests[requests_before..]
            .iter()
            .any(|request| request.domains.contains(&sandbox.domains[domain]))
    };
    for (run, domain, ended) in [("first", 0, &first), ("second", 1, &second)] {
        match ended.code {
            Some(0) => {}
            // Refused when it was to begin, or stopped when the second name appeared.
            Some(5 | 75) if domain == 0 || !asked(domain) => {}
            code => {
                return Err(format!(
                    "the {run} run: exit {code:?}, asked: {}: {}",
                    asked(domain),
                    ended.stderr
                ));
            }
        }
    }
    if first.code == Some(0) && second.code == Some(0) {
        return Err("both runs say that all is well".to_owned());
    }
    let _ = std::fs::remove_file(sandbox.path(&other));
    judge(&sandbox)
}

fn start(sandbox: &Sandbox, wrapper: &[&str], args: &[String]) -> Child {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    sandbox
        .command_under(wrapper, &args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

/// The file is sound, and a run by its one name completes it.
fn judge(sandbox: &Sandbox) -> CaseResult {
    let look = |database: &Connection| {
        let claims = Claims {
            truth: sandbox.simulator.truth(),
            asked_at: &[at(NOW)],
            domains: &sandbox.domains,
            omitted: &[],
        };
        let found = violations_against(database, &claims);
        if found.is_empty() {
            Ok(())
        } else {
            Err(shown(&found))
        }
    };
    look(&sandbox.copy_of_database())?;
    let again = sandbox.backfill("2026-05-01", "2026-05-11", &[]);
    if again.code != Some(0) {
        return Err(format!("the next run: exit {:?}: {}", again.code, again.stderr));
    }
    look(&sandbox.database())?;
    Ok(Attempt::Withstood)
}
