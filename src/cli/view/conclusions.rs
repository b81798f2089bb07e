//! The conclusions of a run, one line a kind.

use super::text::domain_list;
use crate::ingest::decide::{Conclusion, ConclusionKind, Conclusions};

/// How many ranges a line names; more are counted.
const NAMED: usize = 2;

/// The kinds in the order of their lines, with their meaning.
const MEANINGS: [(ConclusionKind, &str); 7] = [
    (ConclusionKind::BeyondRetention, "the API no longer serves this"),
    (
        ConclusionKind::DomainRefused,
        "the API refuses the domain, asked alone",
    ),
    (ConclusionKind::Empty, "no points, by two different requests"),
    (
        ConclusionKind::Sparse,
        "these points are far apart and are 5-minute points",
    ),
    (
        ConclusionKind::Coarse,
        "hourly or daily values came and were not stored",
    ),
    (ConclusionKind::SpanLimit, "the API accepts only shorter ranges"),
    (
        ConclusionKind::BatchLimit,
        "the API accepts fewer domains in a request",
    ),
];

/// Returns one line for each kind of conclusion that the run came to.
#[must_use]
pub(crate) fn lines(conclusions: &Conclusions) -> Vec<(ConclusionKind, String)> {
    let line = |(kind, meaning)| {
        let same_kind = || conclusions.named().iter().filter(|one| one.kind == kind);
        let named: Vec<String> = same_kind().take(NAMED).map(described).collect();
        let rest = match same_kind().count() {
            0 => return None,
            count if count > NAMED => format!("; and {} more", count - NAMED),
            _ => String::new(),
        };
        Some((kind, format!("{meaning}: {}{rest}", named.join("; "))))
    };
    MEANINGS.into_iter().filter_map(line).collect()
}

/// Returns the range of a conclusion. A limit holds for every domain and range, so its evidence says more.
fn described(conclusion: &Conclusion) -> String {
    match conclusion.kind {
        ConclusionKind::SpanLimit | ConclusionKind::BatchLimit => conclusion.evidence.clone(),
        _ => format!("{}, {}", domain_list(&conclusion.domains), conclusion.span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Span;

    #[test]
    fn each_kind_has_one_line_that_names_two_ranges_and_counts_the_others() {
        let mut conclusions = Conclusions::default();
        for (kind, starts) in [
            (ConclusionKind::Empty, &[0, 600, 1_200, 1_800][..]),
            (ConclusionKind::BeyondRetention, &[0]),
        ] {
            for start in starts {
                conclusions.add(Conclusion {
                    kind,
                    domains: vec!["a.com".parse().unwrap()],
                    span: Span::new(*start, start + 300).unwrap(),
                    evidence: String::new(),
                });
            }
        }
        let lines = lines(&conclusions);
        let [(first, _), (second, empty)] = &*lines else {
            panic!("{lines:?}")
        };
        assert_eq!(
            (*first, *second),
            (ConclusionKind::BeyondRetention, ConclusionKind::Empty)
        );
        assert_eq!(
            empty,
            "no points, by two different requests: a.com, 1970-01-01 08:00 to 1970-01-01 08:05; \
             a.com, 1970-01-01 08:10 to 1970-01-01 08:15; and 2 more"
        );
        assert!(super::lines(&Conclusions::default()).is_empty());
    }
}
