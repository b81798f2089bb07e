//! What an answer may lead to: every rule of evidence, shown by the real binary against a service that errs.
//!
//! Each module holds the rules for one kind of answer. The judge is the simulator's truth, and what a user can see:
//! points, coverage, gaps, refusals, the summary, the exit code, and how many requests were made.

mod coarse;
mod holes;
mod idle;
mod late;
mod limits;
mod malformed;
mod readings;
mod refused_domains;
mod retention;
mod stopping;
mod surplus;
mod told;
mod too_old;
mod world;
