//! How fast an answer becomes columns, on one core.
//!
//! `cargo bench --bench parse` prints the best and the median of many passes over a generated answer of 20 domains
//! and one day: 5760 points, 17 codes each, compact as a server sends it, 2 to 4 of the codes above zero.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jdcdn_stats::api::envelope::encoding::decode;
use jdcdn_stats::api::origin::answer;
use jdcdn_stats::api::origin::reader::Selection;
use jdcdn_stats::api::{OriginRequest, read_answer};
use jdcdn_stats::model::{Domain, Span};

const CODES: [&str; 17] = [
    "0", "200", "201", "204", "206", "300", "301", "302", "464", "465", "466", "512", "605", "612", "613",
    "other", "000",
];
const DAY: i64 = 86_400;
const PASSES: usize = 400;

fn main() {
    let domains: Vec<Domain> = (0..20)
        .filter_map(|at| format!("www{at}.example.com").parse().ok())
        .collect();
    // 2026-01-01 in UTC+8.
    let start = 1_767_196_800;
    let Some(request) = Span::new(start, start + DAY).and_then(|window| OriginRequest::new(&domains, window))
    else {
        return;
    };
    let same = generate(&domains, start, false);
    let varying = generate(&domains, start, true);
    report("all points name the same codes", &same, |body| {
        answer::parse(&Selection::of(&request), &decode(body)).is_ok()
    });
    report("  the same, and guarded", &same, |body| {
        read_answer(&request, body).is_ok()
    });
    report("only codes above zero are named", &varying, |body| {
        answer::parse(&Selection::of(&request), &decode(body)).is_ok()
    });
}

fn report(what: &str, body: &[u8], pass: impl Fn(&[u8]) -> bool) {
    let mut times: Vec<Duration> = (0..PASSES)
        .map(|_| {
            let begin = Instant::now();
            assert!(
                black_box(pass(black_box(body))),
                "the generated answer is not taken"
            );
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    // Bytes a microsecond are megabytes a second.
    let bytes = u128::try_from(body.len()).unwrap_or_default();
    let speed = |place| {
        let time = times.get(place).map_or(1, Duration::as_nanos);
        bytes * 1_000 / time.max(1)
    };
    println!(
        "{what}: {bytes} bytes, best {} MB/s, median {} MB/s",
        speed(0),
        speed(PASSES / 2)
    );
}

fn generate(domains: &[Domain], start: i64, sparse: bool) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut body = String::from(r#"{"status":0,"msg":"Successful","data":["#);
    for (at, domain) in domains.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(body, r#"{comma}{{"domain":"{domain}","data":["#);
        for ts in (start..start + DAY).step_by(300) {
            point(&mut body, &mut rng, ts, sparse);
        }
        body.pop();
        body.push_str("]}");
    }
    body.push_str("]}");
    body.into_bytes()
}

fn point(body: &mut String, rng: &mut fastrand::Rng, ts: i64, sparse: bool) {
    let nonzero = rng.usize(2..=4);
    // One of a few habits, as a site has them.
    let habit = rng.usize(0..8);
    let chosen: Vec<usize> = (0..nonzero).map(|at| (habit + at * 5) % CODES.len()).collect();
    let counts: Vec<(&str, u32)> = CODES
        .into_iter()
        .enumerate()
        .map(|(at, code)| {
            (
                code,
                if chosen.contains(&at) {
                    rng.u32(1..5_000)
                } else {
                    0
                },
            )
        })
        .filter(|(_, count)| !sparse || *count > 0)
        .collect();
    let pv: u32 = counts.iter().map(|(_, count)| count).sum();
    let _ = write!(body, "[{ts},{},{pv},{{", rng.u32(0..900_000_000));
    for (code, count) in counts {
        let _ = write!(body, r#""{code}":{count},"#);
    }
    body.pop();
    body.push_str("}],");
}
