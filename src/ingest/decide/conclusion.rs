//! The conclusions that are reported: nothing that is no longer asked for is silent.

use serde::Serialize;

use crate::ingest::named_list::{NamedEntry, NamedList};
use crate::model::{Domain, Span, civil};

/// The kind of a conclusion. JSON and `origin_runs.conclusions` hold its text form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConclusionKind {
    /// The API no longer serves the range (status 21).
    BeyondRetention,
    /// The slots have no point.
    Empty,
    /// Points hours apart are 5-minute points.
    Sparse,
    /// The answer held sums or peaks of longer steps; it was not taken.
    Coarse,
    /// The domain does not belong to the account (status 15 or 18).
    DomainRefused,
    /// The longest window that the API takes.
    SpanLimit,
    /// The most domains that the API takes in one request.
    BatchLimit,
}

/// One conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// Its kind.
    pub kind: ConclusionKind,
    /// The domains that it is about.
    pub domains: Vec<Domain>,
    /// The range that it is about.
    pub span: Span,
    /// The reason, in words.
    pub evidence: String,
}

/// The conclusions of a run.
pub type Conclusions = NamedList<Conclusion>;

/// A conclusion as the summary and `origin_runs.conclusions` hold it.
#[derive(Debug, Serialize)]
pub struct ConclusionJson<'a> {
    kind: ConclusionKind,
    domains: Vec<&'a str>,
    from: String,
    to: String,
    evidence: &'a str,
}

impl NamedEntry for Conclusion {
    const MAX_NAMED: usize = 100;

    fn span(&self) -> Option<Span> {
        Some(self.span)
    }

    fn join(&mut self, other: &Self) -> bool {
        let touches = other.span.start() <= self.span.end() && self.span.start() <= other.span.end();
        // A limit holds for the whole run, wherever it was met.
        let everywhere = matches!(self.kind, ConclusionKind::SpanLimit | ConclusionKind::BatchLimit);
        let is_same = other.kind == self.kind
            && other.evidence == self.evidence
            && (everywhere || other.domains == self.domains && touches);
        if is_same {
            self.span = self.span.hull(&other.span);
        }
        is_same
    }
}

/// Returns the JSON form of `conclusions`.
#[must_use]
pub fn conclusions_json(conclusions: &Conclusions) -> Vec<ConclusionJson<'_>> {
    let named = conclusions.named().iter();
    named
        .map(|conclusion| ConclusionJson {
            kind: conclusion.kind,
            domains: conclusion.domains.iter().map(Domain::as_str).collect(),
            from: civil::cst_rfc3339(conclusion.span.start()),
            to: civil::cst_rfc3339(conclusion.span.end()),
            evidence: &conclusion.evidence,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(domain: &str, start: i64) -> Conclusion {
        Conclusion {
            kind: ConclusionKind::Empty,
            domains: vec![domain.parse().unwrap()],
            span: Span::new(start * 300, start * 300 + 300).unwrap(),
            evidence: "two answers".to_owned(),
        }
    }

    #[test]
    fn neighbours_are_one_and_the_list_is_bounded() {
        let mut list = Conclusions::default();
        for start in [0, 2, 1] {
            list.add(empty("a.com", start));
        }
        assert_eq!(list.named().len(), 1);
        assert_eq!(list.named().first().map(|one| one.span.slots()), Some(3));
        for start in 0..300 {
            list.add(empty("b.com", 2 * start));
        }
        assert_eq!((list.named().len(), list.unnamed()), (100, 201));
    }
}
