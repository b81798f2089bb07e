//! The whole pipeline: the real binary against the simulator on a real socket, judged by the simulator's
//! truth.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what cannot be set up, or is not there, is a failed test"
)]

mod advice;
mod as_of;
mod attacks;
mod backfill;
mod bill;
mod bounds;
mod changes;
mod check;
mod checker;
mod clocks;
mod completeness;
mod convergence;
mod cookbook;
mod credentials;
mod data;
mod deep;
mod demo;
mod deploy;
mod discovery;
mod documents;
mod evidence;
mod example;
mod export;
mod faults;
mod file;
mod gaps;
mod help;
mod hostile;
mod in_memory;
mod init;
mod interruption;
mod key_files;
mod leftovers;
mod limits;
mod metrics;
mod monitoring;
mod network;
mod oracle;
mod outage;
mod outages;
mod pages;
mod permissions;
mod points;
mod ranges;
mod refusal;
mod rejects;
mod report;
mod restatements;
mod rollups;
mod sandbox;
mod scale;
mod secrets;
mod senseless;
mod settling;
mod signals;
mod slot_label;
mod snapshot;
mod storage;
mod syscalls;
mod thresholds;
mod together;
mod unheard;
mod upgrades;
mod usage;
mod watch;
mod width;

/// The attacks of `make torture`, of which `attacks` makes a few.
macro_rules! of_the_torture {
    ($($name:ident = $path:literal),+) => {
        $(
            #[path = $path]
            #[allow(
                dead_code,
                unused_imports,
                clippy::unnecessary_wraps,
                reason = "what only `make torture` uses"
            )]
            mod $name;
        )+
    };
}
of_the_torture!(
    attack = "../torture/attack.rs",
    deletion = "../torture/deletion.rs",
    kills = "../torture/kills.rs",
    listing = "../torture/listing.rs",
    power = "../torture/power.rs",
    recording = "../torture/recording.rs",
    stage = "../torture/stage.rs",
    trace = "../torture/trace.rs",
    tracer = "../torture/tracer.rs"
);
