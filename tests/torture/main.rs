//! `make torture`: a campaign of attacks on the real binary and its database, with seeds and a report.
//!
//! One file a group of attacks. The checker that judges is the one of the pipeline's tests, which is proven by planted
//! defects. Everything random comes from one seed, which is printed; an attack that finds a violation prints the one
//! command that repeats it.
//!
//! `MINUTES=50` bounds the campaign, `SEED=7` repeats it, `GROUP=name` runs one group, `CASE=id` one attack of it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    clippy::unwrap_used,
    reason = "what cannot be set up, or is not there, is a violation; some groups can always be attacked"
)]

mod answers;
mod attack;
mod clocks;
mod contention;
mod damage;
mod deletion;
mod kills;
mod limits;
mod listing;
mod names;
mod options;
mod power;
mod recording;
mod refusals;
mod report;
mod runner;
mod signals;
mod stage;
mod syscalls;
mod trace;
mod tracer;

/// The modules of the pipeline's tests that set up and judge; their own tests run there.
macro_rules! of_the_pipeline {
    ($($name:ident = $path:literal),+) => {
        $(
            #[path = $path]
            #[allow(dead_code, unused_imports, reason = "what only the pipeline's tests use")]
            mod $name;
        )+
    };
}
of_the_pipeline!(
    checker = "../pipeline/checker/mod.rs",
    convergence = "../pipeline/convergence.rs",
    in_memory = "../pipeline/in_memory/mod.rs",
    oracle = "../pipeline/oracle.rs",
    ranges = "../pipeline/ranges.rs",
    rollups = "../pipeline/rollups/mod.rs",
    sandbox = "../pipeline/sandbox.rs"
);

use std::process::ExitCode;

use attack::Group;
use options::Options;

/// The groups in the order in which they run: those with a list of attacks first, so that what they leave of their
/// time goes to those that can always go on. `share` is the part of the time that a group may take.
const GROUPS: &[Group] = &[
    Group {
        name: "names",
        about: "two names of one file, two runs at once",
        share: 3,
        prepare: names::attacks,
    },
    Group {
        name: "deletion",
        about: "rm, mv and cp over the database of a run",
        share: 3,
        prepare: deletion::attacks,
    },
    Group {
        name: "system-calls",
        about: "a kill at every system call of eight commands",
        share: 18,
        prepare: syscalls::attacks,
    },
    Group {
        name: "refused-calls",
        about: "ENOSPC, EIO and EDQUOT, once and for good",
        share: 12,
        prepare: refusals::attacks,
    },
    Group {
        name: "limits",
        about: "full disks, few descriptors, little memory, small files",
        share: 5,
        prepare: limits::attacks,
    },
    Group {
        name: "contention",
        about: "readers that never end, writers that hold the lock",
        share: 6,
        prepare: contention::attacks,
    },
    Group {
        name: "damage",
        about: "flipped bits, lost pages, logs of other files",
        share: 8,
        prepare: damage::attacks,
    },
    Group {
        name: "signals",
        about: "SIGTERM and SIGINT at random moments",
        share: 5,
        prepare: signals::attacks,
    },
    Group {
        name: "clocks",
        about: "jumps of either clock between runs",
        share: 4,
        prepare: clocks::attacks,
    },
    Group {
        name: "power",
        about: "power loss: any of the unsynced writes missing",
        share: 12,
        prepare: power::attacks,
    },
    Group {
        name: "kills",
        about: "up to three kills in a row at random moments",
        share: 14,
        prepare: kills::attacks,
    },
    Group {
        name: "answers",
        about: "schedules of wrong answers, then an honest API",
        share: 10,
        prepare: answers::attacks,
    },
];

fn main() -> ExitCode {
    // A list of the attacks is asked for by programs that look for tests: there are none here.
    if std::env::args().any(|arg| arg == "--list") {
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(GROUPS) {
        Ok(options) => options,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(2);
        }
    };
    println!(
        "seed {}, {} minutes, {} at a time",
        options.seed, options.minutes, options.jobs
    );
    let tallies = runner::run_all(GROUPS, &options);
    report::publish(&tallies, &options);
    if tallies.iter().all(|tally| tally.violations.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
