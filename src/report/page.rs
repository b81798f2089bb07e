//! The HTML page around the data.
//!
//! The page opens from a file and loads nothing. It runs only the scripts that this program wrote into it, because the
//! policy names them by their hash. The browser cannot mistake the figures for markup: `<` never appears in them.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};

use super::error::ReportError;
use super::report_data::ReportData;

const TEMPLATE: &str = include_str!("assets/page.html");
const STYLES: [&str; 2] = [
    include_str!("assets/uplot/uPlot.min.css"),
    include_str!("assets/page.css"),
];
const UPLOT: &str = include_str!("assets/uplot/uPlot.iife.min.js");
const UPLOT_LICENSE: &str = include_str!("assets/uplot/LICENSE");
/// More than the styles, the licence and the policy take.
const ASSETS_BYTES: usize = 32 << 10;
/// The parts of the page's own script, in their order. They share one scope.
const PARTS: [&str; 10] = [
    include_str!("assets/format.js"),
    include_str!("assets/element.js"),
    include_str!("assets/figures.js"),
    include_str!("assets/table.js"),
    include_str!("assets/plot.js"),
    include_str!("assets/traffic.js"),
    include_str!("assets/codes.js"),
    include_str!("assets/calendar.js"),
    include_str!("assets/bill.js"),
    include_str!("assets/page.js"),
];

/// Returns the whole page.
pub fn render(report: &ReportData) -> Result<String, ReportError> {
    let script = format!("\"use strict\";\n(() => {{\n{}}})();\n", PARTS.concat());
    let data = embedded(&serde_json::to_string(report)?);
    let policy = format!(
        "default-src 'none'; script-src {} {}; style-src {} {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(UPLOT),
        hash(&script),
        hash(STYLES[0]),
        hash(STYLES[1]),
    );
    // The page is little more than its data: grown by doubling, it would take twice its memory.
    let room = data.len() + TEMPLATE.len() + script.len() + UPLOT.len() + ASSETS_BYTES;
    Ok(filled(room, |name| {
        Some(match name {
            "policy" => Cow::from(&policy),
            "title" => text(&report.database).into(),
            "licence" => UPLOT_LICENSE.into(),
            "style uplot" => STYLES[0].into(),
            "style page" => STYLES[1].into(),
            "data" => Cow::from(&data),
            "script uplot" => UPLOT.into(),
            "script page" => Cow::from(&script),
            _ => return None,
        })
    }))
}

/// Returns the template with every `{{name}}` replaced, in one pass: a replacement is not searched again. The page takes
/// about `room` bytes.
fn filled<'v>(room: usize, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> String {
    let mut page = String::with_capacity(room);
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        match after.split_once("}}") {
            Some((name, after)) => {
                page.push_str(&value(name).unwrap_or_default());
                rest = after;
            }
            None => rest = after,
        }
    }
    page.push_str(rest);
    page
}

/// Returns the name of an inline script or style in a policy.
fn hash(source: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(digest(&SHA256, source.as_bytes())))
}

/// Returns the same JSON without the characters that can end a script element.
fn embedded(json: &str) -> String {
    escaped(json, &['<', '>', '&', '\u{2028}', '\u{2029}'], |out, char| {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\u{:04x}", u32::from(char));
    })
}

/// Escapes text for an element or an attribute.
fn text(raw: &str) -> String {
    escaped(raw, &['<', '>', '&', '"', '\''], |out, char| {
        let _ = write!(out, "&#{};", u32::from(char));
    })
}

fn escaped(raw: &str, special: &[char], escape: impl Fn(&mut String, char)) -> String {
    let mut out = String::with_capacity(raw.len());
    for char in raw.chars() {
        if special.contains(&char) {
            escape(&mut out, char);
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_json_is_the_same_json_without_the_end_of_a_script() {
        let hostile = serde_json::json!({"</script><script>": "<!-- & \u{2028} -->"});
        let text = embedded(&hostile.to_string());
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), hostile);
    }

    #[test]
    fn nothing_in_the_assets_ends_its_own_element() {
        for script in PARTS.into_iter().chain([UPLOT]) {
            let lower = script.to_ascii_lowercase();
            assert!(!lower.contains("</script") && !lower.contains("<!--"));
        }
        assert!(STYLES.iter().all(|style| !style.contains("</")));
        assert!(!UPLOT_LICENSE.contains("--"));
        assert!(PARTS.iter().all(|part| !part.contains("innerHTML")));
    }

    #[test]
    fn every_place_of_the_template_is_filled_and_filled_once() {
        let report = ReportData {
            database: "{{data}}<b>".to_owned(),
            ..ReportData::default()
        };
        let page = render(&report).unwrap();
        assert!(page.contains("<title>{{data}}&#60;b&#62;"), "{}", &page[..600]);
        let mut unknown = Vec::new();
        for place in TEMPLATE.split("{{").skip(1) {
            unknown.push(place.split_once("}}").unwrap().0);
        }
        unknown.sort_unstable();
        let names = [
            "data",
            "licence",
            "policy",
            "script page",
            "script uplot",
            "style page",
            "style uplot",
            "title",
        ];
        assert_eq!(unknown, names);
    }

    #[test]
    fn the_hash_is_the_one_that_browsers_compute() {
        assert_eq!(hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }
}
