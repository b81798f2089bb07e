//! The endpoint that lists the account's domains: `queryDomains`.
//!
//! - [`request`]: one page, and its parameters
//! - [`page`]: the body of an answer
//! - [`listing`]: all pages together, and whether they are consistent
//!
//! The API does not list live streaming domains here (documented). So a domain that is not listed may still exist.

pub mod listing;
pub mod page;
pub mod request;

pub use listing::{Listing, ListingFlaw, ListingReader, ListingStep};
pub use page::{DomainsPage, ListedEntry, read_page};
pub use request::DomainsRequest;
