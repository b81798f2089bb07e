//! The gaps after any sequence of commits.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::gaps::{NAMES, gap, table};
use super::moments::{expected, points, rejected_at, said, slots, unreadable};
use super::*;
use crate::model::{Gap, GapReason, Shape, SlotsByReason};

#[derive(Debug, Clone)]
struct Step {
    name: usize,
    start: i64,
    length: i64,
    kind: Kind,
    points: Vec<bool>,
    rejects: Vec<bool>,
    confirmed: Vec<bool>,
    shape: Option<(u32, u32)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Fetched,
    Beyond,
    Reopened,
    Failed,
    Replayed,
    /// All texts of rejects are dropped, because there are too many.
    Tidied,
    /// All rejects are given up.
    Discarded,
    /// The end of a run, which expects the domains up to `name`.
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![
        6 => Just(Kind::Fetched),
        1 => Just(Kind::Beyond),
        1 => Just(Kind::Reopened),
        2 => Just(Kind::Failed),
        1 => Just(Kind::Replayed),
        1 => Just(Kind::Tidied),
        1 => Just(Kind::Discarded),
        2 => Just(Kind::End)
    ];
    let marks = |share| prop::collection::vec(prop::bool::weighted(share), 24);
    let shape = prop::option::of((1_u32..3, 1_u32..3));
    let window = (0_usize..3, 0_i64..60, 1_i64..24);
    let step = (window, kind, marks(0.6), marks(0.2), marks(0.5), shape);
    let step = step.prop_map(
        |((name, start, length), kind, points, rejects, confirmed, shape)| Step {
            name,
            start,
            length,
            kind,
            points,
            rejects,
            confirmed,
            shape,
        },
    );
    prop::collection::vec(step, 1..14)
}

fn marked(step: &Step, marks: &[bool]) -> Vec<i64> {
    (step.start..step.start + step.length)
        .zip(marks)
        .filter(|(_, mark)| **mark)
        .map(|(slot, _)| slot)
        .collect()
}

fn apply(sandbox: &mut Sandbox, step: &Step) {
    let name = NAMES[step.name];
    let window = slots(step.start, step.start + step.length);
    let mut commit = said(name, window, &points(marked(step, &step.points)), 99_000);
    match step.kind {
        Kind::Fetched => {
            let rejected = marked(step, &step.rejects);
            commit.rejected_slots = rejected_at(name, rejected.iter().copied());
            commit.rejects = rejected.into_iter().map(|slot| unreadable(name, slot)).collect();
            let agreed = marked(step, &step.confirmed).into_iter();
            commit.confirmed = vec![(domain(name), agreed.map(|slot| slots(slot, slot + 1)).collect())];
            commit.shape = step.shape.map(|(domains, slots)| Shape { domains, slots });
        }
        Kind::Beyond => {
            commit.points.clear();
            commit.coverage = Coverage::BeyondRetention { at: MIDNIGHT };
        }
        Kind::Reopened | Kind::Failed => {
            commit.points.clear();
            commit.coverage = if matches!(step.kind, Kind::Failed) {
                Coverage::Failed
            } else {
                Coverage::Reopened
            };
        }
        Kind::Tidied => {
            sandbox.store.tidy(0, i64::MIN).unwrap();
            return;
        }
        Kind::Replayed => {
            let covered = sandbox.store.coverage(&domain(name), window).unwrap();
            let fetched = |slot: i64| {
                let ts = MIDNIGHT + slot * SLOT_SECONDS;
                covered
                    .iter()
                    .any(|piece| piece.age_when_fetched.is_some() && piece.span.contains(ts))
            };
            let mut taken = marked(step, &step.points);
            taken.retain(|slot| fetched(*slot));
            commit = said(name, window, &points(taken), 99_000);
            commit.coverage = Coverage::Unchanged;
        }
        Kind::Discarded => {
            sandbox.store.discard_rejects(None).unwrap();
            return;
        }
        Kind::End => {
            sandbox.finish(&NAMES[..step.name], Some(step.start), step.start + 50);
            return;
        }
    }
    sandbox.commit(commit);
}

/// The state of each slot that was asked for: `None` if it has a point.
#[derive(Debug, Default)]
struct SlotModel(BTreeMap<(usize, i64), Option<GapReason>>);

impl SlotModel {
    fn take(&mut self, step: &Step) {
        let [points, rejects] = [&step.points, &step.rejects].map(|marks| marked(step, marks));
        for slot in step.start..step.start + step.length {
            let key = (step.name, slot);
            let before = self.0.get(&key).copied();
            let fetched = matches!(before, Some(None | Some(GapReason::Empty | GapReason::Rejected)));
            let after = match step.kind {
                Kind::Fetched if before == Some(None) || points.contains(&slot) => Some(None),
                Kind::Fetched if rejects.contains(&slot) => Some(Some(GapReason::Rejected)),
                Kind::Fetched => Some(Some(GapReason::Empty)),
                Kind::Beyond if !fetched => Some(Some(GapReason::BeyondRetention)),
                Kind::Reopened if before == Some(Some(GapReason::BeyondRetention)) => None,
                Kind::Failed if before.is_none() => Some(Some(GapReason::Failed)),
                Kind::Replayed if fetched && points.contains(&slot) => Some(None),
                _ => before,
            };
            match after {
                Some(state) => self.0.insert(key, state),
                None => self.0.remove(&key),
            };
        }
        if matches!(step.kind, Kind::End) {
            // Slots that failed while the clock ran ahead are forgotten.
            self.0
                .retain(|(_, slot), state| *state != Some(GapReason::Failed) || *slot < step.start + 50);
        }
        if matches!(step.kind, Kind::Discarded) {
            for state in self
                .0
                .values_mut()
                .filter(|state| **state == Some(GapReason::Rejected))
            {
                *state = Some(GapReason::Empty);
            }
        }
    }

    /// The slots of a domain without a point.
    fn gaps(&self, name: usize) -> Vec<(i64, String)> {
        let of_domain = self.0.iter().filter(|((of, _), _)| *of == name);
        of_domain
            .filter_map(|((_, slot), state)| Some((*slot, (*state)?.as_str().to_owned())))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_table_equals_a_full_recomputation_after_any_sequence_of_commits(steps in steps()) {
        check(&steps)?;
    }
}

/// After every step, the gaps that the commits noted equal those that are found in the points, and those of a map of
/// the slots.
fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut sandbox = Sandbox::new();
    let mut model = SlotModel::default();
    for step in steps {
        apply(&mut sandbox, step);
        model.take(step);
        let reader = sandbox.reader();
        let nobody = expected(&[], None, 999);
        let configured = expected(&NAMES[..step.name], Some(step.start), step.start + 50);
        let ever = slots(-99, 999);
        for (at, name) in NAMES.into_iter().enumerate() {
            let never = |gap: &(i64, i64, String)| gap.2 == GapReason::NeverAsked.as_str();
            let (never, asked): (Vec<_>, Vec<_>) = table(&sandbox, name).into_iter().partition(never);
            let found = reader.find_gaps(name, &nobody, ever).unwrap().gaps;
            let noted = reader.noted_gaps(name, &nobody, ever).unwrap().gaps;
            let each = |(start, end, reason): &(i64, i64, String)| {
                let reason = reason.clone();
                (*start..*end).map(move |slot| (slot, reason.clone()))
            };
            prop_assert_eq!(
                asked.iter().flat_map(each).collect::<Vec<_>>(),
                model.gaps(at),
                "{}",
                name
            );
            prop_assert_eq!(asked, in_slots(&found), "{}", name);
            prop_assert_eq!(&noted, &found, "{}", name);
            let listed = reader.listed_gaps(name, &configured, ever).unwrap();
            prop_assert_eq!(in_slots(&listed.gaps), table(&sandbox, name), "{}", name);
            let overview = reader.overview(&[name.to_owned()], &configured).unwrap();
            prop_assert!(overview.as_of.noted && overview.domains[0].adds_up(), "{}", name);
            prop_assert_eq!(
                overview.domains[0].gaps,
                SlotsByReason::of(&listed.gaps),
                "{}",
                name
            );
            prop_assert_eq!(overview.domains[0].new_slots, listed.new_slots, "{}", name);
            prop_assert_eq!(
                i64::try_from(overview.domains[0].points).unwrap(),
                sandbox.number(&format!(
                    "SELECT count(*) FROM origin_stats WHERE domain = '{name}'"
                )),
                "{}",
                name
            );
            // What the configuration wants and the list lacks is what a new look would add to the never asked slots.
            let anew = reader.noted_gaps(name, &configured, ever).unwrap();
            let outside = [GapReason::NeverAsked, GapReason::Failed];
            if at < step.name {
                let inside = SlotsByReason::of(&listed_inside(&listed.gaps, anew.range)).sum_of(&outside);
                let anew = SlotsByReason::of(&anew.gaps).sum_of(&outside);
                prop_assert_eq!(listed.new_slots, anew - inside, "{}", name);
            } else {
                prop_assert_eq!(listed.new_slots, 0, "{}", name);
            }
            if matches!(step.kind, Kind::End) {
                prop_assert_eq!(listed.new_slots, 0, "{}", name);
                for gaps in [
                    reader.find_gaps(name, &configured, ever),
                    reader.noted_gaps(name, &configured, ever),
                ] {
                    let mut gaps = gaps.unwrap().gaps;
                    gaps.retain(|gap| gap.reason == GapReason::NeverAsked);
                    prop_assert_eq!(&never, &in_slots(&gaps), "{}", name);
                }
            }
        }
    }
    Ok(())
}

/// The parts of `gaps` in `range`.
fn listed_inside(gaps: &[Gap], range: Option<Span>) -> Vec<Gap> {
    let cut = |gap: &Gap| {
        let span = gap.span.intersect(&range?)?;
        Some(Gap { span, ..*gap })
    };
    gaps.iter().filter_map(cut).collect()
}

fn in_slots(gaps: &[Gap]) -> Vec<(i64, i64, String)> {
    let slot = |ts| (ts - MIDNIGHT) / SLOT_SECONDS;
    let gaps = gaps.iter();
    gaps.map(|found| gap(slot(found.span.start()), slot(found.span.end()), found.reason))
        .collect()
}
