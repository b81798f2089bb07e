//! The smaller requests that confirm holes.
//!
//! An answer without a point may be right, may be cut short, or may lack a domain by mistake. The same request could
//! be cut in the same way again. So a confirmation has another shape: fewer domains, or at most half of the range.

use crate::model::slot::SLOT_SECONDS;
use crate::model::{Domain, Span, UnixSeconds};

/// A smaller request for holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Confirmation {
    pub(super) domains: Vec<Domain>,
    /// From the first of their holes to the last.
    pub(super) window: Span,
    /// Whether to send the window without padding.
    pub(super) exact: bool,
}

/// Slots of a domain without a point, in order.
pub(super) type Holes = (Domain, Vec<UnixSeconds>);

/// Returns the requests that ask for all `holes`, each smaller than one for `domains` domains and `slots` slots.
pub(super) fn smaller(holes: &[Holes], (domains, slots): (usize, i64)) -> Vec<Confirmation> {
    let Some(window) = hull(holes) else {
        return Vec::new();
    };
    if holes.len() < domains || window.slots() * 2 <= slots || slots <= 1 && holes.len() <= 1 {
        let domains = holes.iter().map(|(domain, _)| domain.clone()).collect();
        let exact = false;
        return vec![Confirmation {
            domains,
            window,
            exact,
        }];
    }
    if holes.len() > 1 {
        let (first, second) = holes.split_at(holes.len().div_ceil(2));
        return [first, second]
            .into_iter()
            .flat_map(|half| smaller(half, (domains, slots)))
            .collect();
    }
    let Some((older, newer)) = window.halve() else {
        return Vec::new();
    };
    [older, newer]
        .into_iter()
        .flat_map(|half| smaller(&inside(holes, half), (domains, slots)))
        .collect()
}

/// Returns the holes that lie in `span`; domains without one are left out.
pub(super) fn inside(holes: &[Holes], span: Span) -> Vec<Holes> {
    let of = |(domain, slots): &Holes| {
        let slots: Vec<_> = slots
            .iter()
            .copied()
            .filter(|slot| span.contains(*slot))
            .collect();
        (!slots.is_empty()).then(|| (domain.clone(), slots))
    };
    holes.iter().filter_map(of).collect()
}

/// Returns consecutive slots as ranges.
pub(super) fn ranges(slots: &[UnixSeconds]) -> Vec<Span> {
    let runs = slots.chunk_by(|a, b| b - a == SLOT_SECONDS);
    runs.filter_map(|run| Span::new(*run.first()?, run.last()? + SLOT_SECONDS))
        .collect()
}

fn hull(holes: &[Holes]) -> Option<Span> {
    let first = holes.iter().filter_map(|(_, slots)| slots.first()).min()?;
    let last = holes.iter().filter_map(|(_, slots)| slots.last()).max()?;
    Span::new(*first, last + SLOT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holes(list: &[(&str, &[i64])]) -> Vec<Holes> {
        let slots = |slots: &[i64]| slots.iter().map(|slot| slot * 300).collect();
        list.iter()
            .map(|(name, at)| (name.parse().unwrap(), slots(at)))
            .collect()
    }

    fn shapes(list: &[Holes], than: (usize, i64)) -> Vec<(usize, i64, i64)> {
        let asked = smaller(list, than).into_iter();
        asked
            .map(|confirm| {
                (
                    confirm.domains.len(),
                    confirm.window.start() / 300,
                    confirm.window.slots(),
                )
            })
            .collect()
    }

    #[test]
    fn absent_domains_are_confirmed_together_in_one_smaller_request() {
        let day: Vec<i64> = (0..288).collect();
        let absent = holes(&[("a.com", &day), ("b.com", &day)]);
        assert_eq!(shapes(&absent, (20, 288)), [(2, 0, 288)]);
    }

    #[test]
    fn holes_in_all_domains_are_asked_for_in_two_halves() {
        let list = holes(&[("a.com", &[0]), ("b.com", &[287])]);
        assert_eq!(shapes(&list, (2, 288)), [(1, 0, 1), (1, 287, 1)]);
        assert_eq!(
            shapes(&holes(&[("a.com", &[0, 287])]), (1, 288)),
            [(1, 0, 1), (1, 287, 1)]
        );
        assert_eq!(shapes(&holes(&[("a.com", &[3, 4])]), (1, 288)), [(1, 3, 2)]);
        // One slot of one domain cannot be smaller; padding makes it another request.
        assert_eq!(shapes(&holes(&[("a.com", &[7])]), (1, 1)), [(1, 7, 1)]);
    }

    proptest::proptest! {
        #[test]
        fn every_hole_is_asked_for_once_in_a_smaller_request(
            list in proptest::collection::vec(proptest::collection::btree_set(0_i64..40, 1..20), 1..6),
            more in 0_usize..3,
        ) {
            let list: Vec<Holes> = list.into_iter().zip(0..).map(|(slots, at)| {
                (format!("d{at}.com").parse().unwrap(), slots.into_iter().map(|slot| slot * 300).collect())
            }).collect();
            let than = (list.len() + more, 40);
            let asked = smaller(&list, than);
            for (domain, slots) in &list {
                for slot in slots {
                    let times = asked.iter().filter(|ask| ask.domains.contains(domain) && ask.window.contains(*slot));
                    proptest::prop_assert_eq!(times.count(), 1);
                }
            }
            for ask in &asked {
                proptest::prop_assert!(ask.domains.len() < than.0 || ask.window.slots() * 2 <= than.1);
            }
        }
    }
}
