//! Keeps a local SQLite file complete and true with the back-to-origin statistics of a JD Cloud CDN account.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod export;
pub mod http;
pub mod ingest;
pub mod interrupt;
pub mod model;
pub mod nearest;
pub mod plan;
pub mod planted;
pub mod redact;
pub mod report;
pub mod simulator;
pub mod store;
