//! What should be complete.

use std::collections::HashSet;

use crate::model::{CoverageSpan, Domain, Span, UnixSeconds};

/// What should be complete: what the configuration wants, and what the database follows for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The domains that are configured, followed, or followed after the next listing. Ranges of other domains that were
    /// never asked for are not gaps.
    pub domains: Vec<Domain>,
    /// Where they should begin. An earlier begin of the coverage counts instead, also if this is `None`.
    pub from: Option<UnixSeconds>,
    /// The end of the newest slot that can be asked for.
    pub until: UnixSeconds,
}

impl Expected {
    /// Returns whether a run asks for all of it that is due: for every domain, and not from a later start on.
    #[must_use]
    pub fn is_within(&self, domains: &[Domain], range: Span) -> bool {
        let asked: HashSet<&Domain> = domains.iter().collect();
        self.from.is_none_or(|from| range.start() <= from)
            && self.until <= range.end()
            && self.domains.iter().all(|domain| asked.contains(domain))
    }

    /// Returns the range that should be complete for a domain with this coverage.
    #[must_use]
    pub fn range(&self, coverage: &[CoverageSpan]) -> Option<Span> {
        let first = coverage.first().map(|piece| piece.span.start());
        let from = [self.from, first].into_iter().flatten().min()?;
        Span::new(from, self.until).map(|range| range.to_grid())
    }
}
