//! A digest of the rows of a file. A file is rewritten when its digest changed.
//!
//! The digest covers the measurements, not a watermark. So it detects every change, whether by a refresh, a replay or a
//! restored copy, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::relation::ExportedRelation;
use crate::model::convert::{hex, to_u64};
use crate::store::{CodeSet, CountedPoint};

/// How many sets of codes have a cached digest.
const MAX_REMEMBERED: usize = 1024;

/// The rows of the database for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The number of rows.
    pub rows: u64,
    /// SHA-256 in hexadecimal digits.
    pub digest: String,
}

/// Computes the content of both relations from the points of one domain and month.
pub(super) struct ContentReader<'m> {
    stats: Context,
    codes: Context,
    points: u64,
    counts: u64,
    sets: &'m mut SetDigests,
}

/// The digests of sets of codes. Most points share one set.
#[derive(Default)]
pub(super) struct SetDigests(HashMap<usize, (Arc<CodeSet>, [u8; 32])>);

impl<'m> ContentReader<'m> {
    pub(super) fn new(domain: &str, sets: &'m mut SetDigests) -> Self {
        let begin = |relation: ExportedRelation| {
            let mut context = Context::new(&SHA256);
            for text in [relation.name(), domain] {
                add_text(&mut context, text);
            }
            context
        };
        Self {
            stats: begin(ExportedRelation::Stats),
            codes: begin(ExportedRelation::StatusCodes),
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
        // The digest of the set covers the zeros, so only counts above zero are added.
        self.codes.update(&point.ts.to_le_bytes());
        self.codes.update(&self.sets.of(point.set));
        let above = point.counts.iter().filter(|(_, count)| *count != 0);
        self.codes.update(&to_u64(above.clone().count()).to_le_bytes());
        for (code, count) in above {
            add_text(&mut self.codes, code);
            self.codes.update(&count.to_le_bytes());
        }
    }

    /// Returns the content of each of [`ExportedRelation::ALL`].
    pub(super) fn finish(self) -> [Content; 2] {
        [(self.points, self.stats), (self.counts, self.codes)].map(|(rows, context)| Content {
            rows,
            digest: hex(context.finish().as_ref()),
        })
    }
}

impl SetDigests {
    fn of(&mut self, set: &Arc<CodeSet>) -> [u8; 32] {
        // The cache keeps the set alive, so no other set can have its address.
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

/// Adds a text with its length, so that no two sequences of texts have the same bytes.
fn add_text(context: &mut Context, text: &str) {
    context.update(&to_u64(text.len()).to_le_bytes());
    context.update(text.as_bytes());
}
