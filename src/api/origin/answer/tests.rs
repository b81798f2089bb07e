use proptest::prelude::*;

use super::*;
use crate::api::envelope::encoding::decode;
use crate::model::Span;

/// The example answer of the endpoint's document, verbatim.
const EXAMPLE: &str = r#"{
    "status": 0,
    "msg": "Successful",
    "data": [
        {
            "domain": "www.a.com",
            "data": [
                [
                    1568477100,
                    0,
                    1,
                    {
                        "0": 0,
                        "200": 0,
                        "201": 0,
                        "204": 0,
                        "206": 0,
                        "300": 0,
                        "301": 1,
                        "302": 0,
                        "464": 0,
                        "465": 0,
                        "466": 0,
                        "512": 0,
                        "605": 0,
                        "612": 0,
                        "613": 0,
                        "other": 0,
                        "000": 0
                    }
                ]
            ]
        }
    ]
}

"#;

/// The domains and the days that the tests are about.
fn asked() -> OriginRequest {
    let domains = ["www.a.com", "a.com", "b.com"].map(|name| name.parse().unwrap());
    // Long enough for the first days of 1970 and for the day of the example.
    OriginRequest::new(&domains, Span::new(0, 1_568_505_600).unwrap()).unwrap()
}

fn read(text: &str) -> Result<Envelope<'_>, FailureKind> {
    parse(Wanted::by(&asked()), text)
}

/// What was found of the domains that the answer named, by name.
fn entries<'e>(envelope: &'e Envelope<'_>) -> Vec<&'e Entry<'e>> {
    envelope.found.iter().flatten().collect()
}

fn failure(body: impl AsRef<[u8]>) -> FailureKind {
    read(&decode(body.as_ref())).unwrap_err()
}

fn wrong_shape(body: impl AsRef<[u8]>) -> String {
    match failure(body) {
        FailureKind::Format { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_documented_example_is_read_exactly() {
    for body in [EXAMPLE.to_owned(), format!("\u{feff}{EXAMPLE}")] {
        let text = decode(body.as_bytes());
        let envelope = read(&text).unwrap();
        let [entry] = entries(&envelope)[..] else {
            panic!("{envelope:?}")
        };
        assert_eq!((entry.domain.as_str(), entry.left_out.len()), ("www.a.com", 0));
        let points = &entry.points;
        assert_eq!(
            (&points.ts, &points.bandwidth, &points.pv),
            (&vec![1_568_477_100], &vec![0], &vec![1])
        );
        let code = |index| envelope.book.code(index).unwrap();
        let counts: Vec<_> = points
            .counts_of(0)
            .iter()
            .map(|(index, count)| (code(*index), *count))
            .collect();
        assert_eq!(counts, [("301", 1)]);
        let set: Vec<_> = envelope
            .book
            .set(points.code_set[0])
            .unwrap()
            .iter()
            .map(|index| code(*index))
            .collect();
        assert_eq!(set.len(), 17);
        assert!(set.contains(&"0") && set.contains(&"000") && set.contains(&"other"));
    }
}

#[test]
fn members_may_stand_in_any_order_with_unknown_ones_between_them() {
    let body = r#"{"x":[{"status":1}],"data":[{"y":{},"data":[[300,1,0,{}]],"z":null,"domain":"a.com"}],"msg":null,"status":0}"#;
    let envelope = read(body).unwrap();
    let entry = entries(&envelope)[0];
    assert_eq!((envelope.received, entry.domain.as_str()), (1, "a.com"));
    assert_eq!(
        entry.raw,
        r#"{"y":{},"data":[[300,1,0,{}]],"z":null,"domain":"a.com"}"#
    );
    assert_eq!(envelope.row(entry.starts[0]), "[300,1,0,{}]");
}

#[test]
fn a_failing_status_is_reported_whatever_data_holds() {
    for body in [
        r#"{"status":7,"msg":"bad\u001b[2J key"}"#,
        r#"{"data":[null,5],"msg":"bad\u001b[2J key","status":7}"#,
        r#"{"status":7,"data":{"a":1},"msg":"bad\u001b[2J key"}"#,
    ] {
        assert_eq!(
            failure(body),
            FailureKind::Api {
                status: ApiStatus::SIGNATURE_INCORRECT,
                message: "bad\\u{1b}[2J key".to_owned()
            }
        );
    }
}

#[test]
fn only_the_whole_number_zero_once_is_success() {
    for status in [
        "\"0\"",
        "0.0",
        "0e0",
        "-0",
        "null",
        "true",
        "[0]",
        "99999999999999999999",
        "00",
    ] {
        wrong_shape(format!(r#"{{"status":{status},"data":[]}}"#));
    }
    assert_eq!(wrong_shape(r#"{"data":[]}"#), "it has no `status`");
    assert!(wrong_shape(r#"{"status":0,"status":0,"data":[]}"#).contains("twice"));
    assert!(wrong_shape(r#"{"status":7,"st\u0061tus":0,"data":[]}"#).contains("twice"));
    assert_eq!(read(r#"{"status":0,"data":[]}"#).unwrap().received, 0);
    for code in (-1..=60).filter(|code| *code != 0) {
        let status = ApiStatus::from_code(code);
        let message = String::new();
        assert_eq!(
            failure(format!(r#"{{"status":{code}}}"#)),
            FailureKind::Api { status, message }
        );
    }
}

#[test]
fn what_is_not_the_documented_shape_is_never_an_empty_answer() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "0",
        "<html>",
        "{",
        "{}",
        r#"{"status":0}"#,
        r#"{"status":0,"data":null}"#,
        r#"{"status":0,"data":{}}"#,
        r#"{"status":0,"data":"a"}"#,
        r#"{"status":0,"data":[],"data":[]}"#,
        r#"{"status":0,"data":[]} x"#,
        r#"{"status":0,"data":[],}"#,
        r#"{"status":0,"data":[{"domain":"a.com","data":[[1,2,3,{}],]}]}"#,
        r#"{"status":0,"data":[{"domain":"a.com","data":[[1,2,3,{}]"#,
        r#"{"status":0,"data":[NaN]}"#,
        r#"{"status":0,"data":[{"domain":"a.com","data":NaN}]}"#,
        r#"{"status":0,"data":[{"domain":"a.com","data":[[1,NaN,3,{}]]}]}"#,
        r#"{"status":0,"data":[{"domain":NaN,"data":[]}]}"#,
        r#"{"status":0,"data":[null"#,
    ] {
        wrong_shape(body);
    }
    for undecodable in [
        &b"{\"status\":0,\"data\":[]\xb3\xc9}"[..],
        b"{\"status\":0,\"data\":[{\"domain\":\"a.com\",\"data\":[[1,2\xff,3,{}]]}]}",
        b"\xb3\xc9",
    ] {
        wrong_shape(undecodable);
    }
    let page = format!("<html>\u{1b}{}", "x".repeat(500));
    let FailureKind::Format { shown, .. } = failure(page) else {
        panic!("not a format error")
    };
    assert!(
        shown.starts_with("<html>\\u{1b}x") && shown.chars().count() < 140,
        "{shown}"
    );
}

#[test]
fn an_entry_of_another_shape_spoils_itself_alone() {
    let good = r#"{"domain":"b.com","data":[[300,1,0,{}]]}"#;
    let beside = |bad: &str| {
        let body = format!(r#"{{"status":0,"data":[{bad},{good}]}}"#);
        let envelope = read(&body).unwrap();
        let entries = entries(&envelope);
        let (last, others) = entries.split_last().unwrap();
        assert_eq!(
            (last.domain.as_str(), &*last.points.ts),
            ("b.com", &[300][..]),
            "{bad}"
        );
        let named: Vec<_> = others
            .iter()
            .map(|entry| (entry.domain.clone(), entry.malformed, entry.points.len()))
            .collect();
        (envelope.strays, named)
    };
    for stray in [
        "null",
        "7",
        "\"a.com\"",
        "[[]]",
        "{}",
        r#"{"data":[[300,1,0,{}]]}"#,
        r#"{"domain":null,"data":[]}"#,
        r#"{"domain":["a.com"],"data":[]}"#,
        r#"{"domain":" ","data":[]}"#,
        r#"{"domain":"\ud800.com","data":[]}"#,
        r#"{"domain":"a\ufffd.com","data":[]}"#,
        r#"{"domain":"a.com","domain":"a.com","data":[]}"#,
    ] {
        assert_eq!(beside(stray), (1, vec![]), "{stray}");
    }
    for malformed in [
        r#"{"domain":"a.com"}"#,
        r#"{"domain":"a.com","data":null}"#,
        r#"{"data":{"300":1},"domain":"a.com"}"#,
        r#"{"domain":"a.com","data":"[]"}"#,
        r#"{"domain":"a.com","data":[[300,1,0,{}]],"data":[]}"#,
        r#"{"domain":"a.com","data":[[300,1,0,{}]],"data":null}"#,
    ] {
        assert_eq!(
            beside(malformed),
            (0, vec![("a.com".to_owned(), true, 0)]),
            "{malformed}"
        );
    }
}

#[test]
fn text_in_another_encoding_costs_nothing_but_itself() {
    // 成功, and 失誠 whose last byte is a backslash.
    let body = b"{\"status\":0,\"msg\":\"\xb3\xc9\xb9\xa6\",\"note\":\"\xca\xa7\xd5\x5c\",\"data\":[\
        {\"domain\":\"a.com\",\"data\":[[300,1,1,{\"200\":1}],[600,1,1,{\"\xb3\xc9\":1}],[900,\"1\xb3\",1,{}]],\"x\":\"\xb3\xc9\"},\
        {\"domain\":\"\xb3\xc9.com\",\"data\":[]}]}";
    let text = decode(body);
    let envelope = read(&text).unwrap();
    let [entry] = entries(&envelope)[..] else {
        panic!("{envelope:?}")
    };
    assert_eq!((&*entry.points.ts, envelope.strays), (&[300][..], 1));
    assert_eq!(envelope.row(entry.starts[0]), r#"[300,1,1,{"200":1}]"#);
    let unreadable: Vec<_> = entry
        .left_out
        .iter()
        .map(|row| (row.ts, envelope.row(row.start)))
        .collect();
    assert_eq!(
        unreadable,
        [
            (Some(600), "[600,1,1,{\"\u{fffd}\":1}]"),
            (Some(900), "[900,\"1\u{fffd}\",1,{}]")
        ]
    );
    assert_eq!(
        failure(b"{\"status\":7,\"msg\":\"\xca\xa7\xb0\xdc\"}"),
        FailureKind::Api {
            status: ApiStatus::SIGNATURE_INCORRECT,
            message: "\u{fffd}".to_owned()
        }
    );
}

#[test]
fn every_prefix_of_an_answer_is_an_error() {
    let whole = EXAMPLE.trim_end();
    for end in 0..whole.len() {
        wrong_shape(&whole[..end]);
    }
}

#[test]
fn a_bad_point_is_kept_word_for_word_and_its_neighbours_stay() {
    let body = r#"{"status":0,"data":[{"data":[[300,1,1,{"200":1}], [600, 1,-1,{"200":1}] ,null,[900,1,1,{"200":1}]],"domain":"A.com"}]}"#;
    let envelope = read(body).unwrap();
    let entry = entries(&envelope)[0];
    assert_eq!(
        (envelope.received, entry.points.ts.as_slice()),
        (3 + 1, &[300, 900][..])
    );
    let unreadable: Vec<_> = entry
        .left_out
        .iter()
        .map(|row| (row.ts, envelope.row(row.start)))
        .collect();
    assert_eq!(
        unreadable,
        [(Some(600), r#"[600, 1,-1,{"200":1}]"#), (None, "null")]
    );
}

#[test]
fn an_answer_made_to_exhaust_memory_or_time_is_refused() {
    let answer = |rows: &str| format!(r#"{{"status":0,"data":[{{"domain":"a.com","data":[{rows}]}}]}}"#);
    let codes: Vec<String> = (0..1_001)
        .map(|code| format!("[1,1,1,{{\"{code}\":0}}]"))
        .collect();
    assert!(wrong_shape(answer(&codes.join(","))).contains("1000"));
    let sets: Vec<String> = (0..4_097_u32)
        .map(|set| {
            let members = (0..13)
                .filter(|bit| set >> bit & 1 == 1)
                .map(|bit| format!("\"{bit}\":0"));
            format!("[1,1,1,{{{}}}]", members.collect::<Vec<_>>().join(","))
        })
        .collect();
    assert!(wrong_shape(answer(&sets.join(","))).contains("4096"));
    for entry in [r#"{"domain":"a.com","data":[]}"#, "null"] {
        let many = vec![entry; MAX_ENTRIES + 1].join(",");
        assert!(wrong_shape(format!(r#"{{"status":0,"data":[{many}]}}"#)).contains("10000"));
    }
    wrong_shape("[".repeat(100_000));
    wrong_shape(answer(&"[".repeat(100_000)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut body in Just(EXAMPLE.as_bytes().to_vec()), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for (index, byte) in edits {
            let at = index.index(body.len());
            body[at] = byte;
        }
        // Damage inside strings and numbers may leave an answer; it must still be one point.
        if let Ok(envelope) = read(&decode(&body)) {
            prop_assert!(envelope.received <= 1);
        }
    }
}
