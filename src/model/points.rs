//! The API's points by column, and the status codes they name.
//!
//! An answer of 20 domains and a day is 5760 points with 17 codes each. As rows of maps that would be a
//! hundred thousand small allocations; by column it is a handful of growing vectors.

use std::ops::Range;

use super::slot::UnixSeconds;

/// Index of a status code in a [`CodeBook`].
pub type CodeIndex = u32;
/// Index of a set of status codes in a [`CodeBook`].
pub type SetIndex = u32;

/// The longest status code key that is taken; the documented ones have at most five characters.
pub const MAX_CODE_CHARS: usize = 16;

/// The points of one domain, by column. All columns but `counts` have one entry a point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PointColumns {
    /// Unix seconds as reported.
    pub ts: Vec<UnixSeconds>,
    /// Back-to-origin bandwidth in bit/s, 0 to `i64::MAX`.
    pub bandwidth: Vec<i64>,
    /// Back-to-origin requests, 0 to `i64::MAX`.
    pub pv: Vec<i64>,
    /// The set of codes that the point reported, zeros included.
    pub code_set: Vec<SetIndex>,
    /// Where each point's counts end in `counts`; they begin where those of the point before end.
    pub counts_end: Vec<usize>,
    /// The counts above zero of all points, one after the other. Within a point each code stands once.
    pub counts: Vec<(CodeIndex, i64)>,
}

impl PointColumns {
    /// Returns the number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// Returns the counts above zero of the point at `at`; empty where there is no such point.
    #[must_use]
    pub fn counts_of(&self, at: usize) -> &[(CodeIndex, i64)] {
        let start = at
            .checked_sub(1)
            .map_or(Some(0), |before| self.counts_end.get(before).copied());
        let range = start.zip(self.counts_end.get(at).copied());
        range
            .and_then(|(start, end)| self.counts.get(start..end))
            .unwrap_or_default()
    }

    /// Appends a point; `counts` holds each code once and no zero.
    pub fn push(
        &mut self,
        ts: UnixSeconds,
        bandwidth: i64,
        pv: i64,
        code_set: SetIndex,
        counts: &[(CodeIndex, i64)],
    ) {
        self.ts.push(ts);
        self.bandwidth.push(bandwidth);
        self.pv.push(pv);
        self.code_set.push(code_set);
        self.counts.extend_from_slice(counts);
        self.counts_end.push(self.counts.len());
    }

    /// Appends the point at `at` of `other`, which must share this one's [`CodeBook`].
    pub fn push_from(&mut self, other: &Self, at: usize) {
        if let (Some(&ts), Some(&bandwidth), Some(&pv), Some(&set)) = (
            other.ts.get(at),
            other.bandwidth.get(at),
            other.pv.get(at),
            other.code_set.get(at),
        ) {
            self.push(ts, bandwidth, pv, set, other.counts_of(at));
        }
    }

    /// Appends the point at `at` of `other`, whose codes `theirs` names; this one's are named by `ours`.
    pub fn push_translated(&mut self, ours: &mut CodeBook, other: &Self, theirs: &CodeBook, at: usize) {
        let (Some(&ts), Some(&bandwidth), Some(&pv), Some(&set)) = (
            other.ts.get(at),
            other.bandwidth.get(at),
            other.pv.get(at),
            other.code_set.get(at),
        ) else {
            return;
        };
        let mut code = |index: CodeIndex| theirs.code(index).map(|code| ours.intern(code));
        let counts: Vec<_> = other
            .counts_of(at)
            .iter()
            .filter_map(|(index, count)| Some((code(*index)?, *count)))
            .collect();
        let members = theirs.set(set).unwrap_or_default().iter();
        let members: Vec<_> = members.filter_map(|index| code(*index)).collect();
        let set = ours.intern_set(&members);
        self.push(ts, bandwidth, pv, set, &counts);
    }

    /// Keeps the points at the places in `range`, which lies within the columns, and drops the others. This
    /// is faster than copying the kept ones one by one.
    pub fn keep(&mut self, range: Range<usize>) {
        let end_of = |ends: &[usize], points: usize| {
            points
                .checked_sub(1)
                .and_then(|last| ends.get(last).copied())
                .unwrap_or(0)
        };
        let counts = end_of(&self.counts_end, range.start)..end_of(&self.counts_end, range.end);
        cut(&mut self.counts, &counts);
        cut(&mut self.ts, &range);
        cut(&mut self.bandwidth, &range);
        cut(&mut self.pv, &range);
        cut(&mut self.code_set, &range);
        cut(&mut self.counts_end, &range);
        for end in &mut self.counts_end {
            *end -= counts.start;
        }
    }

    /// Gives back memory that is reserved and not used.
    pub fn shrink_to_fit(&mut self) {
        self.ts.shrink_to_fit();
        self.bandwidth.shrink_to_fit();
        self.pv.shrink_to_fit();
        self.code_set.shrink_to_fit();
        self.counts_end.shrink_to_fit();
        self.counts.shrink_to_fit();
    }

    /// Whether the points at `a` and `b` say the same: figures, reported codes and counts.
    #[must_use]
    pub fn same_figures(&self, a: usize, b: usize) -> bool {
        self.bandwidth.get(a) == self.bandwidth.get(b)
            && self.pv.get(a) == self.pv.get(b)
            && self.code_set.get(a) == self.code_set.get(b)
            && same_counts(self.counts_of(a), self.counts_of(b))
    }
}

fn cut<T>(column: &mut Vec<T>, range: &Range<usize>) {
    column.truncate(range.end);
    column.drain(..range.start.min(column.len()));
}

/// Whether two lists hold the same counts, in whatever order.
#[must_use]
pub fn same_counts(a: &[(CodeIndex, i64)], b: &[(CodeIndex, i64)]) -> bool {
    a == b || a.len() == b.len() && sorted(a) == sorted(b)
}

fn sorted(counts: &[(CodeIndex, i64)]) -> Vec<(CodeIndex, i64)> {
    let mut counts = counts.to_vec();
    counts.sort_unstable();
    counts
}

/// The status codes and the sets of them that one answer names.
///
/// `"0"`, `"000"` and `"other"` are three different codes: a code is text and never a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeBook {
    codes: Vec<Box<str>>,
    /// Each in the order of the codes' text, so that a set has one form whatever the order of the answer.
    sets: Vec<Box<[CodeIndex]>>,
}

impl CodeBook {
    /// Returns the codes by index.
    #[must_use]
    pub fn codes(&self) -> &[Box<str>] {
        &self.codes
    }

    /// Returns the sets by index.
    #[must_use]
    pub fn sets(&self) -> &[Box<[CodeIndex]>] {
        &self.sets
    }

    /// Returns the text of a code.
    #[must_use]
    pub fn code(&self, index: CodeIndex) -> Option<&str> {
        self.codes.get(usize::try_from(index).ok()?).map(AsRef::as_ref)
    }

    /// Returns the codes of a set, in the order of their text.
    #[must_use]
    pub fn set(&self, index: SetIndex) -> Option<&[CodeIndex]> {
        self.sets.get(usize::try_from(index).ok()?).map(AsRef::as_ref)
    }

    /// Returns the index of `code`, which is added if it is new.
    pub fn intern(&mut self, code: &str) -> CodeIndex {
        // An answer names about 20 codes; looking through them beats hashing.
        let at = self
            .codes
            .iter()
            .position(|known| known.as_ref() == code)
            .unwrap_or_else(|| {
                self.codes.push(code.into());
                self.codes.len() - 1
            });
        CodeIndex::try_from(at).unwrap_or(CodeIndex::MAX)
    }

    /// Returns the index of the set that holds exactly `members`, in whatever order, each once.
    pub fn intern_set(&mut self, members: &[CodeIndex]) -> SetIndex {
        let mut members = members.to_vec();
        members.sort_unstable_by(|a, b| self.code(*a).cmp(&self.code(*b)));
        let at = self
            .sets
            .iter()
            .position(|known| **known == members[..])
            .unwrap_or_else(|| {
                self.sets.push(members.into());
                self.sets.len() - 1
            });
        SetIndex::try_from(at).unwrap_or(SetIndex::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_one_form_and_zero_is_not_triple_zero() {
        let mut book = CodeBook::default();
        let (zero, triple, other) = (book.intern("0"), book.intern("000"), book.intern("other"));
        assert_eq!((zero, triple, other, book.intern("000")), (0, 1, 2, 1));
        let set = book.intern_set(&[other, zero, triple]);
        assert_eq!(set, book.intern_set(&[triple, other, zero]));
        assert_ne!(set, book.intern_set(&[zero, other]));
        assert_eq!(book.set(set), Some(&[zero, triple, other][..]));
    }

    #[test]
    fn columns_give_back_what_was_pushed() {
        let mut points = PointColumns::default();
        points.push(300, 8, 2, 0, &[(1, 1), (0, 1)]);
        points.push(600, 0, 0, 0, &[]);
        points.push(900, 8, 2, 0, &[(0, 1), (1, 1)]);
        assert_eq!(points.counts_of(0), [(1, 1), (0, 1)]);
        assert_eq!(points.counts_of(1), []);
        assert_eq!(points.counts_of(7), []);
        assert!(points.same_figures(0, 2) && !points.same_figures(0, 1));
        let mut copy = PointColumns::default();
        for at in 0..3 {
            copy.push_from(&points, at);
        }
        assert_eq!(copy, points);
        for start in 0..=3 {
            for end in start..=3 {
                let mut expected = PointColumns::default();
                for at in start..end {
                    expected.push_from(&points, at);
                }
                let mut kept = points.clone();
                kept.keep(start..end);
                assert_eq!(kept, expected, "{start}..{end}");
                kept.shrink_to_fit();
                assert_eq!(
                    (&kept, kept.counts.capacity()),
                    (&expected, expected.counts.len())
                );
            }
        }
    }

    #[test]
    fn a_point_keeps_its_codes_in_another_book() {
        let (mut ours, mut theirs) = (CodeBook::default(), CodeBook::default());
        ours.intern("404");
        let (ok, other) = (theirs.intern("200"), theirs.intern("other"));
        let set = theirs.intern_set(&[other, ok]);
        let (mut from, mut to) = (PointColumns::default(), PointColumns::default());
        from.push(300, 8, 2, set, &[(other, 2)]);
        to.push_translated(&mut ours, &from, &theirs, 0);
        let counted: Vec<_> = to
            .counts_of(0)
            .iter()
            .map(|(code, n)| (ours.code(*code), *n))
            .collect();
        assert_eq!(counted, [(Some("other"), 2)]);
        let members: Vec<_> = ours
            .set(to.code_set[0])
            .unwrap()
            .iter()
            .map(|code| ours.code(*code))
            .collect();
        assert_eq!(members, [Some("200"), Some("other")]);
    }
}
