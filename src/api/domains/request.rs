//! One page of the account's domains, and its parameters.

use serde_json::{Map, Value};

/// Asks for one page of the account's domains, of any kind and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainsRequest {
    /// The page, from 1.
    pub page: u32,
    /// How many domains a page holds, from 1.
    pub size: u32,
}

impl DomainsRequest {
    /// The last part of the endpoint's path. The other parts are those of the statistics (documented).
    pub const PATH: &str = "queryDomains";

    /// Returns the parameters to send, besides the account and its signature. Numbers are sent as numbers (documented).
    #[must_use]
    pub fn parameters(self) -> Map<String, Value> {
        let number = |name: &str, value: u32| (name.to_owned(), Value::from(value));
        [number("pageNumber", self.page), number("pageSize", self.size)]
            .into_iter()
            .collect()
    }
}
