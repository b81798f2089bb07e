//! `bill`: what a month is billed by, closed months, and what changed since.

mod busy;
mod changes;
mod closing;
mod figures;
mod running;
mod world;
