use proptest::prelude::*;

use super::*;
use crate::api::envelope::encoding::decode;
use crate::api::origin::entry::Entry;
use crate::api::{ApiStatus, OriginRequest};
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

fn read(text: &str) -> Result<DecodedAnswer<'_>, FailureKind> {
    parse(&Selection::of(&asked()), text)
}

/// The entries of the domains that the answer named, by name.
fn entries<'e, 'a>(answer: &'e DecodedAnswer<'a>) -> Vec<(String, &'e Entry<'a>)> {
    let names = asked().domains().to_vec();
    let entries = names.iter().zip(&answer.entries);
    entries
        .filter_map(|(name, entry)| Some((name.to_string(), entry.as_ref()?)))
        .collect()
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
        let answer = read(&text).unwrap();
        let [(name, entry)] = &entries(&answer)[..] else {
            panic!("{answer:?}")
        };
        assert_eq!((name.as_str(), entry.rejected.len()), ("www.a.com", 0));
        let points = &entry.points;
        assert_eq!(
            (&points.ts, &points.bandwidth, &points.pv),
            (&vec![1_568_477_100], &vec![0], &vec![1])
        );
        let code = |index| answer.book.code(index).unwrap();
        let counts: Vec<_> = points
            .counts_of(0)
            .iter()
            .map(|(index, count)| (code(*index), *count))
            .collect();
        assert_eq!(counts, [("301", 1)]);
        let set: Vec<_> = answer
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
    let answer = read(body).unwrap();
    let (name, entry) = &entries(&answer)[0];
    assert_eq!((answer.received, name.as_str()), (1, "a.com"));
    assert_eq!(entry.texts, ["[300,1,0,{}]"]);
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
        let answer = read(&body).unwrap();
        let entries = entries(&answer);
        let ((name, last), others) = entries.split_last().unwrap();
        assert_eq!((name.as_str(), &*last.points.ts), ("b.com", &[300][..]), "{bad}");
        let named: Vec<_> = others
            .iter()
            .map(|(name, entry)| (name.clone(), entry.malformed, entry.points.len()))
            .collect();
        (answer.strays, named)
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
    let answer = read(&text).unwrap();
    let [(_, entry)] = &entries(&answer)[..] else {
        panic!("{answer:?}")
    };
    assert_eq!((&*entry.points.ts, answer.strays), (&[300][..], 1));
    assert_eq!(entry.texts, [r#"[300,1,1,{"200":1}]"#]);
    let unreadable: Vec<_> = entry.rejected.iter().map(|row| (row.ts, row.text)).collect();
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
    let answer = read(body).unwrap();
    let (_, entry) = &entries(&answer)[0];
    assert_eq!(
        (answer.received, entry.points.ts.as_slice()),
        (3 + 1, &[300, 900][..])
    );
    let unreadable: Vec<_> = entry.rejected.iter().map(|row| (row.ts, row.text)).collect();
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
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert!(wrong_shape(answer(&deep)).contains("deeper than 128"));
    wrong_shape(answer(&"[".repeat(100_000)));
}

/// An answer in the documented form, and nearly so.
fn usual() -> impl Strategy<Value = String> {
    let code = prop::sample::select(vec!["200", "206", "000", "other", "é", "2\\u0030"]);
    let codes = prop::collection::vec((code, 0..3_u8), 0..4);
    let row = (0..6_i64, 0..3_u8, codes, 0..40_u8).prop_map(|(slot, bandwidth, codes, form)| {
        let codes: Vec<String> = codes
            .into_iter()
            .map(|(code, count)| format!("\"{code}\":{count}"))
            .collect();
        let (ts, codes) = (slot * 150, codes.join(","));
        match form {
            0 => format!("[{ts},\"{bandwidth}\",1,{{{codes}}}]"),
            1 => format!("[{ts},{bandwidth}.5,1.0,{{{codes}}}]"),
            2 => format!("[{ts},{bandwidth},1,{{{codes}}},1]"),
            3 => format!("[{},-1,1,{{{codes}}}]", ts + 9_000_000_000),
            4 => format!("{{\"time\":{ts},\"bandwidth\":1,\"pv\":1,\"codes\":{{{codes}}}}}"),
            5 => format!("{{\"bandwidth\":{ts},\"pv\":1,\"time\":{ts},\"codes\":{{{codes}}}}}"),
            _ => format!(" [{ts} ,{bandwidth},1,{{{codes}}}]"),
        }
    });
    let rows = prop::collection::vec(row, 0..5).prop_map(|mut rows| {
        if rows.len() > 2 {
            rows.sort();
        }
        rows.join(",")
    });
    let domain = prop::sample::select(vec!["a.com", "B.com", "www.a.com", "x.com", "a\\u002ecom"]);
    let entry =
        (domain, rows).prop_map(|(domain, rows)| format!(r#"{{"domain":"{domain}","data":[{rows}]}}"#));
    prop::collection::vec(entry, 0..4)
        .prop_map(|entries| format!(r#"{{"status":0,"msg":"ok","data":[{}]}}"#, entries.join(",")))
}

/// All that is stored of an answer, and counted.
fn outcome(answer: Result<DecodedAnswer<'_>, FailureKind>) -> Result<crate::api::CheckedAnswer, FailureKind> {
    answer.and_then(|answer| crate::api::origin::guard::check(&asked(), answer))
}

proptest! {
    #[test]
    fn the_usual_answer_says_the_same_in_one_pass_and_piece_by_piece(
        mut body in usual(),
        edit in prop::option::of((any::<prop::sample::Index>(), "[\\[\\]{},:\"\\\\0-9a-z .-]")),
    ) {
        if let Some((index, text)) = edit {
            let at = index.index(body.len());
            if body.is_char_boundary(at) && body.is_char_boundary(at + 1) {
                body.replace_range(at..=at, &text);
            }
        }
        let asked = asked();
        let selection = Selection::of(&asked);
        if let Some(answer) = plain::parse(&selection, &body) {
            prop_assert_eq!(outcome(Ok(answer)), outcome(parse_any(&selection, &body)));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(mut body in Just(EXAMPLE.as_bytes().to_vec()), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        for (index, byte) in edits {
            let at = index.index(body.len());
            body[at] = byte;
        }
        // Damage inside strings and numbers may leave an answer; it must still be one point.
        if let Ok(answer) = read(&decode(&body)) {
            prop_assert!(answer.received <= 1);
        }
    }
}
