//! What each fault makes of the data of an answer.

use serde_json::{Value, json};

use super::super::{DataFault, EntryForm, Mutation, Spelling, Truth};
use super::paper::{A, B, LATER, START, answer, distorted, distorted_text, expected_row, names, times};

#[test]
fn a_coarse_answer_holds_the_peak_of_each_step() {
    let coarse = distorted(24, &DataFault::Granularity { seconds: 3_600 });
    assert_eq!(times(&coarse, 0), [0, 12]);
    let truth = Truth::new(1).domain(A);
    let hour: Vec<_> = truth.points(START, START + 3_600, LATER).collect();
    assert_eq!(
        coarse["data"][0]["data"][0][1].as_i64(),
        hour.iter().map(|p| p.bandwidth).max()
    );
    assert_eq!(
        coarse["data"][0]["data"][0][2],
        hour.iter().map(|p| p.pv).sum::<i64>()
    );
}

#[test]
fn faults_of_single_points_leave_the_others_alone() {
    let (domain, slot) = (A.to_owned(), START + 300);
    let clean = answer(4, LATER);
    let omitted = distorted(
        4,
        &DataFault::Omit {
            domain: domain.clone(),
            slot,
        },
    );
    assert_eq!(
        (times(&omitted, 0), times(&omitted, 1)),
        (vec![0, 2, 3], vec![0, 1, 2, 3])
    );

    let twice = distorted(
        4,
        &DataFault::Duplicate {
            domain: domain.clone(),
            slot,
        },
    );
    assert_eq!(times(&twice, 0), [0, 1, 1, 2, 3]);
    assert_eq!(twice["data"][0]["data"][1], twice["data"][0]["data"][2]);

    let conflict = distorted(
        4,
        &DataFault::ConflictingDuplicate {
            domain: domain.clone(),
            slot,
        },
    );
    assert_eq!(times(&conflict, 0), [0, 1, 1, 2, 3]);
    assert_ne!(conflict["data"][0]["data"][1], conflict["data"][0]["data"][2]);

    let mutation = Mutation::NegativePv;
    let mut mutated = distorted(
        4,
        &DataFault::Mutate {
            domain,
            slot,
            mutation,
        },
    );
    assert_eq!(mutated["data"][0]["data"][1][2], -1);
    mutated["data"][0]["data"][1] = clean["data"][0]["data"][1].clone();
    assert_eq!(mutated, clean);
}

#[test]
fn what_was_not_asked_for_is_added_and_what_was_asked_for_is_missing() {
    let outside = distorted(2, &DataFault::OutsideWindow);
    assert_eq!(
        (times(&outside, 0), times(&outside, 1)),
        (vec![-1, 0, 1, 2], vec![-1, 0, 1, 2])
    );
    let names = |fault: &DataFault| {
        names(&distorted(2, fault))
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&DataFault::UnaskedDomain("x.com".to_owned())),
        [A, "www.b.com", "x.com"]
    );
    assert_eq!(names(&DataFault::AbsentDomain(A.to_owned())), ["www.b.com"]);
    assert_eq!(names(&DataFault::UpperCase), ["WWW.A.COM", "WWW.B.COM"]);
    assert!(names(&DataFault::NoDomains).is_empty());
    assert!(times(&distorted(2, &DataFault::NoPoints), 1).is_empty());
}

#[test]
fn an_unordered_answer_holds_the_same_points() {
    let unordered = distorted(5, &DataFault::Unordered);
    assert_eq!(unordered["data"][1]["domain"], A);
    let mut found = times(&unordered, 1);
    assert_ne!(found, [0, 1, 2, 3, 4]);
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3, 4]);
}

#[test]
fn whole_series_can_be_missing_or_cut_for_one_domain_or_all() {
    let (all, none): (Vec<i64>, Vec<i64>) = ((0..4).collect(), Vec::new());
    let both = |fault: &DataFault| {
        let answer = distorted(4, fault);
        assert_eq!(names(&answer), [A, B]);
        (times(&answer, 0), times(&answer, 1))
    };
    let cut = |domain: Option<&str>, kept_percent| DataFault::CutSeries {
        domain: domain.map(str::to_owned),
        kept_percent,
    };
    assert_eq!(both(&DataFault::EmptyDomain(B.to_owned())), (all.clone(), none));
    assert_eq!(both(&cut(Some(A), 50)), (vec![0, 1], all.clone()));
    assert_eq!(both(&cut(None, 99)), (vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!(both(&DataFault::RowCap(5)), (all, vec![0]));
    let absent = DataFault::AbsentDomains(vec![A.to_owned(), "WWW.B.com".to_owned()]);
    assert!(names(&distorted(4, &absent)).is_empty());
}

#[test]
fn an_entry_can_be_anything() {
    let clean = answer(1, LATER);
    let forms = [
        (EntryForm::Right, clean["data"][0].clone()),
        (EntryForm::Null, Value::Null),
        (EntryForm::EmptyObject, json!({})),
        (EntryForm::Text, json!(A)),
        (EntryForm::Number, json!(0)),
        (EntryForm::List, json!([])),
        (EntryForm::NullData, json!({"domain": A, "data": null})),
        (EntryForm::ObjectData, json!({"domain": A, "data": {}})),
        (EntryForm::WithoutData, json!({"domain": A})),
        (EntryForm::WithoutName, json!({"data": [expected_row(A, START)]})),
    ];
    for (form, expected) in forms {
        let domain = A.to_owned();
        let distorted = distorted(1, &DataFault::Entry { domain, form });
        assert_eq!(distorted["data"], json!([expected, clean["data"][1]]), "{form:?}");
    }
}

#[test]
fn one_bare_word_spoils_one_figure_and_so_the_json() {
    for (mutation, word) in [
        (Mutation::NaN, "NaN"),
        (Mutation::Infinity, "Infinity"),
        (Mutation::NaNPv, "NaN"),
        (Mutation::NaNCount, "NaN"),
    ] {
        let domain = B.to_owned();
        let slot = START + 300;
        let text = distorted_text(
            3,
            &DataFault::Mutate {
                domain,
                slot,
                mutation,
            },
        );
        assert_eq!(text.matches(word).count(), 1, "{mutation:?}");
        assert!(serde_json::from_str::<Value>(&text).is_err());
    }
}

#[test]
fn points_of_another_window_or_other_domains_stand_in_for_those_asked_for() {
    let elsewhere = distorted(12, &DataFault::OtherWindow { seconds: -7_200 });
    assert_eq!(times(&elsewhere, 1), (-24..-12).collect::<Vec<_>>());
    assert_eq!(elsewhere["data"][1]["data"][0], expected_row(B, START - 7_200));
    let others = distorted(2, &DataFault::OnlyOtherDomains(vec!["x.com".to_owned()]));
    assert_eq!(names(&others), ["x.com"]);
    assert_eq!(times(&others, 0), [0, 1]);
}

#[test]
fn a_flood_comes_before_the_window_on_the_grid_or_off_it() {
    let flood = |mutation| {
        let points = 1_000;
        distorted(2, &DataFault::Flood { points, mutation })
    };
    let on_grid = flood(None);
    assert_eq!(times(&on_grid, 0), (-1_000..2).collect::<Vec<_>>());
    assert_eq!(times(&on_grid, 1), [0, 1]);
    assert_eq!(on_grid["data"][0]["data"][0], expected_row(A, START - 300_000));
    let off_grid = flood(Some(Mutation::OffGridTime));
    assert_eq!(off_grid["data"][0]["data"][0][0], START - 300_000 + 127);
    assert_eq!(off_grid["data"][0]["data"][1_000][0], START);
}

#[test]
fn every_time_of_a_domain_can_be_absurd() {
    let times_of = |mutation, domain: Option<&str>| {
        let domain = domain.map(str::to_owned);
        let distorted = distorted(1, &DataFault::MutateAll { domain, mutation });
        [0, 1].map(|at: usize| distorted["data"][at]["data"][0][0].as_i64().unwrap())
    };
    assert_eq!(times_of(Mutation::MillisecondTime, None), [START * 1_000; 2]);
    assert_eq!(times_of(Mutation::NegativeTime, Some(A)), [-START, START]);
    assert_eq!(times_of(Mutation::OffGridTime, Some(B)), [START, START + 127]);
}

#[test]
fn a_slot_can_have_two_times() {
    let (domain, slot) = (A.to_owned(), START);
    let distorted = distorted(1, &DataFault::TwoTimes { domain, slot });
    let rows = distorted["data"][0]["data"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[1][0]), (2, &json!(START + 60)));
    assert_eq!((&rows[0][1], &rows[0][2]), (&rows[1][1], &rows[1][2]));
}

#[test]
fn a_name_can_be_spelled_in_other_ways() {
    let spelled = |spelling| {
        let domain = Some(B.to_owned());
        let answer = distorted(1, &DataFault::Spelling { domain, spelling });
        assert_eq!(names(&answer)[0], A);
        names(&answer)[1].to_owned()
    };
    assert_eq!(spelled(Spelling::Blanks), " www.b.com\t ");
    assert_eq!(spelled(Spelling::MixedCase), "WwW.B.CoM");
    assert_eq!(spelled(Spelling::FinalDot), "www.b.com.");
    assert_eq!(spelled(Spelling::Wildcard), B);
    assert_eq!(Spelling::Wildcard.of(".a.com"), "*.a.com");
    assert_eq!(Spelling::Wildcard.of("*.a.com"), ".a.com");
}
