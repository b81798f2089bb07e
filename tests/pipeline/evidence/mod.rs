//! Which conclusions the program draws from an answer: every rule, with the real binary against a faulty service.
//!
//! Each module holds the rules for one kind of answer. The tests compare with the simulator's truth and with what a
//! user sees: points, coverage, gaps, refusals, the summary, the exit code, and how many requests were made.

mod coarse;
mod conclusions;
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
mod too_old;
mod world;
