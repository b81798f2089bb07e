//! The figures of each answer, computed again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Facts, bytes, number};
use super::{DOMAIN, LAST_DAY, MONTH, Row};
use crate::sandbox::at;

/// Computes the figures of a question again; returns whether it can.
pub(super) fn check(number: usize, rows: &[Row], facts: &Facts) -> bool {
    match number {
        1 => rows.iter().for_each(|row| bill(row, facts)),
        2 => peaks(rows, facts),
        3 => rows.iter().for_each(|row| completeness(row, facts)),
        4 => gaps(rows, facts),
        6 => changes(rows),
        7 | 8 => errors(rows, facts),
        9 => rows.iter().for_each(|row| hour_of_day(row, facts)),
        10 | 12 => rows.iter().for_each(|row| traffic(row, facts)),
        11 => rows.iter().for_each(|row| weeks(row, facts)),
        14 => rows.iter().for_each(|row| rank(row, facts)),
        15 => busiest_hours(rows, facts),
        16 => rows.iter().for_each(|row| day(row, facts)),
        17 => last_hours(rows, facts),
        _ => return false,
    }
    true
}

fn this_month() -> (i64, i64) {
    (at("2026-06"), at("2026-07"))
}

/// Bandwidths in descending order.
fn ranking(slots: &BTreeMap<i64, (String, i64)>) -> Vec<i64> {
    let mut ranking: Vec<i64> = slots.values().map(|(_, bandwidth)| *bandwidth).collect();
    ranking.sort_unstable_by(|a, b| b.cmp(a));
    ranking
}

fn bill(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    assert_eq!(row.text("month_cst"), MONTH);
    let slots = facts.slots(domain, MONTH);
    let expected = facts.expected(domain, this_month());
    assert_eq!(row.count("expected_points"), expected);
    let ranking = ranking(&slots);
    let dropped = usize::try_from(expected / 20).unwrap();
    row.assert("mbps_95", number(ranking[dropped]) / 1e6, 1);
    row.assert("mbps_peak", number(ranking[0]) / 1e6, 1);
    row.assert("mbps_fourth_peak", number(ranking[3]) / 1e6, 1);
    let mut days: BTreeMap<&str, i64> = BTreeMap::new();
    for (day, bandwidth) in slots.values() {
        let peak = days.entry(day).or_insert(0);
        *peak = *bandwidth.max(peak);
    }
    let peaks = number(days.values().sum());
    row.assert("mbps_daily_peak_avg", peaks / number(15) / 1e6, 1);
    row.assert("traffic_gb", bytes(facts.of(domain, MONTH)) / 1e9, 1);
}

fn peaks(rows: &[Row], facts: &Facts) {
    let slots = facts.slots("*", MONTH);
    let ranking = ranking(&slots);
    for (row, bandwidth) in rows.iter().zip(ranking) {
        row.assert("mbps", number(bandwidth) / 1e6, 1);
        assert_eq!(slots[&row.count("ts")].1, bandwidth);
        assert_eq!(at(row.text("time_cst").get(..16).unwrap()), row.count("ts"));
    }
}

fn completeness(row: &Row, facts: &Facts) {
    let (domain, month) = (row.text("domain"), row.text("month_cst"));
    let range = if month == MONTH {
        this_month()
    } else {
        (at("2026-05"), at("2026-06"))
    };
    let expected = facts.expected(domain, range);
    let missing = i64::from(month == MONTH && domain != "download.example.com");
    assert_eq!(
        (
            row.count("expected_points"),
            row.count("points"),
            row.count("missing")
        ),
        (expected, expected - missing, missing)
    );
    assert_eq!(row.count("not_asked_for"), (range.1 - range.0) / 300 - expected);
    let verdict = if missing > 0 {
        "has gaps"
    } else {
        "not the whole month"
    };
    assert_eq!(row.text("verdict"), verdict);
}

fn gaps(rows: &[Row], facts: &Facts) {
    let held: BTreeSet<_> = facts
        .points
        .iter()
        .map(|point| (point.domain.clone(), point.ts))
        .collect();
    let told: BTreeSet<_> = rows
        .iter()
        .map(|row| {
            assert_eq!(row.count("slots"), 1);
            let start = row.text("start_cst").get(..16).unwrap();
            (row.text("domain").to_owned(), at(start))
        })
        .collect();
    assert_eq!(told, facts.asked.difference(&held).cloned().collect());
    let reasons: Vec<_> = rows.iter().map(|row| row.text("reason")).collect();
    assert_eq!(reasons, ["rejected", "empty"]);
}

fn changes(rows: &[Row]) {
    for row in rows {
        assert!(row.count("points_changed") > 0 && row.count("changes") >= row.count("points_changed"));
        // The API changes points of up to twelve hours; the demo's youngest were asked for again 30 hours later.
        let oldest = row.0["oldest_hours"].as_f64().unwrap();
        assert!((30.0..=42.0).contains(&oldest), "{oldest}");
    }
}

fn errors(rows: &[Row], facts: &Facts) {
    let since = at("2026-06-09");
    for row in rows {
        let domain = row.text("domain");
        let all = facts.counted(domain, since, |_| true);
        let (column, percent, told) = if let Some(code) = row.0.get("code").and_then(Value::as_str) {
            assert!(code.starts_with('4') && code.len() == 3, "{code}");
            let count = facts.counted(domain, since, |is| is == code);
            ("requests", "percent_of_domain", count)
        } else {
            assert_eq!(row.count("requests"), all);
            let is_5xx = |code: &str| code.len() == 3 && code.starts_with('5');
            (
                "requests_5xx",
                "percent_5xx",
                facts.counted(domain, since, is_5xx),
            )
        };
        assert_eq!(row.count(column), told, "{domain}");
        row.assert(percent, 100.0 * number(told) / number(all), 3);
    }
}

fn hour_of_day(row: &Row, facts: &Facts) {
    let end = facts.asked.iter().map(|(_, slot)| slot + 300).max().unwrap();
    let of_hour = |code: &dyn Fn(&str) -> bool| -> i64 {
        let codes = facts.codes.iter().filter(|(domain, time, ts, name, _)| {
            domain == DOMAIN && *ts >= end - 7 * 86_400 && &time[11..13] == row.text("hour") && code(name)
        });
        codes.map(|(_, _, _, _, count)| count).sum()
    };
    let (all, failed) = (
        of_hour(&|_| true),
        of_hour(&|code| code.len() == 3 && code.starts_with('5')),
    );
    assert_eq!((row.count("requests"), row.count("requests_5xx")), (all, failed));
    row.assert("percent_5xx", 100.0 * number(failed) / number(all), 3);
}

fn traffic(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let month = row
        .0
        .get("month_cst")
        .map_or(MONTH, |month| month.as_str().unwrap());
    let gb = bytes(facts.of(domain, month)) / 1e9;
    assert_eq!(
        row.count("requests"),
        facts.of(domain, month).map(|point| point.pv).sum::<i64>()
    );
    if row.0.contains_key("traffic_gib") {
        row.assert("traffic_gb", gb, 2);
        row.assert("traffic_gib", gb * 1e9 / 1_073_741_824.0, 2);
    } else {
        row.assert("traffic_gb", gb, 1);
        row.assert(
            "percent_of_account",
            100.0 * gb * 1e9 / bytes(facts.of("*", month)),
            2,
        );
    }
}

fn weeks(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let week = |from: &str, to: &str| {
        let (from, to) = (at(from), at(to));
        bytes(
            facts
                .of(domain, "2026")
                .filter(move |point| (from..to).contains(&point.ts)),
        )
    };
    let (this, before) = (week("2026-06-08", "2026-06-15"), week("2026-06-01", "2026-06-08"));
    row.assert("gb_this_week", this / 1e9, 1);
    row.assert("gb_week_before", before / 1e9, 1);
    row.assert("percent_more", 100.0 * this / before - 100.0, 1);
    assert_eq!(row.count("missing"), i64::from(domain == "img.example.com"));
}

fn rank(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let ranking = ranking(&facts.slots(domain, MONTH));
    let dropped = facts.expected(domain, this_month()) / 20;
    let line = ranking[usize::try_from(dropped).unwrap()];
    assert_eq!(row.count("rank"), dropped + 1);
    row.assert("mbps_95", number(line) / 1e6, 1);
    let above = ranking.iter().filter(|bandwidth| **bandwidth > line).count();
    assert_eq!(row.count("points_above"), i64::try_from(above).unwrap());
}

fn busiest_hours(rows: &[Row], facts: &Facts) {
    let mut hours: BTreeMap<&str, i64> = BTreeMap::new();
    for point in facts.of("*", MONTH) {
        *hours.entry(&point.time_cst[..13]).or_insert(0) += point.bandwidth;
    }
    let mut busiest: Vec<_> = hours.into_iter().map(|(hour, sum)| (sum, hour)).collect();
    busiest.sort_unstable_by(|a, b| b.cmp(a));
    for (row, (sum, hour)) in rows.iter().zip(busiest) {
        assert_eq!(row.text("hour_cst"), [hour, ":00:00"].concat());
        row.assert("traffic_gb", number(sum) * 300.0 / 8e9, 1);
        row.assert("mbps_avg", number(sum) / 12.0 / 1e6, 1);
    }
}

fn day(row: &Row, facts: &Facts) {
    let date = row.text("date_cst");
    let points: Vec<_> = facts.of(DOMAIN, date).collect();
    let count = i64::try_from(points.len()).unwrap();
    assert_eq!(row.count("points"), count);
    let expected = count + i64::from(date == LAST_DAY);
    assert_eq!(row.count("expected_points"), expected);
    let sum: i64 = points.iter().map(|point| point.bandwidth).sum();
    row.assert("mbps_avg", number(sum) / number(count) / 1e6, 2);
    let highest = points.iter().map(|point| point.bandwidth).max().unwrap();
    let peak = points.iter().find(|point| point.bandwidth == highest).unwrap();
    row.assert("mbps_peak", number(highest) / 1e6, 2);
    assert_eq!(row.text("peak_at_cst"), &peak.time_cst[11..16]);
    row.assert("traffic_gb", number(sum) * 300.0 / 8e9, 2);
}

fn last_hours(rows: &[Row], facts: &Facts) {
    // One slot of the 24 hours was left out.
    assert_eq!(rows.len(), 287);
    let since = at(rows[0].text("time_cst").get(..16).unwrap());
    let requests: i64 = rows.iter().map(|row| row.count("requests")).sum();
    let of_them = facts.of(DOMAIN, "").filter(|point| point.ts >= since);
    assert_eq!(requests, of_them.map(|point| point.pv).sum::<i64>());
    let counts = rows.iter().flat_map(|row| row.text("codes").split_whitespace());
    let counted: i64 = counts
        .map(|count| count.split_once(':').unwrap().1.parse::<i64>().unwrap())
        .sum();
    assert_eq!(counted, facts.counted(DOMAIN, since, |_| true));
}
