//! What was concluded, for people: nothing that is no longer asked for is silent.

use serde::Serialize;

use crate::model::{Domain, Span, civil};

/// How many conclusions are named; more are counted.
const MAX_NAMED: usize = 100;

/// What kind of conclusion it is. The text form stands in JSON and in `origin_runs.conclusions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConclusionKind {
    /// The API no longer serves the range (status 21).
    BeyondRetention,
    /// The slots hold no point.
    Empty,
    /// PointsJson hours apart are 5-minute points.
    Sparse,
    /// The answer held sums or peaks of longer steps; it was not taken.
    Coarse,
    /// The domain is not the account's (status 15 or 18).
    DomainRefused,
    /// WindowsJson are no longer than this.
    SpanLimit,
    /// Requests hold no more domains than this.
    BatchLimit,
}

/// One conclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// Its kind.
    pub kind: ConclusionKind,
    /// Of which domains.
    pub domains: Vec<Domain>,
    /// Of which range.
    pub span: Span,
    /// What it rests on, in words.
    pub evidence: String,
}

/// The conclusions of a run, neighbours joined. Bounded: beyond 100 they are only counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conclusions {
    named: Vec<Conclusion>,
    unnamed: u64,
}

/// A conclusion as the summary and `origin_runs.conclusions` hold it.
#[derive(Debug, Serialize)]
pub struct ConclusionJson<'a> {
    kind: ConclusionKind,
    domains: Vec<&'a str>,
    from: String,
    to: String,
    evidence: &'a str,
}

impl Conclusions {
    /// Adds a conclusion, joined to those of the same kind, domains and evidence that it touches.
    pub fn add(&mut self, mut new: Conclusion) {
        while let Some(at) = self.named.iter().position(|known| joins(known, &new)) {
            let known = self.named.swap_remove(at);
            let (start, end) = (
                known.span.start().min(new.span.start()),
                known.span.end().max(new.span.end()),
            );
            new.span = Span::new(start, end).unwrap_or(new.span);
        }
        if self.named.len() < MAX_NAMED {
            self.named.push(new);
        } else {
            self.unnamed += 1;
        }
    }

    /// Puts them in order of time, for reading.
    pub fn sort(&mut self) {
        self.named.sort_by_key(|conclusion| conclusion.span);
    }

    /// Those that are named.
    #[must_use]
    pub fn named(&self) -> &[Conclusion] {
        &self.named
    }

    /// How many more there are.
    #[must_use]
    pub fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// The JSON form.
    #[must_use]
    pub fn json(&self) -> Vec<ConclusionJson<'_>> {
        let named = self.named.iter();
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
}

fn joins(known: &Conclusion, new: &Conclusion) -> bool {
    let touches = known.span.start() <= new.span.end() && new.span.start() <= known.span.end();
    // A limit holds for the whole run, wherever it was met.
    let everywhere = matches!(new.kind, ConclusionKind::SpanLimit | ConclusionKind::BatchLimit);
    known.kind == new.kind
        && known.evidence == new.evidence
        && (everywhere || known.domains == new.domains && touches)
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
