//! `init`: writes the configuration and the key file, after a request has shown that they work.
//!
//! - [`command`]: the arguments and the order of the steps
//! - [`setup`]: the values so far, and how the rest of them is found
//! - [`given`]: the values, and where each was given; [`key`]: the secret key, from wherever it is given
//! - [`dialog`]: what is asked for, at a [`terminal`]
//! - [`trial`]: one signed request
//! - [`outcome`]: what is written and said; [`files`]: the two files, both or none

pub mod command;
pub mod dialog;
pub mod files;
pub mod given;
pub mod key;
pub mod outcome;
pub mod setup;
pub mod terminal;
pub mod trial;

pub use command::InitArgs;
