//! A digest of what the rows of a partition are made from. A partition is rewritten when its digest changed.
//!
//! The digest is computed without reading a point. The commits keep a sum of the points of every domain and month, so
//! another sum means other points. This is no watermark: it detects every change, whether by a refresh, a replay or a
//! restored copy, and nothing else.

use ring::digest::{Context, SHA256};
use rusqlite::types::ValueRef;

use super::partition::Partition;
use super::settings::FileSettings;
use super::table::FileTable;
use crate::model::convert::{hex, to_u64};
use crate::model::{Span, UnixSeconds};
use crate::store::PointSum;

/// The version of the columns, types and encodings of the files. A file of another version is written again.
pub(super) const LAYOUT: u32 = 3;

/// How many bytes are hashed at a time, because each call has a cost of its own.
const CHUNK: usize = 1 << 14;

/// Computes the digest of one partition.
pub(super) struct ContentDigest {
    hash: Context,
    /// What is not hashed yet.
    waiting: Vec<u8>,
}

impl ContentDigest {
    /// Begins with what all rows depend on.
    pub(super) fn new(settings: &FileSettings, table: &FileTable, partition: &Partition) -> Self {
        let mut digest = Self {
            hash: Context::new(&SHA256),
            waiting: Vec::new(),
        };
        digest.number(i64::from(LAYOUT));
        digest.text(partition.relation.name());
        digest.text(partition.month.as_deref().unwrap_or_default());
        digest.text(settings.label.as_str());
        digest.number(i64::from(settings.bom));
        match &settings.domains {
            None => digest.number(-1),
            Some(domains) => {
                digest.count(domains.len());
                for domain in domains {
                    digest.text(domain);
                }
            }
        }
        digest.count(table.columns.len());
        for column in &table.columns {
            digest.text(&column.name);
            digest.text(&format!("{:?} {}", column.kind, column.nullable));
        }
        digest
    }

    /// Adds the points of the domains.
    pub(super) fn sums(&mut self, sums: &[(String, PointSum)]) {
        self.count(sums.len());
        for (domain, sum) in sums {
            self.text(domain);
            self.number(sum.points);
            self.number(sum.counts);
            self.add(&sum.sum.to_bytes());
        }
    }

    /// Adds the ranges that were asked for.
    pub(super) fn asked(&mut self, asked: &[(String, Span)]) {
        self.count(asked.len());
        for (domain, range) in asked {
            self.text(domain);
            self.number(range.start());
            self.number(range.end());
        }
    }

    /// Adds the days whose rollups are out of date, and the number of the last commit: a run computes such days before it says
    /// that they are up to date.
    pub(super) fn stale(&mut self, stale: &[(String, UnixSeconds)], commit: u32) {
        self.count(stale.len());
        if !stale.is_empty() {
            self.number(commit.into());
        }
        for (domain, day) in stale {
            self.text(domain);
            self.number(*day);
        }
    }

    /// Returns the digest in hexadecimal digits.
    pub(super) fn finish(mut self) -> String {
        self.hash.update(&self.waiting);
        hex(self.hash.finish().as_ref())
    }

    fn add(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK {
            self.hash.update(&self.waiting);
            self.waiting.clear();
        }
    }

    fn count(&mut self, count: usize) {
        self.add(&to_u64(count).to_le_bytes());
    }

    fn number(&mut self, number: i64) {
        self.add(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Adds bytes with their number, so that no two sequences of texts have the same bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.add(bytes);
    }
}

/// Returns the values of a row as bytes. No two rows have the same bytes.
pub(super) fn row_bytes(row: &[ValueRef<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(row.len() * 12);
    for value in row {
        match value {
            ValueRef::Null => bytes.push(0),
            ValueRef::Integer(number) => {
                bytes.push(1);
                bytes.extend(number.to_le_bytes());
            }
            ValueRef::Real(number) => {
                bytes.push(2);
                bytes.extend(number.to_bits().to_le_bytes());
            }
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                bytes.push(3);
                bytes.extend(to_u64(text.len()).to_le_bytes());
                bytes.extend(*text);
            }
        }
    }
    bytes
}
