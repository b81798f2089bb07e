//! The whole pipeline: the real binary against the simulator on a real socket, judged by the simulator's
//! truth.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot be set up is a failed test"
)]

mod backfill;
mod check;
mod example;
mod help;
mod oracle;
mod rejects;
mod sandbox;
