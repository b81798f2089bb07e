//! What an answer holds within the limits of the service.

use serde_json::{Value, json};

use super::super::{Absence, Bound, Idle, Late, RangeRule, Rhythm, Selects, SeriesCut, Settings, Truth};
use super::paper::{
    A, B, LATER, START, answer, answer_under, expected_row, names, request_from, text, times,
};

#[test]
fn the_answer_is_the_truth_in_the_documented_shape() {
    let rows = |domain| json!([expected_row(domain, START), expected_row(domain, START + 300)]);
    let expected = json!({"status": 0, "msg": "Successful", "data": [
        {"domain": A, "data": rows(A)},
        {"domain": "www.b.com", "data": rows("www.b.com")},
    ]});
    assert_eq!(answer(2, LATER), expected);
}

#[test]
fn points_that_do_not_exist_yet_are_left_out() {
    let early = answer(12, START + 1_500);
    assert_eq!(times(&early, 0)[..4], [0, 1, 2, 3]);
    assert!(times(&early, 0).len() <= 5);
}

fn lengths(answer: &Value) -> Vec<usize> {
    let domains = answer["data"].as_array().unwrap().iter();
    domains
        .map(|entry| entry["data"].as_array().unwrap().len())
        .collect()
}

#[test]
fn long_windows_may_come_back_as_hours() {
    let settings = Settings {
        hourly_beyond_seconds: Some(3_600),
        ..Settings::default()
    };
    assert_eq!(lengths(&answer_under(&settings, 12)), [12, 12]);
    assert_eq!(times(&answer_under(&settings, 24), 0), [0, 12]);
}

#[test]
fn a_service_of_hours_has_a_sum_on_each_full_hour_and_nothing_between() {
    let settings = Settings {
        hourly_always: true,
        ..Settings::default()
    };
    let hour: Vec<_> = Truth::new(1)
        .domain(A)
        .points(START + 3_600, START + 7_200, LATER)
        .collect();
    let sum = hour.iter().map(|point| point.pv).sum::<i64>();
    let of = |from, slots| -> Value {
        let request = request_from(from, slots, &settings);
        serde_json::from_str(&text(&request, &settings, LATER, None)).unwrap()
    };
    for (from, slots) in [(12, 1), (12, 12), (1, 12), (5, 19)] {
        let answer = of(from, slots);
        assert_eq!(times(&answer, 0), [12], "{from} {slots}");
        assert_eq!(answer["data"][0]["data"][0][2], sum);
    }
    assert_eq!(lengths(&of(1, 11)), [0, 0]);
    assert_eq!(lengths(&of(13, 1)), [0, 0]);
}

#[test]
fn whatever_the_reading_a_label_has_its_point() {
    let readings = [
        Selects::Label,
        Selects::DataStart,
        Selects::WholeData,
        Selects::AnyData,
    ];
    for selects in readings {
        for whole_hours in [false, true] {
            let settings = Settings {
                range_rule: RangeRule {
                    selects,
                    start: Bound::Exclusive,
                    whole_hours,
                    ..RangeRule::default()
                },
                ..Settings::default()
            };
            let answer = answer_under(&settings, 24);
            for row in answer["data"][0]["data"].as_array().unwrap() {
                assert_eq!(*row, expected_row(A, row[0].as_i64().unwrap()), "{selects:?}");
            }
            assert!(lengths(&answer)[0] >= 22, "{selects:?}");
        }
    }
    let by_data = Settings {
        range_rule: RangeRule {
            selects: Selects::WholeData,
            ..RangeRule::default()
        },
        ..Settings::default()
    };
    assert_eq!(times(&answer_under(&by_data, 3), 1), [1, 2, 3]);
}

#[test]
fn a_cap_cuts_the_last_domains_first() {
    let capped = |rows| Settings {
        row_cap: Some(rows),
        ..Settings::default()
    };
    assert_eq!(lengths(&answer_under(&capped(24), 12)), [12, 12]);
    assert_eq!(lengths(&answer_under(&capped(23), 12)), [12, 11]);
    assert_eq!(lengths(&answer_under(&capped(12), 12)), [12, 0]);
    assert_eq!(times(&answer_under(&capped(5), 12), 0), [0, 1, 2, 3, 4]);
}

#[test]
fn large_requests_get_the_first_part_of_each_series() {
    let settings = Settings {
        series_cut: Some(SeriesCut {
            beyond: 24,
            kept_percent: 50,
        }),
        ..Settings::default()
    };
    assert_eq!(lengths(&answer_under(&settings, 12)), [12, 12]);
    assert_eq!(lengths(&answer_under(&settings, 13)), [6, 6]);
    assert_eq!(times(&answer_under(&settings, 14), 1), [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn an_idle_domain_is_listed_with_what_it_has_or_left_out() {
    let idle = Idle {
        named: &[(
            A,
            Rhythm::Every {
                seconds: 3 * 3_600,
                offset: 1_500,
            },
        )],
        ..Idle::default()
    };
    let listed = Settings {
        idle,
        ..Settings::default()
    };
    let left_out = Settings {
        absence: Absence::LeftOut,
        ..listed.clone()
    };
    assert_eq!(lengths(&answer_under(&listed, 4)), [0, 4]);
    assert_eq!(names(&answer_under(&left_out, 4)), [B]);
    for settings in [listed, left_out] {
        let day = answer_under(&settings, 288);
        assert_eq!(names(&day), [A, B]);
        assert_eq!(times(&day, 0)[..3], [5, 41, 77]);
        assert_eq!(day["data"][0]["data"][0], expected_row(A, START + 1_500));
    }
}

#[test]
fn late_points_are_missing_from_an_answer_until_their_age() {
    let late = |seconds, millionths| Late {
        seconds,
        millionths,
        together: 0,
    };
    let settings = Settings {
        late: [late(7_200, 200_000), late(86_400, 100_000), Late::default()],
        ..Settings::default()
    };
    let at = |age: i64| {
        let request = request_from(0, 48, &settings);
        let text = text(&request, &settings, request.end + age, None);
        lengths(&serde_json::from_str(&text).unwrap())
    };
    let (young, day, old) = (at(600)[0], at(10_000)[0], at(86_400)[0]);
    assert!(young < day && day < old, "{young} {day}");
    assert_eq!(old, 48);
}
