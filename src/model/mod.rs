//! The vocabulary: what the other layers talk about, with no input or output.
//!
//! - [`billing`]: what a month will be billed by
//! - [`domain`]: a checked domain name
//! - [`slot`]: the 5-minute grid and UTC+8 days, in Unix seconds
//! - [`span`]: half-open ranges of time
//! - [`civil`]: Unix seconds to text in UTC and UTC+8
//! - [`moment`]: times as people write them on the command line and in the configuration
//! - [`credentials`], [`endpoint`]: who asks, and where
//! - [`coverage`]: which ranges were asked for, and how old they were then
//! - [`gaps`]: slots that hold no point, and why
//! - [`points`]: the API's points, by column, and the status codes they name
//! - [`reject`]: what could not be taken, and why
//! - [`rollup`]: what points add up to over an hour or a day
//! - [`run`]: what a run did, as numbers
//! - [`text`]: makes foreign text safe to print

pub mod billing;
pub mod civil;
pub mod coverage;
pub mod credentials;
pub mod domain;
pub mod endpoint;
pub mod gaps;
pub mod moment;
pub mod points;
pub mod reject;
pub mod rollup;
pub mod run;
pub mod slot;
pub mod span;
pub mod text;

pub use coverage::CoverageSpan;
pub use credentials::Credentials;
pub use domain::Domain;
pub use endpoint::Endpoint;
pub use gaps::{Gap, GapReason};
pub use points::{CodeBook, PointColumns};
pub use reject::{Reject, RejectReason};
pub use run::{Outcome, RunTotals};
pub use slot::UnixSeconds;
pub use span::Span;
