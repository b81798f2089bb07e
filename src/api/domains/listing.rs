//! All pages of a listing together.
//!
//! A listing is believed only if it is consistent: the pages hold as many different domains as each of them says there
//! are. If it is not, all pages are asked for once more, with another number of domains on a page. What is still
//! inconsistent then is shown, but nothing follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::page::{DomainsPage, ListedEntry};
use super::request::DomainsRequest;
use crate::api::envelope::failure::FailureKind;
use crate::api::envelope::reaction::Reaction;
use crate::model::convert::{to_u32, to_u64};
use crate::model::{AccountDomain, Domain};

/// How many domains a page holds, in the first reading and in the second. The second is the documented default.
const SIZES: [u32; 2] = [100, 10];
/// The most domains of an account.
const MAX_DOMAINS: u64 = 10_000;
/// The most pages of one reading. A server could make them smaller and smaller.
const MAX_PAGES: u32 = 1_100;

/// The account's domains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The domains in the order of their names, each once.
    pub domains: Vec<AccountDomain>,
    /// The entries without a name that can be asked for, safe to print.
    pub unreadable: Vec<String>,
    /// Why the listing is not believed, if it is inconsistent.
    pub flaw: Option<ListingFlaw>,
}

/// What is inconsistent in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListingFlaw {
    /// The API does not say how many domains there are.
    #[error("the API does not say how many domains there are")]
    NoTotal,
    /// The number that the API gives changes from page to page.
    #[error("the API says that there are {before} domains, and then {after}")]
    TotalChanges {
        /// The number of an earlier page.
        before: u64,
        /// The number of a later page.
        after: u64,
    },
    /// The API lists more or fewer domains than it says.
    #[error("the API says that there are {total} domains, and lists {listed}")]
    TotalDiffers {
        /// The number that the API gives.
        total: u64,
        /// How many different domains it lists.
        listed: u64,
    },
    /// There is no end.
    #[error("the API lists more than 10000 domains, or too many pages")]
    Endless,
}

/// What comes next.
#[derive(Debug)]
pub enum ListingStep {
    /// This page has to be asked for.
    Ask(DomainsRequest),
    /// The listing is complete, or will not become consistent.
    Done(Listing),
}

/// Reads a listing page by page. No input or output.
#[derive(Debug)]
pub struct ListingReader {
    reading: usize,
    next: DomainsRequest,
    total: Option<u64>,
    /// How many entries the pages hold, without those that an earlier page had.
    counted: u64,
    domains: BTreeMap<Domain, AccountDomain>,
    /// The domains of a reading with a flaw. They are shown, and nothing follows from them.
    seen: BTreeMap<Domain, AccountDomain>,
    unreadable: BTreeSet<String>,
}

impl Default for ListingReader {
    fn default() -> Self {
        Self::new()
    }
}

impl ListingReader {
    /// Returns a reader at the first page.
    #[must_use]
    pub fn new() -> Self {
        Self::reading(0)
    }

    fn reading(reading: usize) -> Self {
        let size = SIZES.get(reading).copied().unwrap_or(1);
        Self {
            reading,
            next: DomainsRequest { page: 1, size },
            total: None,
            counted: 0,
            domains: BTreeMap::new(),
            seen: BTreeMap::new(),
            unreadable: BTreeSet::new(),
        }
    }

    /// Returns the page to ask for.
    #[must_use]
    pub fn request(&self) -> DomainsRequest {
        self.next
    }

    /// Takes the answer to [`ListingReader::request`].
    pub fn take(&mut self, page: DomainsPage) -> ListingStep {
        let Some(total) = page.total else {
            // The domains are worth showing.
            self.add(page.entries);
            return self.end(Some(ListingFlaw::NoTotal));
        };
        if let Some(before) = self.total.replace(total).filter(|before| *before != total) {
            self.add(page.entries);
            return self.end(Some(ListingFlaw::TotalChanges { before, after: total }));
        }
        let (entries, before) = (to_u32(to_u64(page.entries.len())), self.counted);
        self.add(page.entries);
        if self.counted > MAX_DOMAINS || self.next.page >= MAX_PAGES {
            return self.end(Some(ListingFlaw::Endless));
        }
        let is_short = entries < self.next.size;
        let is_over = if self.counted == before || self.counted > total {
            // Nothing, the same page again, or more than there should be.
            true
        } else if self.counted == total {
            // Behind a full page there could be another one.
            is_short
        } else if is_short && self.next.page == 1 {
            // The API puts fewer on a page than it was asked for.
            self.next.size = entries;
            false
        } else {
            is_short
        };
        if !is_over {
            self.next.page += 1;
            return ListingStep::Ask(self.next);
        }
        let listed = self.counted;
        self.end((listed != total).then_some(ListingFlaw::TotalDiffers { total, listed }))
    }

    /// Takes a failure of [`ListingReader::request`].
    ///
    /// # Errors
    /// The failure, if the listing cannot go on.
    pub fn fail(&mut self, kind: FailureKind) -> Result<ListingStep, FailureKind> {
        let refuses_request = matches!(kind, FailureKind::Api { .. })
            && matches!(kind.reaction(), Reaction::Fail | Reaction::RetryOnce);
        if !refuses_request {
            return Err(kind);
        }
        if self.counted > 0 && self.total == Some(self.counted) {
            // All are there. The API refuses a page behind the last one.
            return Ok(self.end(None));
        }
        if self.next.page == 1 && self.reading == 0 {
            // It may not like so large a page.
            return Ok(self.again());
        }
        Err(kind)
    }

    fn add(&mut self, entries: Vec<ListedEntry>) {
        // A domain that is there twice on one page is counted twice, because the API counts it twice. On another page it
        // is a sign that the list moved between the requests.
        let mut fresh = BTreeMap::new();
        let mut unreadable = BTreeSet::new();
        for entry in entries {
            match entry {
                ListedEntry::Domain(domain) if self.domains.contains_key(&domain.name) => {}
                ListedEntry::Domain(domain) => {
                    self.counted += 1;
                    fresh.entry(domain.name.clone()).or_insert(domain);
                }
                ListedEntry::Unreadable(shown) if self.unreadable.contains(&shown) => {}
                ListedEntry::Unreadable(shown) => {
                    self.counted += 1;
                    unreadable.insert(shown);
                }
            }
        }
        self.domains.append(&mut fresh);
        self.unreadable.append(&mut unreadable);
    }

    /// Ends this reading. The first one with a flaw is followed by a second.
    fn end(&mut self, flaw: Option<ListingFlaw>) -> ListingStep {
        if flaw.is_some() && self.reading + 1 < SIZES.len() {
            return self.again();
        }
        let mut read = mem::take(self);
        if flaw.is_some() {
            read.seen.append(&mut read.domains);
            read.domains = read.seen;
        }
        ListingStep::Done(Listing {
            domains: read.domains.into_values().collect(),
            unreadable: read.unreadable.into_iter().collect(),
            flaw,
        })
    }

    fn again(&mut self) -> ListingStep {
        let mut seen = mem::take(&mut self.seen);
        seen.append(&mut self.domains);
        *self = Self {
            seen,
            ..Self::reading(self.reading + 1)
        };
        ListingStep::Ask(self.next)
    }
}

#[cfg(test)]
mod tests;
