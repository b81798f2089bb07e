//! The API: what its endpoints share, and a folder for each endpoint.
//!
//! - [`envelope`]: what all endpoints of the family share. It signs, sends, receives and classifies.
//! - [`origin`]: the back-to-origin endpoint. It asks for ranges of domains, and reads and guards their points.
//! - [`domains`]: the endpoint that lists the account's domains.
//!
//! `envelope` does not import its neighbours, and they do not import each other.

pub mod domains;
pub mod envelope;
pub mod origin;

pub use domains::{DomainsPage, DomainsRequest, Listing, ListingFlaw, ListingReader, ListingStep, read_page};
pub use envelope::body::Body;
pub use envelope::client::{Client, ClientSettings, Failure, Reply};
pub use envelope::failure::FailureKind;
pub use envelope::reaction::{Reaction, RetryCost};
pub(crate) use envelope::reading;
pub use envelope::retry::RetryBudget;
pub use envelope::signature::{Signature, SigningDate, add_secrets, signed_body};
pub use envelope::status::{ApiStatus, CLOCK_ADVICE};
pub use origin::{
    CheckedAnswer, DomainAnswer, EntryState, OriginRequest, adds_up, is_same_point, read_answer, read_point,
    reported_times,
};
