use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn accepts(text: &str) -> bool {
    let mut cursor = Cursor::new(text, 0);
    cursor.skip_value().and_then(|_| cursor.end()).is_ok()
}

#[test]
fn nesting_ends_where_it_is_said_to() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(accepts(&nested(128)));
    assert!(!accepts(&nested(129)));
    assert!(!accepts(&"[".repeat(100_000)));
    assert!(!accepts(&"{\"a\":".repeat(100_000)));
}

#[test]
fn a_problem_names_its_byte() {
    let error = Cursor::new("[1, 2 3]", 0).skip_value().unwrap_err();
    assert_eq!(error.to_string(), "no `,` or `]` after an element at byte 6");
}

#[test]
fn a_skipped_value_is_given_back_as_it_stood() {
    let mut cursor = Cursor::new(" \n{ \"a\" : [ 1 , 2 ] } , 3", 0);
    assert_eq!(cursor.skip_value(), Ok("{ \"a\" : [ 1 , 2 ] }"));
    assert_eq!(cursor.peek(), Some(b','));
}

#[test]
fn a_plain_number_is_taken_whole_or_not_at_all() {
    let plain = |text| {
        let mut cursor = Cursor::new(text, 0);
        (cursor.plain_number(), cursor.at)
    };
    assert_eq!(plain(" 120,"), (Some(120), 4));
    assert_eq!(plain("0]"), (Some(0), 1));
    assert_eq!(plain("123456789012345678 "), (Some(123_456_789_012_345_678), 18));
    for other in [
        "1234567890123456789,",
        "1.0,",
        "1e3,",
        "01,",
        "-1,",
        "\"1\"",
        "12",
        "",
    ] {
        assert_eq!(plain(other), (None, 0), "{other}");
    }
}

/// JSON, with what is nearly JSON beside it.
fn nearly_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("fals".to_owned()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        "[-+0-9.eE]{1,6}",
        "\"([ -!#-\\[\\]-~é😀]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,6}\"",
        "\"[\u{0}-\u{7f}\\\\u\"]{0,6}\"",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let space = "[ \n\r\t]{0,2}";
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), space)
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},")))),
            (prop::collection::vec((inner.clone(), inner), 0..4), space).prop_map(|(members, space)| {
                let members: Vec<String> = members
                    .iter()
                    .enumerate()
                    .map(|(at, (key, value))| {
                        let key = if key.starts_with('"') {
                            key.clone()
                        } else {
                            format!("\"{at}\"")
                        };
                        format!("{key}{space}:{space}{value}")
                    })
                    .collect();
                format!("{{{space}{}{space}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn exactly_what_serde_json_takes_is_taken(
        text in nearly_json(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{},:\"\\\\0-9a-z .\u{0}é-]?"), 0..3),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (index, edit) in edits {
            let at = index.index(chars.len() + 1);
            chars.splice(at..(at + 1).min(chars.len()), edit.chars());
        }
        let text: String = chars.into_iter().collect();
        let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(accepts(&text), expected, "{}", text);
    }
}
