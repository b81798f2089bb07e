use proptest::prelude::*;

use super::*;
use crate::model::PointColumns;

/// One point as `(ts, bandwidth, pv, [(code, count)])` with the zeros given back, in the order of the
/// codes' text.
type Point = (i64, i64, i64, Vec<(String, i64)>);

fn read_all(rows: &[&str]) -> Vec<Result<Point, String>> {
    let mut codes = CodeReader::default();
    let mut points = PointColumns::default();
    let read: Vec<_> = rows
        .iter()
        .map(|row| {
            let read = super::read(raw::parse(row).unwrap(), &mut codes);
            let row = read.map_err(|error| error.into_text().into_owned())?;
            points.push(row.ts, row.bandwidth, row.pv, row.set, codes.counts());
            Ok(points.len() - 1)
        })
        .collect();
    let book = codes.into_book();
    let point = |at: usize| {
        let counts = points.counts_of(at);
        let count = |code| {
            counts
                .iter()
                .find(|(known, _)| *known == code)
                .map_or(0, |(_, count)| *count)
        };
        let set = book.set(points.code_set[at]).unwrap();
        let codes = set
            .iter()
            .map(|code| (book.code(*code).unwrap().to_owned(), count(*code)))
            .collect();
        (points.ts[at], points.bandwidth[at], points.pv[at], codes)
    };
    read.into_iter().map(|read| read.map(point)).collect()
}

fn read(row: &str) -> Result<Point, String> {
    read_all(&[row]).remove(0)
}

fn codes(list: &[(&str, i64)]) -> Vec<(String, i64)> {
    list.iter()
        .map(|(code, count)| ((*code).to_owned(), *count))
        .collect()
}

#[test]
fn an_array_an_object_with_codes_and_one_with_codes_inline_say_the_same() {
    let expected = Ok((
        1_480_990_500,
        8,
        11,
        codes(&[("0", 0), ("000", 0), ("206", 10), ("other", 1)]),
    ));
    for row in [
        r#"[1480990500,8,11,{"0":0,"206":10,"other":1,"000":0}]"#,
        r#" [ 1480990500 , "8" , 11.0 , { "206" : 10 , "0" : 0 , "000" : 0 , "other" : "1" } ] "#,
        r#"{"time":1480990500,"bandwidth":7.5,"pv":1.1e1,"codes":{"0":0,"000":0,"other":1,"206":10}}"#,
        r#"{"0":0,"206":10,"other":1,"000":0,"pv":11,"bandwidth":8,"time":1480990500}"#,
    ] {
        assert_eq!(read(row), expected, "{row}");
    }
    assert_eq!(read("[0,0,0,{}]"), Ok((0, 0, 0, vec![])));
}

#[test]
fn a_row_that_leaves_the_pattern_of_the_one_before_is_read_all_the_same() {
    let rows = [
        (r#"[1,0,3,{"200":1,"206":2}]"#, codes(&[("200", 1), ("206", 2)])),
        (r#"[2,0,3,{"200":3,"206":0}]"#, codes(&[("200", 3), ("206", 0)])),
        (r#"[3,0,3,{"200":3}]"#, codes(&[("200", 3)])),
        (
            r#"[4,0,3,{"200":3,"20":4,"206":1}]"#,
            codes(&[("20", 4), ("200", 3), ("206", 1)]),
        ),
        (
            r#"[5,0,3,{"200":3,"2\u0030":4,"206":1}]"#,
            codes(&[("20", 4), ("200", 3), ("206", 1)]),
        ),
        (
            r#"[6,0,3,{"206" : 1, "200":3}]"#,
            codes(&[("200", 3), ("206", 1)]),
        ),
        ("[7,0,0,{}]", codes(&[])),
        (r#"[8,0,3,{"200 ":3}]"#, codes(&[("200 ", 3)])),
    ];
    let texts: Vec<&str> = rows.iter().map(|(text, _)| *text).collect();
    for (read, (text, expected)) in read_all(&texts).into_iter().zip(&rows) {
        assert_eq!(read.as_ref().map(|point| &point.3), Ok(expected), "{text}");
    }
}

#[test]
fn a_bad_row_spoils_neither_the_pattern_nor_the_rows_after_it() {
    let good = r#"[1,0,3,{"200":1,"206":2}]"#;
    for bad in [
        r#"[1,0,3,{"200":1,"206":-2}]"#,
        r#"[1,0,3,{"200":1,"404":-2}]"#,
        r#"[1,0,3,{"200":1,"200":2}]"#,
        r#"[1,0,3,{"200":1,"":2}]"#,
        r#"[1,0,3,{"200":1,"206":2},5]"#,
        r#"{"time":1,"206":1,"200":null}"#,
    ] {
        let rows = read_all(&[good, bad, good, bad, good]);
        let kept = codes(&[("200", 1), ("206", 2)]);
        assert!(rows[1].is_err() && rows[1] == rows[3], "{bad}");
        for at in [0, 2, 4] {
            assert_eq!(rows[at], Ok((1, 0, 3, kept.clone())), "{bad}");
        }
    }
}

#[test]
fn a_row_that_cannot_be_taken_says_why() {
    for (row, why) in [
        ("[1,2,3]", "exactly four parts"),
        ("[1,2,3,{},4]", "exactly four parts"),
        ("[]", "exactly four parts"),
        ("[1,2,3,4]", "not an object"),
        ("[1,2,3,null]", "not an object"),
        ("7", "neither an array nor an object"),
        ("[1.5,2,3,{}]", "the time is `1.5`, which has a fraction"),
        ("[1,-2,3,{}]", "the bandwidth is `-2`, which is negative"),
        (
            "[1,2,3.5,{}]",
            "the number of requests is `3.5`, which has a fraction",
        ),
        ("[1,9223372036854775808,3,{}]", "too large"),
        (
            r#"[1,2,3,{"200":"x"}]"#,
            "the count of code `200` is `\"x\"`, which is not a number",
        ),
        (r#"[1,2,3,{"":1}]"#, "a status code is ``"),
        (r#"[1,2,3,{"12345678901234567":1}]"#, "longer than 16"),
        (r#"[1,2,3,{"2\ufffd":1}]"#, "one that cannot be decoded"),
        (r#"[1,2,3,{"2\u001b":1}]"#, "a status code is `2\\u{1b}`"),
        (r#"[1,2,3,{"200":1,"2\u00300":1}]"#, "`200` twice"),
        (r#"[1,2,3,{"\ud800":1}]"#, "surrogate"),
        (r#"{"time":1,"bandwidth":2,"pv":3}"#, "no status codes"),
        (r#"{"time":1,"pv":3,"200":3}"#, "misses one of"),
        (r#"{"time":1,"time":1,"bandwidth":2,"pv":3,"200":3}"#, "twice"),
        (
            r#"{"time":1,"bandwidth":2,"pv":3,"200":3,"200":3}"#,
            "`200` twice",
        ),
        (r#"{"time":1,"bandwidth":2,"pv":3,"a":{},"b":{}}"#, "two objects"),
        (r#"{"time":1,"bandwidth":2,"pv":3,"a":{},"200":1}"#, "beside it"),
        (
            r#"{"time":1,"bandwidth":2,"pv":3,"200":3,"hits":1}"#,
            "unknown member `hits`",
        ),
        (
            r#"{"time":1,"bandwidth":2,"pv":3,"2000":3}"#,
            "unknown member `2000`",
        ),
    ] {
        let error = read(row).unwrap_err();
        assert!(error.contains(why), "{row}: {error}");
    }
}

#[test]
fn the_time_of_a_bad_row_is_found_where_there_is_one() {
    let time = |row| time_of(raw::parse(row).unwrap());
    assert_eq!(time("[300,-1]"), Some(300));
    assert_eq!(time(r#"{"200":null,"time":"300"}"#), Some(300));
    for none in [
        "[]",
        "[null]",
        "7",
        "{}",
        r#"{"time":-1}"#,
        r#""time""#,
        // No other member is taken for the time.
        r#"{"bandwidth":300}"#,
        r#"{"200":300,"timestamp":600}"#,
        r#"{"200":300,"t\u0069me":600}"#,
    ] {
        assert_eq!(time(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn whatever_codes_follow_each_other_every_row_says_what_it_said(
        rows in prop::collection::vec(
            prop::collection::btree_map(
                prop::sample::select(vec!["0", "00", "000", "200", "206", "other", "a-long-code", "é"]),
                prop_oneof![Just(0), 0..i64::MAX],
                0..8,
            ),
            1..30,
        ),
        seed in any::<u64>(),
    ) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let texts: Vec<String> = rows
            .iter()
            .map(|row| {
                let mut members: Vec<_> = row.iter().collect();
                if rng.u8(0..4) == 0 {
                    rng.shuffle(&mut members);
                }
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(code, count)| match rng.u8(0..8) {
                        0 => format!(" \"{code}\" : {count} "),
                        1 => format!("\"\\u{:04x}{}\":\"{count}\"", u32::from(code.chars().next().unwrap()), code.chars().skip(1).collect::<String>()),
                        _ => format!("\"{code}\":{count}"),
                    })
                    .collect();
                format!("[300,1,2,{{{}}}]", members.join(","))
            })
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for (read, row) in read_all(&texts).into_iter().zip(&rows) {
            let expected: Vec<(String, i64)> = row.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect();
            prop_assert_eq!(read, Ok((300, 1, 2, expected)));
        }
    }
}
