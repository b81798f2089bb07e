//! The vocabulary: what the other layers talk about, with no input or output.
//!
//! - [`account`]: a month of all domains together
//! - [`account_day`]: a day of all domains together
//! - [`account_domain`]: a domain of the account, as the API lists it
//! - [`billing`]: what a month will be billed by
//! - [`data_source`]: whether figures are real or simulated
//! - [`discovery`]: which domains of the account are fetched in addition to the configured ones
//! - [`domain`]: a checked domain name
//! - [`slot`]: the 5-minute grid and UTC+8 days, in Unix seconds
//! - [`span`]: half-open ranges of time
//! - [`civil`]: Unix seconds to text in UTC and UTC+8
//! - [`moment`]: times as people write them on the command line and in the configuration
//! - [`mod@month`], [`month_bill`], [`units`]: a month, what it is billed by, and the units of that
//! - [`changes`]: what is different in a month since it was closed
//! - [`proxy`], [`no_proxy`]: the address of a proxy, and the hosts that are asked without one
//! - [`open_slots`], [`forecast`]: whether a month can still change, and where it will end
//! - [`credentials`], [`endpoint`]: who asks, and where
//! - [`completeness`]: whether the figures of a period can still change
//! - [`convert`]: numbers of one type in another, and bytes as text
//! - [`coverage`]: which ranges were asked for, and how old they were then
//! - [`fact`]: what answers have shown of the service
//! - [`duration`]: lengths of time as people write them
//! - [`gaps`]: slots that hold no point, and why
//! - [`keep`]: how much is kept of what only explains the figures
//! - [`label`]: which end of its five minutes a slot's label names
//! - [`gap_rules`]: which reason wins, which holes are confirmed, what becomes one row
//! - [`points`]: the API's points, by column, and the status codes they name
//! - [`refresh`]: at which ages slots are asked for
//! - [`refusal`]: ranges that the API does not serve, and when they are asked for again
//! - [`reject`]: what could not be taken, and why
//! - [`retry`]: how long to wait before the next attempt
//! - [`rollup`]: what points add up to over an hour or a day
//! - [`run`]: what a run did, as numbers
//! - [`slots_by_reason`]: how many slots hold no point, by reason
//! - [`status_codes`]: classes and meanings of status codes, and which are origin errors
//! - [`mod@sum`]: sums over rows that do not depend on their order
//! - [`text`]: makes foreign text safe to print
//! - [`top_points`]: the highest points of a month, to rank them

pub mod account;
pub mod account_day;
pub mod account_domain;
pub mod billing;
pub mod changes;
pub mod civil;
pub mod completeness;
pub mod convert;
pub mod coverage;
pub mod credentials;
pub mod data_source;
pub mod discovery;
pub mod domain;
pub mod duration;
pub mod endpoint;
pub mod fact;
pub mod forecast;
pub mod gap_rules;
pub mod gaps;
pub mod keep;
pub mod label;
pub mod moment;
pub mod month;
pub mod month_bill;
pub mod no_proxy;
pub mod open_slots;
pub mod points;
pub mod proxy;
pub mod refresh;
pub mod refusal;
pub mod reject;
pub mod retry;
pub mod rollup;
pub mod run;
pub mod slot;
pub mod slots_by_reason;
pub mod span;
pub mod status_codes;
pub mod sum;
pub mod text;
pub mod top_points;
pub mod units;

pub use account_domain::{AccountDomain, DomainStatus};
pub use coverage::CoverageSpan;
pub use credentials::Credentials;
pub use data_source::DataSource;
pub use discovery::{Discover, DomainState, KnownDomain};
pub use domain::Domain;
pub use endpoint::Endpoint;
pub use fact::{Fact, FactName};
pub use gaps::{Gap, GapReason, Shape};
pub use keep::KeepLimits;
pub use label::SlotLabel;
pub use month::CalendarMonth;
pub use points::{CodeBook, PointColumns};
pub use proxy::Proxy;
pub use refresh::Refresh;
pub use refusal::Refusal;
pub use reject::{Reject, RejectReason};
pub use retry::RetryPolicy;
pub use run::{Outcome, RunTotals};
pub use slot::UnixSeconds;
pub use slots_by_reason::SlotsByReason;
pub use span::Span;
pub use sum::Sum;
