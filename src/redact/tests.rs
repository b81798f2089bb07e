use proptest::prelude::*;

use super::*;

const KEY: &str = "e7a31b1c5ea0efa9aa2f29c6559f7d61";

/// `each` applied to every character of the key, side by side.
fn spelled(each: impl Fn(char) -> String) -> String {
    KEY.chars().map(each).collect()
}

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The ways in which a key may come back.
fn spellings() -> Vec<(&'static str, String)> {
    let unicode = |char| format!("\\u{:04x}", u32::from(char));
    let percent = |char| format!("%{:02X}", u32::from(char));
    let entity = |char| format!("&#x{:X};", u32::from(char));
    let mut ways = vec![
        ("plain", KEY.to_owned()),
        ("capitals", KEY.to_uppercase()),
        (
            "mixed case",
            spelled(|char| if char == 'a' { 'A' } else { char }.to_string()),
        ),
        ("JSON escapes", spelled(unicode)),
        (
            "JSON escapes in capitals",
            KEY.to_uppercase().chars().map(unicode).collect(),
        ),
        (
            "some JSON escapes",
            spelled(|char| {
                if char.is_ascii_digit() {
                    unicode(char)
                } else {
                    char.to_string()
                }
            }),
        ),
        (
            "JSON escapes twice",
            spelled(|char| format!("\\\\u00{:02X}", u32::from(char))),
        ),
        ("percent", spelled(percent)),
        ("percent twice", spelled(|char| percent(char).replace('%', "%25"))),
        ("percent in JSON", spelled(percent).replace('%', "\\u0025")),
        (
            "old percent",
            spelled(|char| format!("%u{:04x}", u32::from(char))),
        ),
        ("entities", spelled(entity)),
        (
            "decimal entities",
            spelled(|char| format!("&#{}", u32::from(char)) + ";"),
        ),
        ("entities twice", spelled(entity).replace('&', "&amp;")),
        (
            "hexadecimal escapes",
            spelled(|char| format!("\\x{:02x}", u32::from(char))),
        ),
        (
            "octal escapes",
            spelled(|char| format!("\\{:03o}", u32::from(char))),
        ),
        ("braces", spelled(|char| format!("\\u{{{:x}}}", u32::from(char)))),
        (
            "JSON escapes behind percent",
            spelled(|char| format!("%5Cu{:04x}", u32::from(char))),
        ),
        (
            "fullwidth",
            spelled(|char| char::from_u32(u32::from(char) + 0xfee0).unwrap().to_string()),
        ),
        ("in hexadecimal digits", hex(KEY.as_bytes())),
        ("behind a percent sign", format!("%{KEY}")),
        ("behind half an escape", format!("\\u{KEY}")),
        ("behind an entity's beginning", format!("&#x{KEY}")),
        (
            "in an array",
            format!("{:?}", KEY.chars().map(String::from).collect::<Vec<_>>()),
        ),
    ];
    for (name, between) in [
        ("blanks", " "),
        ("byte order marks", "\u{feff}"),
        ("zero-width spaces", "\u{200b}"),
        ("soft hyphens", "\u{ad}"),
        ("UTF-16", "\0"),
        ("line ends", "\r\n"),
        ("escaped line ends", "\\n"),
        ("dots", "."),
        ("colons", ":"),
    ] {
        ways.push((name, spelled(|char| format!("{char}{between}"))));
    }
    for user in ["", "a", "ab"] {
        ways.push(("Base64", base64(&format!("{user}{KEY}:x"))));
    }
    ways
}

/// What a text says: nothing of the key may be left in any reading.
#[track_caller]
fn assert_hidden(secrets: &Secrets, name: &str, text: &str) {
    let shown = secrets.redacted(text);
    assert!(shown.contains("****"), "{name}: {text} became {shown}");
    let mut body = text.as_bytes().to_vec();
    secrets.redact_body(&mut body);
    assert_eq!(body, shown.as_bytes(), "{name}");
    assert_eq!(body.len(), text.len(), "{name}");
    assert_eq!(secrets.redacted(&shown), shown, "{name}");
}

#[test]
fn every_spelling_is_covered_and_its_neighbours_stay() {
    let secrets = Secrets::new([KEY]);
    for (name, spelling) in spellings() {
        for (before, after) in [
            ("", ""),
            ("成功 key=", " is wrong"),
            ("{\"msg\":\"", "\"}"),
            ("a\u{feff}", "\\n%"),
        ] {
            let text = format!("{before}{spelling}{after}");
            assert_hidden(&secrets, name, &text);
            let shown = secrets.redacted(&text);
            assert!(
                shown.starts_with(before) && shown.ends_with(after),
                "{name}: {shown}"
            );
        }
    }
}

#[test]
fn ordinary_text_is_borrowed_as_it_is() {
    let secrets = Secrets::new([KEY, "a35685491fd80a80b40a718c3a5c5c56"]);
    for text in [
        "",
        "www.a.com",
        r#"{"status":0,"data":[{"domain":"www.a.com","data":[[1568477100,8000,3,{"200":3}]]}]}"#,
        "\\u6210\\u529f %41 &amp; \\",
        &KEY[1..],
    ] {
        assert!(matches!(secrets.redacted(text), Cow::Borrowed(same) if same == text));
    }
}

#[test]
fn a_key_of_digits_is_covered_in_strings_and_never_in_figures() {
    let secrets = Secrets::new(["12345678"]);
    let mut body = br#"{"msg":"key \"12345678\"","data":[[12345678,1,"12345678"]], "x":"12345678"}"#.to_vec();
    secrets.redact_body(&mut body);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"msg":"key \"********\"","data":[[12345678,1,"********"]], "x":"********"}"#
    );
    assert_eq!(secrets.redacted("the key 12345678"), "the key ********");
    assert_eq!(
        secrets.redacted_output(b"12345678 points").as_ref(),
        b"12345678 points"
    );
}

#[test]
fn a_short_secret_must_stand_as_it_is_but_for_case_blanks_and_escapes() {
    let secrets = Secrets::new(["Hunt-er/2", "short"]);
    for text in ["hunt-er/2", "HUNT-ER\\/2", "hunt-er%2f2", "h u n t-e r/2"] {
        assert_hidden(&secrets, "short", text);
    }
    assert_eq!(secrets.redacted("hunter2 short"), "hunter2 short");
    assert!(Secrets::new(["1234567"]).is_empty());
}

#[test]
fn a_secret_across_the_border_of_two_blocks_is_covered() {
    let secrets = Secrets::new([KEY]);
    for spelling in [
        KEY.to_owned(),
        spelled(|char| format!("\\u00{:02x}", u32::from(char))),
    ] {
        for before in (BLOCK - 8 * spelling.len()..BLOCK + spelling.len()).step_by(7) {
            let mut body = format!("{}{spelling}{}", "x".repeat(before), "y".repeat(BLOCK)).into_bytes();
            secrets.redact_body(&mut body);
            let covered = String::from_utf8(body).unwrap().matches('*').count();
            assert_eq!(covered, spelling.len(), "{before}");
        }
    }
}

#[test]
fn what_looks_like_a_key_is_told_from_names() {
    for key in [
        KEY,
        &KEY.to_uppercase(),
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "sk_4eC39HqLyjWDarjtT1zdp7dc",
    ] {
        assert!(looks_like_key(key), "{key}");
    }
    for name in [
        "jcloud_00",
        "jd_4b3b9fe8e9e2f",
        "jdcdn-stats-2026-01-01",
        "jdcdn-stats.db",
        "e7a31b1c5ea0efa9aa2f29c6559f7d61.example.com",
        "/var/lib/e7a31b1c5ea0efa9aa2f29c6559f7d61",
        "https://opencdn.jcloud.com/api/origin",
        "20260101000000000000",
        "",
    ] {
        assert!(!looks_like_key(name), "{name}");
    }
}

#[test]
fn debug_shows_no_secret() {
    assert!(!format!("{:?}", Secrets::new([KEY])).contains("e7a3"));
}

/// One character of the key in one of the ways.
fn one(char: char, way: usize) -> String {
    let code = u32::from(char);
    match way {
        0 => char.to_string(),
        1 => char.to_uppercase().to_string(),
        2 => format!("\\u{code:04X}"),
        3 => format!("%{code:02x}"),
        4 => format!("&#{code};"),
        5 => format!("\\\\u{code:04x}"),
        6 => format!("{char}\u{feff} "),
        8 => format!("%5cu{code:04X}"),
        9 => format!("&#37;{code:02x}"),
        10 => format!("\\u0026#{code};"),
        _ => format!("%25{code:02x}"),
    }
}

proptest! {
    #[test]
    fn every_mixture_of_spellings_is_covered(
        ways in prop::collection::vec(0..11_usize, KEY.len()),
        before in "[a-z ,:\"{}]{0,9}",
        after in "[g-z ,:\"{}]{0,9}",
    ) {
        let spelling: String = KEY.chars().zip(&ways).map(|(char, way)| one(char, *way)).collect();
        let text = format!("{before}{spelling}{after}");
        assert_hidden(&Secrets::new([KEY]), "mixture", &text);
    }

    #[test]
    fn the_fast_way_to_fold_finds_what_the_plain_way_finds(
        bytes in prop::collection::vec(prop_oneof![3 => 0x20..0x7f_u8, 1 => any::<u8>()], 0..100),
    ) {
        for fold in [Fold::Bare, Fold::Graphic] {
            let mut plain = Vec::new();
            fold.each(&bytes, |byte, _| plain.push(byte));
            prop_assert_eq!(fold.of(&bytes), plain);
        }
    }

    #[test]
    fn no_bytes_make_it_fail_and_it_changes_secrets_alone(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut body = bytes.clone();
        Secrets::new([KEY]).redact_body(&mut body);
        prop_assert_eq!(body, bytes);
    }
}

#[test]
fn what_is_remembered_of_a_body_that_repeats_a_secret_without_end_has_a_bound() {
    let secrets = Secrets::new([KEY]);
    let mut body = KEY.repeat(40_000).into_bytes();
    let length = body.len();
    secrets.redact_body(&mut body);
    assert_eq!(body, vec![b'*'; length]);
}

#[test]
fn a_number_that_is_a_key_is_covered_in_strings_of_any_length_and_on_pages() {
    let secrets = Secrets::new(["12345678"]);
    // A string that begins several blocks before the key, and a figure of the same digits behind it.
    let mut body = format!(
        "{{\"msg\": \"{}12345678\", \"pv\": 12345678}}",
        "x".repeat(300_000)
    )
    .into_bytes();
    secrets.redact_body(&mut body);
    let text = String::from_utf8(body).unwrap();
    assert!(
        text.ends_with("x********\", \"pv\": 12345678}"),
        "{}",
        &text[300_000..]
    );
    let mut page = b"bad key 12345678 given".to_vec();
    secrets.redact_page(&mut page);
    assert_eq!(page, b"bad key ******** given");
}
