//! Says in one line for each kind what a run concluded.

use indicatif::HumanCount;

use crate::cli::view::text::domain_list;
use crate::ingest::decide::{Conclusion, ConclusionKind, Conclusions};
use crate::model::convert::to_u64;

/// How many ranges a line names; more are counted.
const NAMED: usize = 2;

/// The kinds in the order of their lines.
const KINDS: [ConclusionKind; 7] = [
    ConclusionKind::BeyondRetention,
    ConclusionKind::DomainRefused,
    ConclusionKind::Empty,
    ConclusionKind::Sparse,
    ConclusionKind::Coarse,
    ConclusionKind::SpanLimit,
    ConclusionKind::BatchLimit,
];

/// One line for each kind of conclusion that there is.
#[must_use]
pub(crate) fn lines(conclusions: &Conclusions) -> Vec<(ConclusionKind, String)> {
    let of_kind = |kind| {
        let found: Vec<&Conclusion> = conclusions
            .named()
            .iter()
            .filter(|conclusion| conclusion.kind == kind)
            .collect();
        (!found.is_empty()).then(|| (kind, line(kind, &found)))
    };
    KINDS.into_iter().filter_map(of_kind).collect()
}

fn line(kind: ConclusionKind, found: &[&Conclusion]) -> String {
    let named: Vec<String> = found.iter().take(NAMED).map(|one| shown(one)).collect();
    let more = found.len().saturating_sub(NAMED);
    let rest = if more > 0 {
        format!("; and {} more", HumanCount(to_u64(more)))
    } else {
        String::new()
    };
    format!("{}: {}{rest}", meaning(kind), named.join("; "))
}

/// A limit holds for every domain and range, so its evidence says more.
fn shown(one: &Conclusion) -> String {
    match one.kind {
        ConclusionKind::SpanLimit | ConclusionKind::BatchLimit => one.evidence.clone(),
        _ => format!("{}, {}", domain_list(&one.domains), one.span),
    }
}

fn meaning(kind: ConclusionKind) -> &'static str {
    match kind {
        ConclusionKind::BeyondRetention => "the API no longer serves this",
        ConclusionKind::Empty => "no points, by two different requests",
        ConclusionKind::Sparse => "these points are far apart and are 5-minute points",
        ConclusionKind::Coarse => "hourly or daily values came and were not stored",
        ConclusionKind::DomainRefused => "the API refuses the domain, asked alone",
        ConclusionKind::SpanLimit => "the API takes shorter ranges only",
        ConclusionKind::BatchLimit => "the API takes fewer domains in a request",
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
