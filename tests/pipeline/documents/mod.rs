//! The documents for users: their links lead somewhere, their commands run, and what they list is what the program has.

mod commands;
mod configuration;
mod exit_codes;
mod fields;
mod links;
mod log_lines;
pub(crate) mod markdown;
mod messages;
mod operations;
mod paths;
mod readme;
mod translation;
mod wording;
