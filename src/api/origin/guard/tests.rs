use proptest::prelude::*;

use super::super::answer;
use super::super::checked::CheckedAnswer;
use super::super::checked::EntryState::{Absent, Answered, Malformed};
use super::super::reader::Selection;
use super::*;
use crate::model::reject::MAX_REJECTS;
use crate::model::slot::slot_floor;
use crate::model::{Domain, Reject, RejectReason, Span};

const DAY: i64 = 86_400;

/// One slot more on both sides.
fn padding(window: Span) -> Span {
    Span::new(window.start() - 300, window.end() + 300).unwrap()
}

fn count(number: usize) -> u64 {
    number.try_into().unwrap()
}

fn request(names: &[&str]) -> OriginRequest {
    let domains: Vec<Domain> = names.iter().map(|name| name.parse().unwrap()).collect();
    OriginRequest::new(&domains, Span::new(0, DAY).unwrap()).unwrap()
}

fn answered(request: &OriginRequest, entries: &[(&str, &str)]) -> Result<CheckedAnswer, FailureKind> {
    let entries: Vec<String> = entries
        .iter()
        .map(|(domain, rows)| format!(r#"{{"domain":"{domain}","data":[{rows}]}}"#))
        .collect();
    listed(request, &entries.join(","))
}

/// The answer whose `data` holds `entries`.
fn listed(request: &OriginRequest, entries: &str) -> Result<CheckedAnswer, FailureKind> {
    let body = format!(r#"{{"status":0,"data":[{entries}]}}"#);
    check(request, answer::parse(&Selection::of(request), &body).unwrap())
}

fn checked(names: &[&str], entries: &[(&str, &str)]) -> Result<CheckedAnswer, FailureKind> {
    answered(&request(names), entries)
}

fn times(answer: &CheckedAnswer) -> Vec<&[i64]> {
    answer.domains.iter().map(|domain| &*domain.points.ts).collect()
}

fn states(answer: &CheckedAnswer) -> Vec<EntryState> {
    answer.domains.iter().map(|domain| domain.state).collect()
}

/// Points at these times.
fn rows(times: impl IntoIterator<Item = i64>) -> String {
    let rows: Vec<String> = times.into_iter().map(|ts| format!("[{ts},1,0,{{}}]")).collect();
    rows.join(",")
}

#[test]
fn domains_match_whatever_their_case_and_silence_is_an_empty_list() {
    let answer = checked(
        &["a.com", "b.com", "c.com"],
        &[
            ("B.COM", "[600,1,0,{}],[300,1,0,{}]"),
            ("c.com", ""),
            ("b.com", "[900,1,0,{}]"),
        ],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[][..], &[300, 600, 900], &[]]);
    assert_eq!(states(&answer), [Absent, Answered, Answered]);
    assert_eq!((answer.received, answer.rejects), (3, vec![]));
}

#[test]
fn a_domain_that_was_not_asked_for_is_rejected_once_and_whole() {
    let answer = checked(
        &["a.com"],
        &[("x.com", "[300,1,0,{}],[600,-1,0,{}]"), ("a.com", "[300,1,0,{}]")],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[300][..]]);
    let raw = r#"{"domain":"x.com","data":[[300,1,0,{}],[600,-1,0,{}]]}"#;
    assert_eq!(
        answer.rejects,
        [Reject::new("x.com", None, RejectReason::DomainNotAsked, raw)]
    );
    assert_eq!((answer.received, answer.rejected), (3, 1));
    let unnamed = checked(&["a.com"], &[("not a name", ""), ("a.com", "")]).unwrap();
    assert_eq!((unnamed.rejects.len(), unnamed.rejected), (1, 1));
}

#[test]
fn an_answer_about_other_domains_is_not_the_answer() {
    let request = request(&["a.com", "b.com"]);
    let is_other = |entries: &str| {
        let kind = listed(&request, entries).err();
        kind.inspect(|kind| assert!(matches!(kind, FailureKind::NotTheAnswer { .. }), "{kind:?}"))
            .is_some()
    };
    let stranger = r#"{"domain":"x.com","data":[[300,1,0,{}]]}"#;
    assert!(is_other(stranger));
    assert!(is_other(&format!(
        "{stranger},{}",
        stranger.replace("x.com", "y.com")
    )));
    assert!(is_other(&format!("null,{stranger}")));
    assert!(!is_other(&format!(
        r#"{stranger},{{"domain":"B.com","data":[]}}"#
    )));
    assert!(!is_other(&format!(
        r#"{stranger},{{"domain":"b.com","data":null}}"#
    )));
    // Whose these are is unknown, and silence is an answer.
    for entries in ["null", "{},[]", ""] {
        assert!(!is_other(entries), "{entries}");
    }
}

#[test]
fn an_entry_of_another_shape_is_told_apart_from_silence() {
    let request = request(&["a.com", "b.com", "c.com"]);
    let good = r#"{"domain":"b.com","data":[[300,1,0,{}]]}"#;
    for (bad, expected, strays) in [
        (
            r#"{"domain":"A.com","data":null}"#,
            [Malformed, Answered, Absent],
            0,
        ),
        (r#"{"domain":"A.com"}"#, [Malformed, Answered, Absent], 0),
        ("null,{}", [Absent, Answered, Absent], 2),
        // A good entry makes up for a bad one of the same domain.
        (r#"{"domain":"b.com"}"#, [Absent, Answered, Absent], 0),
    ] {
        for entries in [format!("{bad},{good}"), format!("{good},{bad}")] {
            let answer = listed(&request, &entries).unwrap();
            assert_eq!(
                (states(&answer), answer.strays),
                (expected.to_vec(), strays),
                "{bad}"
            );
            assert_eq!(times(&answer), [&[][..], &[300], &[]]);
            assert_eq!((answer.received, answer.rejected), (1, 0));
        }
    }
}

#[test]
fn a_time_that_the_api_cannot_mean_is_rejected_with_its_text() {
    // Off the grid, and more than 31 days away on both sides.
    let far = DAY + 32 * DAY;
    let odd = [DAY + 1, far, 4_102_444_800_000, i64::MAX];
    let answer = checked(
        &["a.com"],
        &[("a.com", &rows([0, 86_399].into_iter().chain(odd)))],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[0, 86_399][..]]);
    let outside = RejectReason::OutsideWindow(Span::new(0, DAY).unwrap());
    let rejects = odd.map(|ts| Reject::new("a.com", Some(ts), outside.clone(), &rows([ts])));
    assert_eq!(answer.rejects, rejects);
    let domain = &answer.domains[0];
    assert_eq!((answer.rejected, answer.surplus, domain.unplaced), (4, 0, 4));
    assert_eq!((&domain.rejected, answer.received), (&vec![], 6));
}

#[test]
fn points_near_the_range_asked_for_are_surplus_and_those_in_the_padding_do_not_count() {
    let window = Span::new(40 * DAY, 41 * DAY).unwrap();
    let domains = ["a.com".parse().unwrap()];
    let plain = OriginRequest::new(&domains, window).unwrap();
    let padded = plain.clone().asking(padding(plain.window()));
    let (start, end) = (window.start(), window.end());
    let beside = [
        start - 300,
        start,
        end - 300,
        end,
        end + 300,
        start - 31 * DAY,
        end + 31 * DAY,
    ];
    let unreadable = format!("[{},-1,0,{{}}],[{},-1,0,{{}}]", end, end + 300);
    let rows = format!("{},{unreadable}", rows(beside));
    let taken = [start, end - 300];
    let answer = answered(&plain, &[("a.com", &rows)]).unwrap();
    assert_eq!(times(&answer), [&taken[..]]);
    assert_eq!((answer.surplus, answer.received, answer.rejected), (7, 9, 0));
    let answer = answered(&padded, &[("a.com", &rows)]).unwrap();
    assert_eq!(times(&answer), [&taken[..]]);
    assert_eq!((answer.surplus, answer.received, answer.rejected), (4, 6, 0));
    assert_eq!(answer.domains[0].unplaced, 0);
}

#[test]
fn a_padded_answer_in_order_is_cut_to_its_window() {
    let window = Span::new(DAY, 2 * DAY).unwrap();
    let domains = ["a.com".parse().unwrap()];
    let request = OriginRequest::new(&domains, window)
        .unwrap()
        .asking(padding(window));
    let point = |ts: i64| format!(r#"[{ts},{ts},3,{{"200":{},"206":{}}}]"#, ts % 3, 3 - ts % 3);
    let rows = |span: Span| {
        let rows: Vec<String> = (span.start()..span.end()).step_by(300).map(point).collect();
        rows.join(",")
    };
    let padded = answered(&request, &[("a.com", &rows(request.asked()))]).unwrap();
    let exact = answered(&request, &[("a.com", &rows(window))]).unwrap();
    assert_eq!(padded, CheckedAnswer { padding: 2, ..exact });
    assert_eq!((padded.domains[0].points.len(), padded.received), (288, 288));
}

#[test]
fn an_answer_about_another_time_is_not_the_answer() {
    let is_other = |request: &OriginRequest, rows: &str| {
        let kind = answered(request, &[("a.com", rows), ("b.com", "")]).err();
        kind.inspect(|kind| assert!(matches!(kind, FailureKind::NotTheAnswer { .. }), "{kind:?}"))
            .is_some()
    };
    // 10:10 to 10:20 of some day, widened to 10:00 to 11:00.
    let hour = 40 * DAY + 10 * 3_600;
    let domains = ["a.com", "b.com"].map(|name| name.parse().unwrap());
    let request = OriginRequest::new(&domains, Span::new(hour + 600, hour + 1_200).unwrap()).unwrap();
    for (times, expected) in [
        (vec![hour - 300], true),
        (vec![hour + 3_600], true),
        (vec![hour - 300, hour + 3_600, 1_000 * hour], true),
        (vec![hour], false),
        (vec![hour + 3_599], false),
        (vec![hour - 300, hour + 3_300, hour + 3_600], false),
        (vec![], false),
    ] {
        assert_eq!(is_other(&request, &rows(times.clone())), expected, "{times:?}");
    }
    // A time that cannot be read lies nowhere; one of a point that cannot be taken does.
    assert!(is_other(&request, &format!("null,{}", rows([hour - 300]))));
    assert!(is_other(&request, &format!("[{},-1,0,{{}}]", hour - 300)));
    assert!(!is_other(&request, "null"));
    assert!(!is_other(
        &request,
        &format!("[{hour},-1,0,{{}}],{}", rows([hour - 300]))
    ));
}

#[test]
fn repetitions_collapse_and_contradictions_are_all_rejected() {
    let answer = checked(
        &["a.com"],
        &[
            (
                "a.com",
                r#"[300,8,3,{"200":1,"206":2}],[300,8,3,{"206":2,"200":1}],[600,1,0,{}],[900,1,0,{}]"#,
            ),
            (
                "A.com",
                r#"[300,8.0,"3",{"200":1,"206":2}],[600,2,0,{}],[600,1,0,{}]"#,
            ),
        ],
    )
    .unwrap();
    assert_eq!(times(&answer), [&[300, 900][..]]);
    assert_eq!((answer.received, answer.duplicates), (7, 2));
    let conflicting = |raw| Reject::new("a.com", Some(600), RejectReason::Conflicting, raw);
    assert_eq!(
        answer.rejects,
        [
            conflicting("[600,1,0,{}]"),
            conflicting("[600,2,0,{}]"),
            conflicting("[600,1,0,{}]")
        ]
    );
    let domain = &answer.domains[0];
    assert_eq!((&domain.rejected, &domain.conflicts), (&vec![600], &vec![600]));
}

/// Points without a time, in the form of objects. Their first figure could be a time.
#[test]
fn no_figure_is_taken_for_a_time_that_is_missing() {
    let row = r#"{"bandwidth":300,"pv":10,"200":10,"timestamp":600}"#;
    let answer = checked(&["a.com", "b.com"], &[("a.com", &rows([300])), ("b.com", row)]).unwrap();
    assert_eq!(times(&answer), [&[300][..], &[]]);
    let rejects: Vec<_> = answer
        .rejects
        .iter()
        .map(|reject| (reject.ts, &*reject.raw))
        .collect();
    assert_eq!((rejects, answer.surplus), (vec![(None, row)], 0));
}

#[test]
fn a_slot_is_rejected_only_where_it_holds_no_good_point() {
    let rows = "[1201,-1,0,{}],[300,1,0,{}],[300,-1,0,{}],[600,-1,0,{}],[700,-1,0,{}],null,[900,1,0,{}],[901,1,0,{}],[-300,1,0,{}]";
    let answer = checked(&["A.com"], &[("a.COM.", rows)]).unwrap();
    let domain = &answer.domains[0];
    assert_eq!(times(&answer), [&[300][..]]);
    assert_eq!(
        (&*domain.rejected, &*domain.conflicts, domain.unplaced),
        (&[600, 900, 1_200][..], &[900][..], 2)
    );
    assert_eq!((answer.rejected, answer.rejects.len()), (8, 8));
    let malformed = |what: &str| RejectReason::Malformed(what.to_owned());
    assert_eq!(
        answer.rejects[0],
        Reject::new(
            "a.com",
            Some(1_201),
            malformed("the bandwidth is `-1`, which is negative"),
            "[1201,-1,0,{}]"
        )
    );
}

#[test]
fn a_hundred_rejects_have_a_text_and_the_others_are_counted() {
    let bad: Vec<String> = (0..70).map(|_| "null".to_owned()).collect();
    let strangers = r#",{"domain":"x.com","data":[]}"#.repeat(70);
    let conflicts = rows([300; 10].into_iter().chain([301; 10]).chain([600]));
    let entries = format!(
        r#"{{"domain":"a.com","data":[{},{conflicts}]}}{strangers}"#,
        bad.join(",")
    );
    let answer = listed(&request(&["a.com"]), &entries).unwrap();
    assert_eq!(
        (answer.rejects.len(), answer.rejected),
        (MAX_REJECTS, 70 + 2 + 70)
    );
    assert_eq!((answer.duplicates, answer.received), (18, 91));
    assert_eq!(times(&answer), [&[600][..]]);
}

#[test]
fn two_million_points_outside_the_window_cost_neither_texts_nor_time() {
    let rows = |row: &dyn Fn(i64) -> String| {
        let mut rows: String = (0..1_999_999).map(row).collect();
        rows.push_str("[300,1,0,{}]");
        rows
    };
    for (row, kept) in [
        (rows(&|at| format!("[{},1,0,{{}}],", 100 * DAY + at)), 1),
        (rows(&|at| format!("[{},1,0,{{}}],", 100 * DAY - at)), 1),
        (rows(&|at| format!("[{},1,0,{{}}],", DAY + 300 * (at % 2_000))), 1),
        (rows(&|_| "[600,1,0,{}],".to_owned()), 2),
        (rows(&|at| format!("[600,{at},0,{{}}],")), 1),
        (rows(&|_| "1,".to_owned()), 1),
    ] {
        let began = std::time::Instant::now();
        let answer = checked(&["a.com"], &[("a.com", &row)]).unwrap();
        assert_eq!(answer.domains[0].points.len(), kept);
        assert_eq!(answer.received, 2_000_000);
        assert!(answer.rejects.len() <= MAX_REJECTS && answer.rejects.capacity() < 1_000);
        // Time that grew with the square of the points would be hours.
        assert!(began.elapsed().as_secs() < 300, "{:?}", began.elapsed());
    }
}

#[test]
fn two_points_less_than_an_hour_apart_show_points_of_five_minutes() {
    let window = Span::new(40 * DAY, 41 * DAY).unwrap();
    let domains = ["a.com", "b.com"].map(|name| name.parse().unwrap());
    let request = OriginRequest::new(&domains, window)
        .unwrap()
        .asking(padding(window));
    let (start, end) = (window.start(), window.end());
    let sub_hour = |a: &[i64], b: &[i64]| {
        let (a, b) = (rows(a.iter().copied()), rows(b.iter().copied()));
        answered(&request, &[("a.com", &a), ("b.com", &b)])
            .unwrap()
            .sub_hour
    };
    let hourly: Vec<i64> = (0..24).map(|hour| start + hour * 3_600).collect();
    assert!(!sub_hour(&hourly, &[]));
    assert!(!sub_hour(&[start], &[start + 300]), "of two domains");
    assert!(
        !sub_hour(&[start, start, start + 3_600], &[start]),
        "the same time twice"
    );
    assert!(sub_hour(&[start, start + 3_599], &[]));
    assert!(sub_hour(
        &hourly,
        &[start + 7_200, start, start + 3_600, start + 300]
    ));
    assert!(sub_hour(&[start, start - 300], &[]), "in the padding");
    assert!(sub_hour(&[start, end + 600, end + 900], &[]), "in the surplus");
    let milliseconds = 1_000 * start;
    assert!(!sub_hour(&[start, milliseconds, milliseconds + 300], &[]));
    assert!(!sub_hour(&[milliseconds + 300, start, milliseconds], &[]));
    assert!(!sub_hour(&[], &[]));
}

#[test]
fn a_code_reported_as_zero_and_one_not_reported_contradict_each_other() {
    let rows = r#"[300,8,1,{"200":1}],[300,8,1,{"200":1,"206":0}]"#;
    assert_eq!(checked(&["a.com"], &[("a.com", rows)]).unwrap().rejects.len(), 2);
}

#[test]
fn two_times_in_one_slot_are_both_rejected() {
    let rows = "[300,1,0,{}],[599,1,0,{}],[600,1,0,{}],[900,1,0,{}],[901,1,0,{}],[901,2,0,{}],[900,1,0,{}]";
    let answer = checked(&["a.com"], &[("a.com", rows)]).unwrap();
    assert_eq!((times(&answer), answer.duplicates), (vec![&[600][..]], 1));
    let shares = |ts, other, raw| Reject::new("a.com", Some(ts), RejectReason::SharesSlot { other }, raw);
    assert_eq!(
        answer.rejects,
        [
            shares(300, 599, "[300,1,0,{}]"),
            shares(599, 300, "[599,1,0,{}]"),
            shares(900, 901, "[900,1,0,{}]"),
            Reject::new("a.com", Some(901), RejectReason::Conflicting, "[901,1,0,{}]"),
            Reject::new("a.com", Some(901), RejectReason::Conflicting, "[901,2,0,{}]"),
        ]
    );
}

#[test]
fn counts_that_do_not_add_up_are_kept_and_counted() {
    let largest = i64::MAX;
    let rows = format!(
        r#"[300,1,3,{{"200":1,"206":2}}],[600,1,4,{{"200":1,"206":2}}],[900,1,1,{{"200":{largest},"206":{largest}}}]"#
    );
    let answer = checked(&["a.com"], &[("a.com", &rows)]).unwrap();
    assert_eq!(
        (times(&answer), answer.code_sum_mismatches),
        (vec![&[300, 600, 900][..]], 2)
    );
}

proptest! {
    #[test]
    fn every_point_is_accounted_for_and_the_order_of_the_answer_is_irrelevant(
        rows in prop::collection::vec((-2_i64..20, prop_oneof![4 => Just(0_i64), 1 => 0_i64..300], 0_i64..2), 0..20),
        seed in any::<u64>(),
    ) {
        let mut rows: Vec<String> = rows
            .iter()
            .map(|(slot, offset, pv)| format!("[{},1,{pv},{{}}]", slot * 300 + offset))
            .collect();
        let sorted_out = |rows: &[String]| {
            let answer = checked(&["a.com"], &[("a.com", &rows.join(","))])?;
            let mut rejected: Vec<String> =
                answer.rejects.iter().map(|reject| format!("{} {}", reject.reason, reject.raw)).collect();
            rejected.sort();
            Ok::<_, FailureKind>((answer, rejected))
        };
        let first = sorted_out(&rows);
        if let Ok((answer, rejected)) = &first {
            let points = &answer.domains[0].points;
            let slots: Vec<i64> = points.ts.iter().map(|ts| slot_floor(*ts)).collect();
            prop_assert!(slots.iter().zip(slots.iter().skip(1)).all(|(a, b)| a < b));
            prop_assert!(points.ts.iter().all(|ts| (0..DAY).contains(ts)));
            prop_assert_eq!(count(rejected.len()), answer.rejected);
            let total = count(points.len()) + answer.rejected + answer.duplicates + answer.surplus;
            prop_assert_eq!(total, answer.received);
            let domain = &answer.domains[0];
            prop_assert!(domain.rejected.is_sorted_by(|a, b| a < b));
            prop_assert!(domain.rejected.iter().all(|slot| !slots.contains(slot)));
            prop_assert!(domain.conflicts.iter().all(|slot| domain.rejected.contains(slot)));
        }
        fastrand::Rng::with_seed(seed).shuffle(&mut rows);
        match (first, sorted_out(&rows)) {
            (Ok((a, a_rejected)), Ok((b, b_rejected))) => {
                prop_assert_eq!(a.domains, b.domains);
                prop_assert_eq!(a_rejected, b_rejected);
                prop_assert_eq!(a.sub_hour, b.sub_hour);
            }
            (a, b) => prop_assert_eq!(a.err(), b.err()),
        }
    }
}
