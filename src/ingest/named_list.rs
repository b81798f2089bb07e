//! A list that names a limited number of entries, and counts the rest.

use crate::model::Span;

/// An entry of a [`NamedList`].
pub trait NamedEntry: Sized {
    /// How many entries a list names. It keeps a long outage from filling the memory.
    const MAX_NAMED: usize;

    /// Returns the range that the entry is about.
    fn span(&self) -> Option<Span>;

    /// Extends the entry by `other`, if both are neighbours and say the same. Returns whether it did.
    fn join(&mut self, other: &Self) -> bool;
}

/// A bounded list of entries. Neighbours that say the same are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedList<E> {
    named: Vec<E>,
    unnamed: u64,
}

impl<E> Default for NamedList<E> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            unnamed: 0,
        }
    }
}

impl<E: NamedEntry> NamedList<E> {
    /// Adds an entry, joined with its neighbours.
    pub fn add(&mut self, mut new: E) {
        while let Some(at) = self.named.iter().position(|known| new.join(known)) {
            self.named.swap_remove(at);
        }
        if self.named.len() < E::MAX_NAMED {
            self.named.push(new);
        } else {
            self.unnamed += 1;
        }
    }

    /// Sorts the entries by time.
    pub fn sort(&mut self) {
        self.named.sort_by_key(NamedEntry::span);
    }

    /// Returns the entries that are named.
    #[must_use]
    pub fn named(&self) -> &[E] {
        &self.named
    }

    /// Returns the number of entries that are only counted.
    #[must_use]
    pub fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// Whether the list has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }
}
