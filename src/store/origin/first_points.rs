//! The first point of each domain, remembered over transactions.
//!
//! Every commit asks for it, to know since when a domain counts. It lies as far from the commit as history goes, so
//! looking it up means reading a page of the file that nothing else needs.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::model::{Span, UnixSeconds};
use crate::store::error::Result;
use crate::store::file::names::MAX_REMEMBERED;
use crate::store::origin::walk::first_point;

/// The labels of the first points of domains.
///
/// A failed transaction takes its points back. Then forget them.
#[derive(Debug, Default)]
pub(crate) struct FirstPoints(HashMap<i64, UnixSeconds>);

impl FirstPoints {
    /// Returns the label of the first point of a domain.
    pub(crate) fn of(&mut self, tx: &Connection, domain: i64) -> Result<Option<UnixSeconds>> {
        if let Some(first) = self.0.get(&domain) {
            return Ok(Some(*first));
        }
        let first = first_point(tx, domain)?;
        if let Some(first) = first {
            if self.0.len() >= MAX_REMEMBERED {
                self.0.clear();
            }
            self.0.insert(domain, first);
        }
        Ok(first)
    }

    /// Notes that points of a domain in `window` have changed.
    pub(crate) fn changed(&mut self, domain: i64, window: Span) {
        if self.0.get(&domain).is_some_and(|first| *first >= window.start()) {
            self.0.remove(&domain);
        }
    }
}
