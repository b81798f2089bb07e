//! The page itself: its size, its policy, and names that try to break out of it.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest::{SHA256, digest};

use super::{DB, between, figures, filled, integer, page, sum, writable};
use crate::sandbox::Sandbox;

const HOSTILE: &str = "</script><script>alert(1)</script><!--";

#[test]
fn a_page_of_a_hundred_domains_and_a_year_stays_below_four_megabytes() {
    let sandbox = filled(100, 365);
    let page = page(&sandbox, &[]);
    println!("{} bytes", page.len());
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    let figures = figures(&page);
    assert_eq!(figures["step"], 86_400);
    let database = sandbox.database();
    for place in [0, 99] {
        let name = figures["domains"][place]["name"].as_str().unwrap();
        let series = &figures["series"][place];
        assert_eq!(
            sum(&series["avg"]) + sum(&series["above"]),
            integer(
                &database,
                "SELECT sum(bandwidth_peak) FROM origin_daily WHERE domain = ?1",
                name
            )
        );
        let classes: i64 = figures["status"][place]
            .as_object()
            .unwrap()
            .values()
            .map(sum)
            .sum();
        assert_eq!(
            classes,
            integer(
                &database,
                "SELECT sum(requests) FROM origin_status_daily WHERE domain = ?1",
                name
            )
        );
    }
}

#[test]
fn of_too_many_domains_the_largest_are_shown_and_the_others_counted() {
    let sandbox = filled(1_003, 2);
    let database = writable(&sandbox);
    database
        .execute_batch("UPDATE rollup_day SET traffic_bytes = 0 WHERE domain_id < 4")
        .unwrap();
    let figures = figures(&page(&sandbox, &[]));
    assert_eq!(figures["left_out"], 3);
    assert_eq!(figures["domains"].as_array().unwrap().len(), 1_000);
    let names = figures["domains"].as_array().unwrap().iter();
    assert!(
        names
            .map(|row| row["name"].as_str().unwrap())
            .all(|name| name >= "d004")
    );
}

#[test]
fn a_hostile_name_stays_a_name() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let scripts = page(&sandbox, &[]).matches("<script").count();
    let database = writable(&sandbox);
    let name = "UPDATE domain SET name = ?1 WHERE name = 'd000.example.com'";
    assert_eq!(database.execute(name, [HOSTILE]).unwrap(), 1);
    let code = "UPDATE code SET code = ?1 || char(27) || char(8238), class = 'other' WHERE code = '200'";
    database.execute(code, [HOSTILE]).unwrap();
    drop(database);
    fs::rename(sandbox.path(DB), sandbox.path("<b>{{data}}.db")).unwrap();
    let page = page(&sandbox, &["--db", "<b>{{data}}.db"]);
    assert_eq!(page.matches("<script").count(), scripts);
    assert!(!page.contains("<b>") && !page.contains("alert(1)</") && !page.contains('\u{1b}'));
    let figures = figures(&page);
    assert_eq!(figures["domains"][0]["name"], HOSTILE);
    let mut codes = figures["codes"].as_array().unwrap().iter();
    assert!(codes.any(|row| row["code"].as_str().unwrap().starts_with(HOSTILE)));
}

#[test]
fn the_policy_allows_the_scripts_and_styles_of_the_page_and_nothing_else() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let page = page(&sandbox, &[]);
    let hashes = |sources: Vec<&str>| {
        let hash = |source: &&str| format!("'sha256-{}'", BASE64.encode(digest(&SHA256, source.as_bytes())));
        sources.iter().map(hash).collect::<Vec<_>>().join(" ")
    };
    let policies = between(
        &page,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"",
        "\">",
    );
    let expected = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hashes(between(&page, "<script>", "</script>")),
        hashes(between(&page, "<style>", "</style>")),
    );
    assert_eq!(policies, [expected]);
    assert!(page.find("Content-Security-Policy") < page.find("<style>"));
    // The page loads nothing. The one address is in the comment of uPlot's licence.
    for way in [
        " src=",
        "url(",
        "@import",
        "<link",
        "<iframe",
        "fetch(",
        "XMLHttpRequest",
        "import(",
        " style=\"",
        "onclick=\"",
    ] {
        assert!(!page.contains(way), "{way}");
    }
    let addresses: Vec<&str> = page
        .match_indices("://")
        .map(|(at, _)| &page[at..at + 25])
        .collect();
    assert_eq!(addresses, ["://github.com/leeoniya/uPl"[..25].to_owned()]);
}
