//! A digest of what the database holds for a file, by which a change is seen.
//!
//! It is taken from the measurements themselves and not from a watermark: whatever changed them, a refresh, a
//! replay or a copy that was put back, is seen, and only that.

use std::collections::HashMap;
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::relation::Relation;
use crate::model::convert::{hex, to_u64};
use crate::store::{CodeSet, CountedPoint};

/// How many sets of codes have their digest remembered.
const MAX_REMEMBERED: usize = 1024;

/// What the database holds for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Rows.
    pub rows: u64,
    /// SHA-256 in hexadecimal digits.
    pub digest: String,
}

/// Takes the points of one domain and month and tells what both relations hold of them.
pub(super) struct ContentReader<'m> {
    stats: Context,
    codes: Context,
    points: u64,
    counts: u64,
    sets: &'m mut SetDigests,
}

/// The digests of sets of codes; most points share one.
#[derive(Default)]
pub(super) struct SetDigests(HashMap<usize, (Arc<CodeSet>, [u8; 32])>);

impl<'m> ContentReader<'m> {
    pub(super) fn new(domain: &str, sets: &'m mut SetDigests) -> Self {
        let begin = |relation: Relation| {
            let mut context = Context::new(&SHA256);
            for text in [relation.name(), domain] {
                add_text(&mut context, text);
            }
            context
        };
        Self {
            stats: begin(Relation::Stats),
            codes: begin(Relation::StatusCodes),
            points: 0,
            counts: 0,
            sets,
        }
    }

    pub(super) fn add(&mut self, point: &CountedPoint<'_>) {
        self.points += 1;
        self.counts = self.counts.saturating_add(to_u64(point.counts.len()));
        let mut row = [0; 24];
        for (place, number) in row.chunks_exact_mut(8).zip([point.ts, point.bandwidth, point.pv]) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        self.stats.update(&row);
        // The codes stand for the zeros, so that only what is above zero has to be taken in.
        self.codes.update(&point.ts.to_le_bytes());
        self.codes.update(&self.sets.of(point.set));
        let above = point.counts.iter().filter(|(_, count)| *count != 0);
        self.codes.update(&to_u64(above.clone().count()).to_le_bytes());
        for (code, count) in above {
            add_text(&mut self.codes, code);
            self.codes.update(&count.to_le_bytes());
        }
    }

    /// What each of [`Relation::ALL`] holds.
    pub(super) fn finish(self) -> [Content; 2] {
        [(self.points, self.stats), (self.counts, self.codes)].map(|(rows, context)| Content {
            rows,
            digest: hex(context.finish().as_ref()),
        })
    }
}

impl SetDigests {
    fn of(&mut self, set: &Arc<CodeSet>) -> [u8; 32] {
        // The set is kept beside its digest, so no other one can come to lie at its address.
        let address = Arc::as_ptr(set).addr();
        if let Some((_, digest)) = self.0.get(&address) {
            return *digest;
        }
        let mut context = Context::new(&SHA256);
        for code in set.codes() {
            add_text(&mut context, code);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        if self.0.len() >= MAX_REMEMBERED {
            self.0.clear();
        }
        self.0.insert(address, (Arc::clone(set), digest));
        digest
    }
}

/// With its length, so that no two sequences of texts read alike.
fn add_text(context: &mut Context, text: &str) {
    context.update(&to_u64(text.len()).to_le_bytes());
    context.update(text.as_bytes());
}
