//! Faults of a listing: an answer that looks right and is wrong.

use serde_json::{Value, json};

/// A fault in the answer to a request that lists domains. Other requests are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingFault {
    /// The total is wrong by this much.
    Total(i64),
    /// The total is this JSON text, such as `null`.
    TotalText(&'static str),
    /// Every page holds the first page.
    SamePage,
    /// Every page holds new domains, without end.
    Endless,
    /// The list of this page is empty.
    EmptyPage,
    /// This domain is not there, and not counted.
    Without(String),
    /// The first entry of the page is this JSON text, such as `null` or `{}`.
    Entry(&'static str),
    /// All members of the entries but the name are null.
    NullMembers,
    /// `domains` is null.
    NullList,
}

impl ListingFault {
    /// Changes the entries and the total of a page.
    pub(super) fn distort(&self, entries: &mut Vec<Value>, total: &mut Value, page: usize, size: usize) {
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        match self {
            Self::Total(by) => *total = json!(total.as_i64().unwrap_or(0).saturating_add(*by)),
            Self::TotalText(text) => *total = parsed(text),
            Self::SamePage | Self::Without(_) => {}
            Self::Endless => {
                *total = json!(1_000_000);
                let names = (0..size).map(|at| json!({"domain": format!("d{at}-{page}.example.com")}));
                *entries = names.collect();
            }
            Self::EmptyPage | Self::NullList => entries.clear(),
            Self::Entry(text) => {
                if let Some(first) = entries.first_mut() {
                    *first = parsed(text);
                }
            }
            Self::NullMembers => {
                for entry in entries {
                    *entry = json!({
                        "domain": entry.get("domain"),
                        "cname": null,
                        "status": null,
                        "type": null,
                        "accelerateRegion": null,
                    });
                }
            }
        }
    }
}
