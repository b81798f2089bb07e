//! Random answers, against a store that anybody can check.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::SlotLabel;
use crate::model::coverage::splice;
use crate::model::slot::slot_floor;

const DOMAINS: [&str; 2] = ["www.a.com", "www.b.com"];
const CODES: [&str; 4] = ["0", "000", "200", "other"];
const SLOTS: i64 = 8;
/// The last four slots of September and the first four of October.
const FIRST: i64 = 16 * 288 - 4;

/// Bandwidth, requests, and every reported code with its count.
type Said = (i64, i64, BTreeMap<&'static str, i64>);

/// One answer: its domain, window, refresh age, and by slot the offset of a point in it and what it says.
type Answer = (usize, Span, i64, BTreeMap<i64, (i64, Said)>);

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    // Small ranges, so that answers meet, repeat and contradict each other.
    let codes = prop::collection::btree_map(prop::sample::select(&CODES[..]), 0_i64..3, 0..4);
    let said = (0_i64..2, 0_i64..2, codes);
    let offset = prop_oneof![4 => Just(0_i64), 1 => 0_i64..2];
    let points = prop::collection::btree_map(0..SLOTS, (offset, said), 0..6);
    let answer = (0..DOMAINS.len(), 0..SLOTS, 1..SLOTS, 0_i64..2, points);
    let answer = answer.prop_map(|(domain, first, slots, reached, points)| {
        (
            domain,
            span(FIRST + first, slots.min(SLOTS - first).max(1)),
            reached,
            points,
        )
    });
    prop::collection::vec(answer, 1..8)
}

/// The labels of the runs, one after the other.
fn labels() -> impl Strategy<Value = Vec<SlotLabel>> {
    let label = prop::sample::select(&[SlotLabel::Start, SlotLabel::End][..]);
    prop_oneof![
        Just(vec![SlotLabel::Start]),
        Just(vec![SlotLabel::End]),
        prop::collection::vec(label, 1..8),
    ]
}

/// A map by domain and slot: the first time seen in a slot stays, and its latest figures.
#[derive(Default)]
struct Naive {
    points: BTreeMap<(usize, UnixSeconds), (UnixSeconds, Said)>,
    coverage: [Vec<CoverageSpan>; 2],
    totals: RunTotals,
}

impl Naive {
    fn take(&mut self, (domain, window, reached, points): &Answer) {
        let before = self.coverage[*domain].clone();
        self.coverage[*domain] = splice(&before, &[fetched(*window, *reached)]);
        let told: Vec<_> = inside(*window, points).map(|(ts, _)| slot_floor(ts)).collect();
        let silent = |(of, slot): &&(usize, UnixSeconds)| {
            of == domain && window.contains(*slot) && !told.contains(slot)
        };
        self.totals.points_left_out += u64::try_from(self.points.keys().filter(silent).count()).unwrap();
        for (ts, said) in inside(*window, points) {
            self.totals.points_received += 1;
            match self.points.get_mut(&(*domain, slot_floor(ts))) {
                None => {
                    self.points.insert((*domain, slot_floor(ts)), (ts, said));
                    self.totals.points_inserted += 1;
                }
                // A time off the grid gives way to one on it.
                Some(stored) if slot_floor(stored.0) != stored.0 && slot_floor(ts) == ts => {
                    *stored = (ts, said);
                    self.totals.points_updated += 1;
                }
                Some(stored) if stored.0 != ts => self.totals.points_rejected += 1,
                Some(stored) if stored.1 == said => self.totals.points_unchanged += 1,
                Some(stored) => {
                    stored.1 = said;
                    self.totals.points_updated += 1;
                }
            }
        }
        self.totals.windows_fetched += 1;
        // A stored point that the answer left out, or told otherwise, stays as due as it was.
        let taken: Vec<_> = inside(*window, points).map(|(ts, _)| ts).collect();
        let stale = self
            .points
            .iter()
            .filter(|((of, slot), (ts, _))| of == domain && window.contains(*slot) && !taken.contains(ts));
        for ((_, slot), _) in stale {
            let old = before.iter().find_map(|piece| piece.cut(Span::slot_of(*slot)));
            let old: Vec<_> = old.into_iter().collect();
            self.coverage[*domain] = splice(&self.coverage[*domain], &old);
        }
    }

    fn rows(&self) -> Vec<Vec<Value>> {
        let rows = self
            .points
            .iter()
            .map(|((domain, _), (ts, (bandwidth, pv, codes)))| {
                let codes: Vec<_> = codes
                    .iter()
                    .map(|(code, count)| [*code, &count.to_string()].join("="))
                    .collect();
                vec![
                    Value::Text(DOMAINS[*domain].to_owned()),
                    Value::Integer(*ts),
                    Value::Integer(*bandwidth),
                    Value::Integer(*pv),
                    Value::Text(codes.join(",")),
                ]
            });
        rows.collect()
    }
}

fn inside(window: Span, points: &BTreeMap<i64, (i64, Said)>) -> impl Iterator<Item = (UnixSeconds, Said)> {
    points.iter().filter_map(move |(slot, (offset, said))| {
        let ts = MIDNIGHT + (FIRST + slot) * SLOT_SECONDS + offset;
        window.contains(ts).then(|| (ts, said.clone()))
    })
}

fn commit_of((domain, window, reached, points): &Answer) -> Commit {
    let points: Vec<_> = inside(*window, points)
        .map(|(ts, (bandwidth, pv, codes))| (ts, bandwidth, pv, codes.into_iter().collect::<Vec<_>>()))
        .collect();
    let points: Vec<Point<'_>> = points
        .iter()
        .map(|(ts, bandwidth, pv, codes)| (*ts, *bandwidth, *pv, codes.as_slice()))
        .collect();
    Commit {
        coverage: Coverage::Fetched(vec![fetched(*window, *reached)]),
        ..answer_of(DOMAINS[*domain], *window, &points)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_answers_in_any_slices_leave_what_a_map_would_hold(
        answers in answers(),
        slice in 1_usize..4,
        now_and_then in any::<bool>(),
        labels in labels(),
    ) {
        let mut sandbox = Sandbox::new();
        let mut labels = labels.into_iter().cycle();
        let mut naive = Naive::default();
        for slice in answers.chunks(slice) {
            // As each run does: mostly with the label of the one before.
            sandbox.store.use_slot_label(labels.next().unwrap()).unwrap();
            let commits: Vec<_> = slice.iter().map(commit_of).collect();
            sandbox.store.commit(sandbox.run, &commits).unwrap();
            if now_and_then {
                sandbox.store.roll_up(|_, _| ()).unwrap();
            }
            for answer in slice {
                naive.take(answer);
            }
        }
        let stored = sandbox.rows(
            "SELECT s.domain, s.ts, s.bandwidth, s.pv, coalesce((
                 SELECT group_concat(code || '=' || count, ',' ORDER BY code) FROM origin_status_codes c
                 WHERE c.domain = s.domain AND c.ts = s.ts), '')
             FROM origin_stats s ORDER BY s.domain, s.ts",
        );
        prop_assert_eq!(stored, naive.rows());
        for (name, expected) in DOMAINS.iter().zip(&naive.coverage) {
            prop_assert_eq!(&sandbox.store.coverage(&domain(name), span(FIRST, SLOTS)).unwrap(), expected);
        }
        prop_assert_eq!(sandbox.store.totals(sandbox.run).unwrap(), naive.totals);
        // Also with stale days.
        sums::assert_sums(&sandbox.path());
        prop_assert_eq!(sums::damage(&sandbox.path()), Vec::<String>::new());
        sandbox.store.roll_up(|_, _| ()).unwrap();
        prop_assert_eq!(sums::damage(&sandbox.path()), Vec::<String>::new());
        let kept = rollups::rows_of(&sandbox.path());
        rollups::rebuild(&mut sandbox);
        prop_assert_eq!(kept, rollups::rows_of(&sandbox.path()));
        for orphans in [
            "SELECT count(*) FROM code_count c WHERE NOT EXISTS (
                 SELECT 1 FROM point p JOIN code_set_member m USING (code_set_id)
                 WHERE p.domain_id = c.domain_id AND p.ts = c.ts AND m.code_id = c.code_id)",
            "SELECT count(*) FROM point WHERE domain_id NOT IN (SELECT id FROM domain)
                 OR code_set_id NOT IN (SELECT id FROM code_set) OR ts NOT IN (SELECT ts FROM calendar)",
            "SELECT count(*) FROM calendar WHERE ts NOT IN (SELECT ts FROM point)",
            "SELECT count(*) FROM pragma_foreign_key_check",
        ] {
            prop_assert_eq!(sandbox.number(orphans), 0, "{}", orphans);
        }
        prop_assert_eq!(sandbox.rows("PRAGMA integrity_check"), [[Value::Text("ok".to_owned())]]);
    }
}
