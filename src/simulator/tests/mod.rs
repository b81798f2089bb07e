//! The simulator over a real socket, asked with hand-written HTTP.

mod checks;
mod faults;
mod probe;
