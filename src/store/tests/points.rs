//! Points: what is written, what is left alone, what is refused.

use super::*;
use crate::model::RejectReason;

const CODES: &str = "SELECT ts, code, count FROM origin_status_codes ORDER BY ts, code";

/// Everything but the runs, which count how often they were asked.
fn dump(sandbox: &Sandbox) -> Vec<Vec<Vec<Value>>> {
    [
        "domain",
        "code",
        "code_set",
        "code_set_member",
        "point",
        "code_count",
        "calendar",
        "coverage",
        "reject",
        "reject_sequence",
        "restatement",
        "gap",
    ]
    .map(|table| sandbox.rows(&["SELECT * FROM ", table].concat()))
    .into()
}

fn counted(inserted: u64, updated: u64, unchanged: u64, rejected: u64) -> Committed {
    Committed {
        inserted,
        updated,
        unchanged,
        rejected,
        left_out: 0,
    }
}

#[test]
fn the_same_answer_again_writes_no_row_but_two_counters() {
    let mut sandbox = Sandbox::new();
    let mut commit = answer(
        span(0, 288),
        &[
            (MIDNIGHT, 8, 2, &[("200", 2), ("500", 0)]),
            (MIDNIGHT + 301, 0, 0, &[("200", 0)]),
        ],
    );
    commit.rejects = vec![reject("www.a.com", None, "[]"), reject("other.com", None, "[1]")];
    assert_eq!(sandbox.commit(commit.clone()), counted(2, 0, 0, 0));
    let before = (dump(&sandbox), sandbox.store.total_changes());
    assert_eq!(sandbox.commit(commit), counted(0, 0, 2, 0));
    assert_eq!(dump(&sandbox), before.0);
    assert_eq!(
        sandbox.store.total_changes() - before.1,
        2,
        "the run's, and how many points were asked for again"
    );
}

#[test]
fn a_restated_point_loses_the_codes_that_dropped_to_zero_or_vanished() {
    let mut sandbox = Sandbox::new();
    let window = span(0, 288);
    let first = [("200", 5), ("302", 3), ("404", 1), ("500", 1)];
    sandbox.commit(answer(window, &[(MIDNIGHT, 8, 10, &first)]));
    let second = [("200", 6), ("302", 0), ("500", 1), ("503", 2)];
    let committed = sandbox.commit(answer(window, &[(MIDNIGHT, 8, 10, &second)]));
    assert_eq!(committed, counted(0, 1, 0, 0));
    let expected: Vec<_> = second
        .iter()
        .map(|(code, count)| vec![MIDNIGHT.into(), Value::Text((*code).to_owned()), (*count).into()])
        .collect();
    assert_eq!(sandbox.rows(CODES), expected);
    assert_eq!(sandbox.number("SELECT count(*) FROM code_count"), 3);
}

#[test]
fn each_figure_and_the_set_of_codes_alone_make_an_update() {
    let mut sandbox = Sandbox::new();
    let window = span(0, 288);
    for (point, updated) in [
        ((MIDNIGHT, 8, 2, &[("200", 2)][..]), 0),
        ((MIDNIGHT, 9, 2, &[("200", 2)]), 1),
        ((MIDNIGHT, 9, 3, &[("200", 2)]), 1),
        ((MIDNIGHT, 9, 3, &[("200", 3)]), 1),
        ((MIDNIGHT, 9, 3, &[("200", 3), ("500", 0)]), 1),
        ((MIDNIGHT, 9, 3, &[("200", 3), ("500", 0)]), 0),
    ] {
        assert_eq!(
            sandbox.commit(answer(window, &[point])).updated,
            updated,
            "{point:?}"
        );
    }
    assert_eq!(sandbox.rows(CODES).len(), 2);
}

#[test]
fn a_point_that_the_answer_left_out_stays() {
    let mut sandbox = Sandbox::new();
    let window = span(0, 288);
    let both = [
        (MIDNIGHT, 8, 2, &[("200", 2)][..]),
        (MIDNIGHT + 300, 9, 3, &[("200", 3)]),
    ];
    sandbox.commit(answer(window, &both));
    let left_out = Committed {
        left_out: 1,
        ..counted(0, 0, 1, 0)
    };
    assert_eq!(sandbox.commit(answer(window, &both[1..])), left_out);
    assert_eq!(sandbox.number("SELECT sum(pv) FROM origin_stats"), 5);
}

#[test]
fn unordered_points_are_stored_in_the_order_of_time() {
    let mut sandbox = Sandbox::new();
    let shuffled = [3, 0, 2, 1].map(|slot| (MIDNIGHT + slot * 300, slot, slot, &[][..]));
    assert_eq!(
        sandbox.commit(answer(span(0, 288), &shuffled)),
        counted(4, 0, 0, 0)
    );
    assert_eq!(
        sandbox.commit(answer(span(0, 288), &shuffled)),
        counted(0, 0, 4, 0)
    );
    assert_eq!(
        sandbox.number("SELECT count(*) FROM origin_stats WHERE bandwidth = (ts - 1568476800) / 300"),
        4
    );
}

#[test]
fn a_second_point_in_a_slot_is_kept_as_a_reject_in_the_documented_shape() {
    let mut sandbox = Sandbox::new();
    let window = span(0, 2);
    let first = (MIDNIGHT, 8, 2, &[("200", 2)][..]);
    let beside = (MIDNIGHT + 1, 8, 2, &[("200", 2), ("500", 0)][..]);
    sandbox.commit(answer(window, &[first]));
    let refused = sandbox.commit(answer(window, &[beside]));
    assert_eq!(refused, counted(0, 0, 0, 1));
    let stored = "SELECT domain, ts, reason, raw FROM origin_rejects";
    let expected = vec![
        Value::Text("www.a.com".to_owned()),
        beside.0.into(),
        Value::Text(RejectReason::SharesSlot { other: MIDNIGHT }.to_string()),
        Value::Text(r#"[1568476801,8,2,{"200":2,"500":0}]"#.to_owned()),
    ];
    assert_eq!(sandbox.rows(stored), std::slice::from_ref(&expected));
    // Both in one answer, before and after the first is stored.
    assert_eq!(
        sandbox.commit(answer(window, &[beside, first])),
        counted(0, 0, 1, 1)
    );
    assert_eq!(sandbox.rows(stored), [expected]);
    let mut fresh = Sandbox::new();
    assert_eq!(
        fresh.commit(answer(window, &[beside, first])),
        counted(1, 0, 0, 1)
    );
    assert_eq!(sandbox.number("SELECT count(*) FROM origin_stats"), 1);
    let totals = sandbox.store.totals(sandbox.run).unwrap();
    assert_eq!((totals.points_inserted, totals.points_rejected), (1, 2));
}

#[test]
fn commits_of_one_transaction_see_each_other() {
    let mut sandbox = Sandbox::new();
    let commits = [
        answer(span(0, 4), &[(MIDNIGHT, 8, 2, &[("200", 2)])]),
        answer(span(0, 2), &[(MIDNIGHT, 9, 2, &[("200", 2)])]),
        answer_of("www.b.com", span(0, 2), &[(MIDNIGHT, 9, 2, &[("200", 2)])]),
    ];
    let committed = sandbox.store.commit(sandbox.run, &commits).unwrap();
    assert_eq!(
        committed,
        [counted(1, 0, 0, 0), counted(0, 1, 0, 0), counted(1, 0, 0, 0)]
    );
    assert_eq!(sandbox.number("SELECT count(*) FROM calendar"), 1);
}

#[test]
fn a_commit_that_breaks_its_own_rules_is_refused_whole() {
    let mut sandbox = Sandbox::new();
    let window = span(0, 2);
    let point = |ts| (ts, 8, 2, &[("200", 2)][..]);
    let outside = answer(window, &[point(MIDNIGHT), point(window.end())]);
    let twice = answer(window, &[point(MIDNIGHT), point(MIDNIGHT)]);
    let mut stranger = answer(window, &[point(MIDNIGHT)]);
    stranger.points[0].0 = domain("www.b.com");
    let mut doubled = answer(window, &[point(MIDNIGHT)]);
    doubled.points.push(doubled.points[0].clone());
    let mut elsewhere = answer(window, &[point(MIDNIGHT)]);
    elsewhere.coverage = Coverage::Fetched(vec![fetched(span(0, 3), 0)]);
    let mut nothing = answer(window, &[point(MIDNIGHT)]);
    nothing.coverage = Coverage::Fetched(Vec::new());
    let mut holed = answer(span(0, 3), &[point(MIDNIGHT)]);
    holed.coverage = Coverage::Fetched(vec![fetched(span(0, 1), 0), fetched(span(2, 1), 0)]);
    let cut = answer(Span::new(MIDNIGHT, MIDNIGHT + 301).unwrap(), &[]);
    let mut bookless = answer(window, &[point(MIDNIGHT)]);
    bookless.book = Arc::default();
    let before = dump(&sandbox);
    for bad in [
        outside, twice, stranger, doubled, elsewhere, nothing, holed, cut, bookless,
    ] {
        let good = answer(window, &[point(MIDNIGHT)]);
        let error = sandbox.store.commit(sandbox.run, &[good, bad]).unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::InvariantViolation(_)),
            "{error}"
        );
        assert_eq!(dump(&sandbox), before);
    }
}

#[test]
fn a_failed_transaction_leaves_nothing_and_its_names_are_given_out_anew() {
    let mut sandbox = Sandbox::new();
    let window = span(0, 2);
    let good = answer(window, &[(MIDNIGHT, 8, 2, &[("200", 2), ("500", 0)])]);
    let negative = answer(window, &[(MIDNIGHT + 300, -1, 2, &[("418", 2)])]);
    let before = dump(&sandbox);
    let error = sandbox
        .store
        .commit(sandbox.run, &[good.clone(), negative])
        .unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Sqlite(_)), "{error}");
    assert_eq!(dump(&sandbox), before);
    // Remembered numbers of the lost transaction would now mean other names, or none.
    sandbox.commit(answer_of("www.b.com", window, &[(MIDNIGHT, 1, 1, &[("999", 1)])]));
    sandbox.commit(good);
    let expected = "SELECT domain || code || count FROM origin_status_codes ORDER BY 1";
    assert_eq!(
        sandbox.rows(expected).concat(),
        ["www.a.com2002", "www.a.com5000", "www.b.com9991"].map(|row| Value::Text(row.to_owned()))
    );
}
