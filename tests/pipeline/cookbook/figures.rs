//! The figures of each answer, computed again.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, Point, Restatement, bytes, number};
use super::{DEMO, DOMAIN, LAST_DAY, MONTH, Row};
use crate::sandbox::{NOW, at};

const DAY: i64 = 86_400;
const GIB: f64 = 1_073_741_824.0;
const MIB: f64 = 1_048_576.0;

/// Computes the figures of a question about `month` again; returns whether it can.
pub(super) fn check(number: usize, rows: &[Row], facts: &Facts, month: &str) -> bool {
    match number {
        1 => rows.iter().for_each(|row| bill(row, "*", facts, month)),
        2 => rows
            .iter()
            .for_each(|row| bill(row, row.text("domain"), facts, month)),
        3 => rows.iter().for_each(|row| completeness(row, facts, month)),
        4 => changes(rows, facts, month),
        5 => since_closing(rows, facts, month),
        6 => forecast(rows, facts),
        7 => rows.iter().for_each(|row| jump(row, facts)),
        8 => spikes(rows, facts),
        9 => busiest_hours(rows, facts, month),
        10 => shares(rows, facts, month),
        11 => rows.iter().for_each(|row| months(row, facts)),
        12 => rows.iter().for_each(|row| extent(row, facts)),
        13 => peaks(rows, facts, month),
        14 => rows.iter().for_each(|row| rank(row, facts, month)),
        15 => rows.iter().for_each(|row| sums(row, facts)),
        16 => rows.iter().for_each(|row| weeks(row, facts)),
        17 => rows.iter().for_each(|row| traffic(row, facts)),
        18 => rows.iter().for_each(|row| day(row, facts)),
        19 => codes(rows, facts, month),
        20 => last_hours(rows, facts),
        21 => rows.iter().for_each(|row| refused(row, facts)),
        22 => rows.iter().for_each(|row| hour_of_day(row, facts)),
        23 => gaps(rows, facts),
        _ => return false,
    }
    true
}

fn range_of(month: &str) -> (i64, i64) {
    match month {
        "2026-05" => (at("2026-05-01"), at("2026-06-01")),
        _ => (at("2026-06-01"), at("2026-07-01")),
    }
}

/// Only the month that is over has its last figures: every slot of it has a point.
fn is_complete(month: &str) -> i64 {
    i64::from(month != MONTH)
}

fn is_error(code: &str) -> bool {
    code.len() == 3 && code.starts_with('5')
}

/// Bandwidths in descending order.
fn ranking(slots: &BTreeMap<i64, (String, i64)>) -> Vec<i64> {
    let mut ranking: Vec<i64> = slots.values().map(|(_, bandwidth)| *bandwidth).collect();
    ranking.sort_unstable_by(|a, b| b.cmp(a));
    ranking
}

/// The 95 peak: how many are dropped, and the next one.
fn line(domain: &str, facts: &Facts, month: &str) -> (i64, i64) {
    let dropped = facts.expected(domain, range_of(month)) / 20;
    let ranking = ranking(&facts.slots(domain, month));
    (dropped, ranking[usize::try_from(dropped).unwrap()])
}

fn bill(row: &Row, domain: &str, facts: &Facts, month: &str) {
    let slots = facts.slots(domain, month);
    assert_eq!(row.count("complete"), is_complete(month));
    let (_, line) = line(domain, facts, month);
    row.assert("mbps_95", number(line) / 1e6, 1);
    row.assert("mibps_95", number(line) / MIB, 1);
    let first = slots.iter().find(|(_, (_, bandwidth))| *bandwidth == line);
    let told = at(row.text("billing_point_cst").get(..16).unwrap());
    assert_eq!(told, *first.unwrap().0);
    let ranking = ranking(&slots);
    row.assert("mbps_peak", number(ranking[0]) / 1e6, 1);
    row.assert("mbps_fourth_peak", number(ranking[3]) / 1e6, 1);
    let mut days: BTreeMap<&str, i64> = BTreeMap::new();
    for (day, bandwidth) in slots.values() {
        let peak = days.entry(day).or_insert(0);
        *peak = *bandwidth.max(peak);
    }
    let (peaks, count) = (days.values().sum(), i64::try_from(days.len()).unwrap());
    assert_eq!(count, if month == MONTH { 15 } else { 31 });
    row.assert("mbps_daily_peak_avg", number(peaks) / number(count) / 1e6, 1);
    let bytes = bytes(facts.of(domain, month));
    row.assert("traffic_gb", bytes / 1e9, 1);
    row.assert("traffic_gib", bytes / GIB, 1);
    let requests: i64 = facts.of(domain, month).map(|point| point.pv).sum();
    assert_eq!(row.count("requests"), requests);
}

fn completeness(row: &Row, facts: &Facts, month: &str) {
    let (domain, range) = (row.text("domain"), range_of(month));
    let complete = is_complete(month);
    assert_eq!(
        (row.count("complete"), row.count("account_complete")),
        (complete, complete)
    );
    let points = i64::try_from(facts.of(domain, month).count()).unwrap();
    assert_eq!(row.count("points"), points);
    let empty = facts.empty.iter().filter(|(of, _)| of == domain).count();
    assert_eq!(
        row.count("empty_slots"),
        i64::try_from(empty).unwrap() * (1 - complete)
    );
    let without = facts.without_point(domain, range);
    assert_eq!(row.count("missing") + row.count("empty_slots"), without);
    let not_asked = (range.1 - range.0) / 300 - facts.expected(domain, range);
    assert_eq!(row.count("not_asked_for"), not_asked);
}

fn changes(rows: &[Row], facts: &Facts, month: &str) {
    let (from, to) = range_of(month);
    let mut told = BTreeSet::new();
    for row in rows {
        let domain = row.text("domain");
        told.insert(domain.to_owned());
        let all: Vec<&Restatement> = facts
            .restatements
            .iter()
            .filter(|change| change.domain == domain && (from..to).contains(&change.ts))
            .collect();
        let points: BTreeSet<i64> = all.iter().map(|change| change.ts).collect();
        assert_eq!(row.count("points_changed"), i64::try_from(points.len()).unwrap());
        let late = all.iter().filter(|change| !change.was_there).count();
        assert_eq!(row.count("came_late"), i64::try_from(late).unwrap());
        let last = all.iter().map(|change| change.detected_at).max().unwrap();
        assert_eq!(at(row.text("last_change_cst").get(..16).unwrap()), last / 60 * 60);
        let oldest = all
            .iter()
            .map(|change| change.detected_at - change.ts)
            .max()
            .unwrap();
        row.assert("oldest_hours", number(oldest) / 3_600.0, 1);
        // The API changes points of up to twelve hours; the demo's youngest were asked for again 30 hours later.
        assert!((30 * 3_600..=42 * 3_600).contains(&oldest), "{oldest}");
        let more = |of: fn(&Restatement) -> [i64; 2]| -> i64 {
            all.iter().map(|change| of(change)[1] - of(change)[0]).sum()
        };
        assert_eq!(row.count("requests_more"), more(|change| change.pv));
        row.assert(
            "gb_more",
            number(more(|change| change.bandwidth)) * 300.0 / 8e9,
            3,
        );
    }
    let all = facts.restatements.iter();
    let changed: BTreeSet<String> = all
        .filter(|change| (from..to).contains(&change.ts))
        .map(|change| change.domain.clone())
        .collect();
    assert_eq!(told, changed);
}

/// The month before was closed when the demo was all that was there.
fn since_closing(rows: &[Row], facts: &Facts, month: &str) {
    if month == MONTH {
        assert_eq!(rows.len(), 0);
        return;
    }
    let then = at(DEMO) - 30 * DAY;
    let mut told = BTreeSet::new();
    for row in rows {
        let (domain, date) = (row.text("domain"), row.text("date_cst"));
        told.insert((date.to_owned(), domain.to_owned()));
        let now: Vec<_> = facts.of(domain, date).collect();
        let closed: Vec<_> = now.iter().copied().filter(|point| point.ts >= then).collect();
        let figures = |points: &[&Point]| {
            let requests: i64 = points.iter().map(|point| point.pv).sum();
            (points.len(), requests)
        };
        let told_now = (row.count("points_now"), row.count("requests_now"));
        let (points, requests) = figures(&now);
        assert_eq!(told_now, (i64::try_from(points).unwrap(), requests));
        row.assert("gb_now", bytes(now.iter().copied()) / 1e9, 3);
        if closed.is_empty() {
            assert!(["points", "gb", "requests"].map(|column| row.0[column].is_null()) == [true; 3]);
        } else {
            let (points, requests) = figures(&closed);
            let told = (row.count("points"), row.count("requests"));
            assert_eq!(told, (i64::try_from(points).unwrap(), requests));
            row.assert("gb", bytes(closed.into_iter()) / 1e9, 3);
        }
    }
    let later = facts.of("*", month).filter(|point| point.ts < then);
    let expected: BTreeSet<_> = later
        .map(|point| (point.time_cst[..10].to_owned(), point.domain.clone()))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(told.len(), 3 * 15);
}

/// Each day from `LAST_DAY` on counts like the mean of the same weekday in the 14 days before.
fn forecast(rows: &[Row], facts: &Facts) {
    let [row] = rows else {
        panic!("{} rows", rows.len());
    };
    assert_eq!(row.text("month_cst"), MONTH);
    let (today, (start, end)) = (at(LAST_DAY), range_of(MONTH));
    let requests = |(from, to): (i64, i64)| -> i64 {
        let points = facts.of("*", "").filter(|point| (from..to).contains(&point.ts));
        points.map(|point| point.pv).sum()
    };
    let (mut traffic, mut pv) = (
        facts.bytes_in("*", (start, today)),
        number(requests((start, today))),
    );
    let mut days = 0;
    for day in (today..end).step_by(usize::try_from(DAY).unwrap()) {
        let before = (1..=14).map(|age| today - age * DAY);
        let same: Vec<i64> = before.filter(|other| (day - other) % (7 * DAY) == 0).collect();
        assert_eq!(same.len(), 2);
        for other in same {
            traffic += facts.bytes_in("*", (other, other + DAY)) / 2.0;
            pv += number(requests((other, other + DAY))) / 2.0;
        }
        days += 1;
    }
    assert_eq!(row.count("days_to_come"), days);
    row.assert("gb_so_far", bytes(facts.of("*", MONTH)) / 1e9, 1);
    row.assert("gb_at_the_end", traffic / 1e9, 1);
    assert_eq!(row.count("requests_so_far"), requests((start, end)));
    row.assert("requests_at_the_end", pv, 0);
}

fn jump(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let day = at(LAST_DAY) - DAY;
    for (column, range) in [
        ("percent_last_day", (day, day + DAY)),
        ("percent_week_before", (day - 7 * DAY, day)),
    ] {
        let all = facts.counted(domain, range, |_| true);
        let errors = facts.counted(domain, range, is_error);
        row.assert(column, 100.0 * number(errors) / number(all), 3);
    }
    let errors = facts.counted(domain, (day, day + DAY), is_error);
    assert_eq!(row.count("origin_errors_last_day"), errors);
}

fn spikes(rows: &[Row], facts: &Facts) {
    let mut slots: BTreeMap<(i64, &str), [i64; 2]> = BTreeMap::new();
    let since = facts.end() - DAY;
    for (domain, _, ts, code, count) in &facts.codes {
        if *ts >= since {
            let counts = slots.entry((*ts, domain)).or_default();
            counts[0] += count;
            counts[1] += if is_error(code) { *count } else { 0 };
        }
    }
    let mut worst: Vec<i64> = slots.values().map(|counts| counts[1]).collect();
    worst.sort_unstable_by(|a, b| b.cmp(a));
    for (row, errors) in rows.iter().zip(worst) {
        assert_eq!(row.count("origin_errors"), errors);
        let ts = at(row.text("time_cst").get(..16).unwrap());
        let [all, failed] = slots[&(ts, row.text("domain"))];
        assert_eq!((row.count("requests"), row.count("origin_errors")), (all, failed));
        row.assert("percent", 100.0 * number(failed) / number(all), 2);
    }
}

fn busiest_hours(rows: &[Row], facts: &Facts, month: &str) {
    let mut hours: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for point in facts.of("*", month) {
        let (sum, pv) = hours.entry(&point.time_cst[..13]).or_insert((0, 0));
        *sum += point.bandwidth;
        *pv += point.pv;
    }
    let mut busiest: Vec<_> = hours
        .into_iter()
        .map(|(hour, (sum, pv))| (sum, hour, pv))
        .collect();
    busiest.sort_unstable_by(|a, b| b.cmp(a));
    for (row, (sum, hour, pv)) in rows.iter().zip(busiest) {
        assert_eq!(row.text("hour_cst"), [hour, ":00:00"].concat());
        row.assert("traffic_gb", number(sum) * 300.0 / 8e9, 1);
        row.assert("mbps_avg", number(sum) / 12.0 / 1e6, 1);
        let peak = facts
            .slots("*", hour)
            .values()
            .map(|(_, bandwidth)| *bandwidth)
            .max();
        row.assert("mbps_peak", number(peak.unwrap()) / 1e6, 1);
        assert_eq!((row.count("requests"), row.count("missing")), (pv, 0));
    }
}

fn shares(rows: &[Row], facts: &Facts, month: &str) {
    let all = bytes(facts.of("*", month));
    let mut together = 0.0;
    let mut last = f64::INFINITY;
    for row in rows {
        let domain = row.text("domain");
        let of_it = bytes(facts.of(domain, month));
        assert!(of_it <= last, "{domain}");
        last = of_it;
        together += of_it;
        row.assert("traffic_gb", of_it / 1e9, 1);
        row.assert("percent_of_account", 100.0 * of_it / all, 2);
        row.assert("percent_together", 100.0 * together / all, 2);
        let requests: i64 = facts.of(domain, month).map(|point| point.pv).sum();
        assert_eq!(row.count("requests"), requests);
    }
}

/// The 1st to the 14th of both months: the 15th is running.
fn months(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let this = (at("2026-06-01"), at("2026-06-15"));
    let before = (at("2026-05-01"), at("2026-05-15"));
    assert_eq!(row.count("days_compared"), 14);
    let [now, then] = [this, before].map(|range| facts.bytes_in(domain, range));
    row.assert("gb_this_month", now / 1e9, 1);
    row.assert("gb_month_before", then / 1e9, 1);
    row.assert("percent_more", 100.0 * now / then - 100.0, 1);
    let without = [this, before].map(|range| facts.without_point(domain, range));
    assert_eq!(row.count("without_point"), without[0] + without[1]);
}

fn extent(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let asked: Vec<i64> = facts
        .asked
        .iter()
        .filter(|(of, _)| of == domain)
        .map(|(_, slot)| *slot)
        .collect();
    let told = ["from_cst", "to_cst"].map(|column| at(row.text(column).get(..16).unwrap()));
    assert_eq!(told, [asked[0], asked[asked.len() - 1] + 300]);
    assert!(told[1] <= at(NOW));
}

fn peaks(rows: &[Row], facts: &Facts, month: &str) {
    let slots = facts.slots("*", month);
    let ranking = ranking(&slots);
    for (row, bandwidth) in rows.iter().zip(ranking) {
        row.assert("mbps", number(bandwidth) / 1e6, 1);
        assert_eq!(slots[&row.count("ts")].1, bandwidth);
        assert_eq!(at(row.text("time_cst").get(..16).unwrap()), row.count("ts"));
    }
}

fn rank(row: &Row, facts: &Facts, month: &str) {
    let domain = row.text("domain");
    let (dropped, line) = line(domain, facts, month);
    assert_eq!(row.count("rank"), dropped + 1);
    assert_eq!(
        row.count("expected_points"),
        facts.expected(domain, range_of(month))
    );
    row.assert("mbps_95", number(line) / 1e6, 1);
    let ranking = ranking(&facts.slots(domain, month));
    let above = ranking.iter().filter(|bandwidth| **bandwidth > line).count();
    assert_eq!(row.count("points_above"), i64::try_from(above).unwrap());
    assert_eq!(
        row.count("rank_at_the_end"),
        if month == MONTH { 433 } else { 447 }
    );
}

fn sums(row: &Row, facts: &Facts) {
    let month = row.text("month_cst");
    let domains: BTreeSet<&str> = facts.points.iter().map(|point| point.domain.as_str()).collect();
    let highest = |domain: &str| ranking(&facts.slots(domain, month))[0];
    let over = |of: &dyn Fn(&str) -> i64| number(domains.iter().map(|domain| of(domain)).sum()) / 1e6;
    let line = |domain: &str| line(domain, facts, month).1;
    row.assert("mbps_95_account", number(line("*")) / 1e6, 1);
    row.assert("mbps_95_sum", over(&line), 1);
    row.assert("mbps_peak_account", number(highest("*")) / 1e6, 1);
    row.assert("mbps_peak_sum", over(&highest), 1);
    let gb = bytes(facts.of("*", month)) / 1e9;
    row.assert("gb_account", gb, 1);
    row.assert("gb_sum", gb, 1);
}

fn weeks(row: &Row, facts: &Facts) {
    let domain = row.text("domain");
    let [before, this] = [
        (at("2026-06-01"), at("2026-06-08")),
        (at("2026-06-08"), at("2026-06-15")),
    ];
    let [then, now] = [before, this].map(|range| facts.bytes_in(domain, range));
    row.assert("gb_this_week", now / 1e9, 1);
    row.assert("gb_week_before", then / 1e9, 1);
    row.assert("percent_more", 100.0 * now / then - 100.0, 1);
    let without = [before, this].map(|range| facts.without_point(domain, range));
    assert_eq!(row.count("without_point"), without[0] + without[1]);
    assert_eq!(row.count("without_point"), i64::from(domain == "img.example.com"));
}

fn traffic(row: &Row, facts: &Facts) {
    let month = row.text("month_cst");
    let gb = bytes(facts.of("*", month)) / 1e9;
    row.assert("traffic_gb", gb, 2);
    row.assert("traffic_gib", gb * 1e9 / GIB, 2);
    assert_eq!(row.count("complete"), is_complete(month));
    let requests: i64 = facts.of("*", month).map(|point| point.pv).sum();
    let points = i64::try_from(facts.of("*", month).count()).unwrap();
    assert_eq!((row.count("requests"), row.count("points")), (requests, points));
    let missing = if month == MONTH { 2 } else { 0 };
    assert_eq!(row.count("expected_points"), points + missing);
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

fn codes(rows: &[Row], facts: &Facts, month: &str) {
    let reported = facts.reported.iter().filter(|(of, _)| of == month);
    let mut requests: BTreeMap<&str, i64> = reported.map(|(_, code)| (code.as_str(), 0)).collect();
    for (_, time, _, code, count) in &facts.codes {
        if time.starts_with(month) {
            *requests.entry(code).or_default() += count;
        }
    }
    let told: BTreeMap<&str, i64> = rows
        .iter()
        .map(|row| (row.text("code"), row.count("requests")))
        .collect();
    assert_eq!(told, requests);
    for row in rows {
        let code = row.text("code");
        assert_eq!(row.count("origin_error"), i64::from(is_error(code)), "{code}");
        assert_eq!(row.text("class") == "5xx", is_error(code), "{code}");
        let is_of_the_vendor = [
            "0", "000", "other", "464", "465", "466", "512", "605", "612", "613",
        ]
        .contains(&code);
        assert_eq!(
            row.text("meaning").starts_with("No published meaning."),
            is_of_the_vendor,
            "{code}"
        );
        assert!(!row.text("source").is_empty(), "{code}");
    }
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
    assert_eq!(counted, facts.counted(DOMAIN, (since, facts.end()), |_| true));
}

fn refused(row: &Row, facts: &Facts) {
    let (domain, code) = (row.text("domain"), row.text("code"));
    let range = (at(LAST_DAY) - 6 * DAY, facts.end());
    assert!(code.starts_with('4') && code.len() == 3, "{code}");
    let count = facts.counted(domain, range, |is| is == code);
    assert_eq!(row.count("requests"), count, "{domain}");
    let all = facts.counted(domain, range, |_| true);
    row.assert("percent_of_domain", 100.0 * number(count) / number(all), 3);
}

fn hour_of_day(row: &Row, facts: &Facts) {
    let since = facts.end() - 7 * DAY;
    let of_hour = |code: &dyn Fn(&str) -> bool| -> i64 {
        let codes = facts.codes.iter().filter(|(domain, time, ts, name, _)| {
            domain == DOMAIN && *ts >= since && &time[11..13] == row.text("hour") && code(name)
        });
        codes.map(|(_, _, _, _, count)| count).sum()
    };
    let (all, failed) = (of_hour(&|_| true), of_hour(&is_error));
    assert_eq!((row.count("requests"), row.count("origin_errors")), (all, failed));
    row.assert("percent", 100.0 * number(failed) / number(all), 3);
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
