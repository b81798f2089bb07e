//! The simulator over a real socket, asked with hand-written HTTP, and without one.

mod answers;
mod checks;
mod data_faults;
mod faults;
mod paper;
mod probe;
mod service;
mod truth;
