//! `sync` every five minutes for days, over the end of a month.
//!
//! `make test` does so for a week, `make test-long` for a month (`JDCDN_TEST_DAYS=30`).

use jdcdn_stats::model::Outcome;

use crate::changes::{recorded, visible};
use crate::in_memory::{Fetches, User};
use crate::oracle::{assert_sound, row_of, stored};
use crate::sandbox::{at, setting};

const DOMAINS: [&str; 2] = ["www.example.com", "img.example.com"];
const DAY: i64 = 86_400;
const SLOT: i64 = 300;

#[test]
fn after_days_of_runs_every_settled_slot_is_final_and_every_change_is_on_record() {
    let day_count = setting("JDCDN_TEST_DAYS", 7);
    let days = i64::try_from(day_count).unwrap();
    let begin = at("2026-06-01") - (3 + days / 2) * DAY;
    let mut user = User::new(&DOMAINS, begin, 0.01);
    let runs = days * DAY / SLOT;
    // The timer is never exactly on time.
    let moment = |run: i64| begin + 3 * DAY + run * SLOT + run * 7 % 31;
    let (mut retries, mut partial) = (0, 0);
    for run in 0..=runs {
        user.at(moment(run));
        if run == runs {
            user.api.be_honest();
        }
        let summary = user.sync();
        retries += summary.totals.retries;
        partial += i64::from(summary.outcome != Outcome::Complete);
        assert_eq!(summary.totals.points_left_out, 0);
    }
    let now = moment(runs);
    // Two broken answers in a row fail a window, which the next run asks for.
    assert!(
        retries > 3 * day_count && partial < days,
        "{retries} retries, {partial} runs left something to the next"
    );

    let database = user.database();
    assert_sound(&database);
    let mut fetches = user.api.fetches();
    // A wrong answer, or one that lacks points, is asked for again by the same run.
    let count = |fetches: &Fetches| -> usize { fetches.values().map(Vec::len).sum() };
    let all = count(&fetches);
    fetches.values_mut().for_each(Vec::dedup);
    let again = all - count(&fetches);
    assert!(
        again * 20 < all,
        "{again} of {all} slots were asked for again at once"
    );
    let horizon = User::refresh().horizon(now);
    for name in DOMAINS {
        let truth = user.api.truth.domain(name);
        let rows = stored(&database, name);
        assert_eq!(i64::try_from(rows.len()).unwrap() * SLOT, horizon - begin);
        for slot in (begin..horizon).step_by(300) {
            let asked = &fetches[&(name.to_owned(), slot)];
            let last = *asked.last().unwrap();
            let expected = truth.point(slot, last).unwrap();
            assert_eq!(rows[&slot], row_of(&expected), "{name} at {slot}");
            if last - slot >= DAY {
                assert_eq!(Some(expected), truth.point(slot, i64::MAX));
            } else {
                assert!(now - slot < DAY + SLOT, "{name} at {slot} should be settled");
            }
            // History costs one fetch, a slot that came up meanwhile one more for each age.
            let (first, age) = (asked[0] - slot, now - slot);
            let expected = match first {
                DAY.. => 1,
                3_600.. => 1 + usize::from(age >= DAY),
                _ => 1 + usize::from(age >= 3_600) + usize::from(age >= DAY),
            };
            assert_eq!(asked.len(), expected, "{name} at {slot}: {asked:?}");
        }
    }
    let count = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    // Settled; an hour old; younger.
    assert_eq!(
        count("SELECT max(n) FROM (SELECT count(*) AS n FROM coverage GROUP BY domain_id)"),
        3
    );
    assert_eq!(count("SELECT count(*) FROM origin_gaps"), 0);

    let mut expected = Vec::new();
    for ((name, slot), asked) in &fetches {
        let pairs = asked.windows(2);
        expected.extend(pairs.filter_map(|pair| visible(user.api.truth, name, *slot, pair[0], pair[1])));
    }
    let least = usize::try_from(150 * day_count).unwrap();
    assert!(expected.len() > least, "{}", expected.len());
    assert_eq!(recorded(&database), expected);
}
