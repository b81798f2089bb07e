//! Single points that are reported in unusual or impossible ways.

use jdcdn_stats::simulator::{DataFault, Fault, Mutation, RowShape, Rule, TruthPoint};
use serde_json::json;

use crate::data::{
    DAY, SHAPES, STRUCK, assert_missing_until_fetched_again, codes, rejects, run, slot, struck,
};
use crate::oracle::{Slot, assert_sound};
use crate::sandbox::{NOW, Sandbox, at};

/// As [`struck`], with one point in this form.
fn mutated(mutation: Mutation, row_shape: RowShape) -> Sandbox {
    let fault = DataFault::Mutate {
        domain: STRUCK.to_owned(),
        slot: slot(),
        mutation,
    };
    struck(fault, row_shape)
}

#[test]
fn a_number_may_be_written_in_any_way() {
    use Mutation::{Exponent, FractionalBandwidth, NumbersAsText, PointZero};
    for mutation in [NumbersAsText, Exponent, PointZero, FractionalBandwidth] {
        assert!(mutation.keeps_value());
        for shape in SHAPES {
            println!("{mutation:?} {shape:?}");
            let sandbox = mutated(mutation, shape);
            assert_eq!(run(&sandbox, &[], 0)["points"]["rejected"], 0);
            sandbox.assert_holds_all(DAY);
        }
    }
}

/// Mutations that make a point unusable: the array it is then written as, and why it cannot be taken.
fn unusable(point: &TruthPoint) -> Vec<(Mutation, String, &'static str)> {
    use Mutation::{
        BeyondFloat, BeyondI64, FractionalPv, NegativeBandwidth, NegativeCount, NegativePv, NullBandwidth,
        NullCodes, NullPoint, RepeatedCode, TextTime, WithoutBandwidth, WithoutCodes, WordBandwidth,
    };
    let (ts, bandwidth, pv, codes) = (point.ts, point.bandwidth, point.pv, codes(point));
    let (first, rest) = codes.split_once(',').unwrap();
    let (key, count) = first.split_once(':').unwrap();
    let again = count.parse::<i64>().unwrap() + 1;
    let with_bandwidth = |text: &str| format!("[{ts},{text},{pv},{{{codes}}}]");
    vec![
        (
            RepeatedCode,
            format!("[{ts},{bandwidth},{pv},{{{codes},{key}:{again}}}]"),
            "names the status code `0` twice",
        ),
        (
            NegativeBandwidth,
            with_bandwidth("-1"),
            "the bandwidth is `-1`, which is negative",
        ),
        (
            NegativePv,
            format!("[{ts},{bandwidth},-1,{{{codes}}}]"),
            "the number of requests is `-1`, which is negative",
        ),
        (
            NegativeCount,
            format!("[{ts},{bandwidth},{pv},{{{key}:-1,{rest}}}]"),
            "the count of code `0` is `-1`, which is negative",
        ),
        (
            FractionalPv,
            format!("[{ts},{bandwidth},{pv}.5,{{{codes}}}]"),
            "which has a fraction",
        ),
        (
            BeyondI64,
            with_bandwidth("9223372036854775808"),
            "which is too large",
        ),
        (
            BeyondFloat,
            with_bandwidth("1e400"),
            "the bandwidth is `1e400`, which is too large",
        ),
        (
            WordBandwidth,
            with_bandwidth("\"n/a\""),
            "the bandwidth is `\"n/a\"`, which is not a number",
        ),
        (
            NullBandwidth,
            with_bandwidth("null"),
            "the bandwidth is `null`, which is not a number",
        ),
        (
            NullCodes,
            format!("[{ts},{bandwidth},{pv},null]"),
            "the status codes are not an object",
        ),
        (
            TextTime,
            format!("[\"2026-01-01 00:05\",{bandwidth},{pv},{{{codes}}}]"),
            "which is not a number",
        ),
        (
            WithoutBandwidth,
            format!("[{ts},{pv},{{{codes}}}]"),
            "not exactly four parts",
        ),
        (
            WithoutCodes,
            format!("[{ts},{bandwidth},{pv}]"),
            "not exactly four parts",
        ),
        (NullPoint, "null".to_owned(), "neither an array nor an object"),
    ]
}

#[test]
fn a_point_that_cannot_be_taken_is_kept_as_text_and_its_neighbours_are_stored() {
    let truth = Sandbox::with_domains(1).simulator.truth();
    let point = truth.point(STRUCK, slot(), at(NOW)).unwrap();
    for (mutation, raw, says) in unusable(&point) {
        let time = Some(slot()).filter(|_| !matches!(mutation, Mutation::TextTime | Mutation::NullPoint));
        for shape in SHAPES {
            println!("{mutation:?} {shape:?}");
            let sandbox = mutated(mutation, shape);
            let summary = run(&sandbox, &[], 3);
            assert_eq!(
                (&summary["outcome"], &summary["failures"]),
                (&json!("partial"), &json!([]))
            );
            // Where the point does not tell its time, its slot is a hole, and a second request fills it.
            let filled = u64::from(time.is_none());
            assert_eq!(summary["confirmations"], filled);
            assert_eq!(summary["points"]["received"], 2 * 288 + filled);
            assert_eq!(summary["points"]["inserted"], 2 * 288 - 1 + filled);
            assert_eq!(summary["points"]["rejected"], 1);
            let rejected = rejects(&sandbox.database());
            assert_eq!(rejected.len(), 1);
            let (domain, ts, reason, text) = &rejected[0];
            assert_eq!((domain.as_str(), *ts), (STRUCK, time));
            assert!(!reason.is_empty());
            if shape == RowShape::Arrays {
                assert_eq!(text, &raw);
                assert!(reason.contains(says), "{reason}");
            }
            let missing = [(STRUCK, slot())];
            assert_missing_until_fetched_again(&sandbox, time.map_or(&[][..], |_| &missing));
        }
    }
}

#[test]
fn what_is_no_json_at_all_spoils_its_answer_and_not_the_data() {
    let sandbox = mutated(Mutation::NaN, RowShape::Arrays);
    run(&sandbox, &[], 0);
    assert_eq!(sandbox.requests(), 2, "once more, and it can be read");
    sandbox.assert_holds_all(DAY);
}

#[test]
fn a_code_that_nobody_listed_is_stored() {
    let sandbox = mutated(Mutation::UnknownCode, RowShape::Arrays);
    let summary = run(&sandbox, &[], 0);
    assert!(summary["points"]["odd_codes"].as_u64() >= Some(1), "{summary}");
    sandbox.assert_holds(DAY, |domain, ts| {
        if (domain, ts) == (STRUCK, slot()) {
            Slot::Bent
        } else {
            Slot::Stored
        }
    });
    let stored: Vec<(String, i64, i64)> = sandbox
        .database()
        .prepare("SELECT domain, ts, count FROM origin_status_codes WHERE code = '999'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(stored, [(STRUCK.to_owned(), slot(), 7)]);

    run(&sandbox, &["--force"], 0);
    sandbox.assert_holds_all(DAY);
    let left: i64 = sandbox
        .database()
        .query_row(
            "SELECT count(*) FROM origin_status_codes WHERE code = '999'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        left, 0,
        "the code is gone from the next report, and from the point"
    );
}

/// What the tables hold of one hour that was answered with these rows: time after 20:00, bandwidth, requests,
/// and the codes with their counts.
fn stored(rows: &str, code: i32) -> Vec<(i64, i64, i64, String)> {
    let sandbox = Sandbox::with_domains(1);
    let body = format!(
        "{{\"status\":0,\"msg\":\"Successful\",\"data\":[{{\"domain\":\"{STRUCK}\",\"data\":[{rows}]}}]}}"
    );
    sandbox.simulator.rule(Rule::always(Fault::Json(body)));
    sandbox
        .backfill("2026-06-01 20:00", "2026-06-01 21:00", &[])
        .with(code);
    let database = sandbox.database();
    assert_sound(&database);
    database
        .prepare(
            "SELECT s.ts - ?1, bandwidth, pv, (SELECT group_concat(code || '=' || count, ' ') FROM
             (SELECT code, count FROM origin_status_codes c WHERE c.domain = s.domain AND c.ts = s.ts ORDER BY code))
             FROM origin_stats s ORDER BY s.ts",
        )
        .unwrap()
        .query_map([slot()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn figures_at_their_limits_and_in_other_notations_are_stored_to_the_bit() {
    let at = |offset: i64| slot() + offset;
    let rows = [
        format!("[{},1234.5,10,{{\"0\":1,\"000\":2,\"00\":3,\"other\":4}}]", at(0)),
        format!("[\"{}\",\"1e3\",\"1.0e1\",{{\"200\":\"10\"}}]", at(300)),
        format!(
            "[{},9223372036854775807,9223372036854775807,{{\"200\":9223372036854775807}}]",
            at(600)
        ),
        format!("[{}.0,0.4999999999999999999,0,{{\"200\":0}}]", at(900)),
        format!(
            "[{},9007199254740993,9007199254740993.0,{{\"200\":9.007199254740993e15}}]",
            at(1_237)
        ),
        format!("[{},0.5,-0,{{\"200\":-0.0}}]", at(1_500)),
        format!(
            "{{\"time\":{},\"bandwidth\":\"7\",\"pv\":1e0,\"301\":1,\"302\":0}}",
            at(1_800)
        ),
        format!(
            "{{\"pv\":2,\"codes\":{{\"301\":2}},\"bandwidth\":8.49,\"time\":\"{}\"}}",
            at(2_100)
        ),
    ];
    let text = str::to_owned;
    assert_eq!(
        stored(&rows.join(","), 0),
        [
            (0, 1_235, 10, text("0=1 00=3 000=2 other=4")),
            (300, 1_000, 10, text("200=10")),
            (600, i64::MAX, i64::MAX, text("200=9223372036854775807")),
            (900, 0, 0, text("200=0")),
            (
                1_237,
                9_007_199_254_740_993,
                9_007_199_254_740_993,
                text("200=9007199254740993")
            ),
            (1_500, 1, 0, text("200=0")),
            (1_800, 7, 1, text("301=1 302=0")),
            (2_100, 8, 2, text("301=2")),
        ]
    );
}

#[test]
fn of_two_points_in_one_slot_neither_is_stored() {
    let at = |offset: i64| slot() + offset;
    let rows = [
        format!("[{},1,1,{{\"200\":1}}]", at(0)),
        format!("[{},2,2,{{\"200\":2}}]", at(300)),
        format!("[{},3,3,{{\"200\":3}}]", at(599)),
        format!("[{},4,4,{{\"200\":4}}]", at(900)),
    ];
    assert_eq!(
        stored(&rows.join(","), 3),
        [(0, 1, 1, "200=1".to_owned()), (900, 4, 4, "200=4".to_owned())]
    );
}
