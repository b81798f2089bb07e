//! The API on a real socket, for tests and for trying the program without an account.
//!
//! - [`truth`]: what is true about any point at any moment; [`traffic`]: what makes it look real;
//!   `noise`: reproducible chance

mod noise;
pub mod traffic;
pub mod truth;

pub use truth::{DomainTruth, Truth, TruthPoint};
