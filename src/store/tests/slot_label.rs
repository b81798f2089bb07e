//! Hours, days and months where a label names the end of its slot.

use super::*;
use crate::model::SlotLabel;

/// The last slot before 2019-10-01 00:00 in UTC+8, by its number after [`MIDNIGHT`].
const LAST: i64 = 16 * 288 - 1;

fn at(slot: i64) -> UnixSeconds {
    MIDNIGHT + slot * SLOT_SECONDS
}

/// Labels 23:55, 00:00 and 00:05 around the end of September.
fn around_the_end_of_the_month(sandbox: &mut Sandbox) {
    sandbox.commit(answer(
        span(LAST, 3),
        &[
            (at(LAST), 800, 1, &[("200", 1)]),
            (at(LAST + 1), 1600, 2, &[("404", 2)]),
            (at(LAST + 2), 3200, 3, &[("200", 3), ("502", 0)]),
        ],
    ));
}

/// Time or code, points or requests, and the moment or figure that tells the rows apart.
fn read(sandbox: &Sandbox) -> [Vec<Vec<Value>>; 4] {
    [
        "SELECT hour_cst, points, bandwidth_peak FROM origin_hourly ORDER BY 1",
        "SELECT date_cst, points, expected_points, peak_ts FROM origin_daily ORDER BY 1",
        "SELECT date_cst, code, requests FROM origin_status_daily ORDER BY 1, 2",
        "SELECT domain, month_cst, points, expected_points, bandwidth_daily_peak_avg FROM origin_monthly
         UNION ALL SELECT '*', month_cst, points, expected_points, bandwidth_daily_peak_avg FROM origin_account_monthly
         ORDER BY 1, 2",
    ]
    .map(|sql| sandbox.rows(sql))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn midnight_of_the_first_is_the_last_slot_of_the_month_before() {
    let mut sandbox = Sandbox::new();
    assert!(
        !sandbox.store.use_slot_label(SlotLabel::End).unwrap(),
        "nothing was there"
    );
    around_the_end_of_the_month(&mut sandbox);
    assert_eq!(
        sandbox.rows("SELECT day_ts FROM rollup_due"),
        [[Value::Integer(at(15 * 288))], [Value::Integer(at(16 * 288))]]
    );
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let number = Value::Integer;
    let [hours, days, codes, months] = read(&sandbox);
    assert_eq!(
        hours,
        [
            [text("2019-09-30 23:00:00"), number(2), number(1600)],
            [text("2019-10-01 00:00:00"), number(1), number(3200)],
        ]
    );
    assert_eq!(
        days,
        [
            [text("2019-09-30"), number(2), number(2), number(at(LAST + 1))],
            [text("2019-10-01"), number(1), number(1), number(at(LAST + 2))],
        ]
    );
    assert_eq!(
        codes,
        [
            [text("2019-09-30"), text("200"), number(1)],
            [text("2019-09-30"), text("404"), number(2)],
            [text("2019-10-01"), text("200"), number(3)],
            [text("2019-10-01"), text("502"), number(0)],
        ]
    );
    let month = |domain, month, points, daily| {
        [
            text(domain),
            text(month),
            number(points),
            number(points),
            Value::Real(daily),
        ]
    };
    assert_eq!(
        months,
        [
            month("*", "2019-09", 2, 1600.0),
            month("*", "2019-10", 1, 3200.0),
            month("www.a.com", "2019-09", 2, 1600.0),
            month("www.a.com", "2019-10", 1, 3200.0),
        ]
    );
    // Points stay as they were reported.
    assert_eq!(
        sandbox.rows("SELECT time_cst FROM origin_stats WHERE bandwidth = 1600"),
        [[text("2019-10-01 00:00:00")]]
    );
}

#[test]
fn another_label_computes_everything_anew_once_and_back_again() {
    let mut sandbox = Sandbox::new();
    around_the_end_of_the_month(&mut sandbox);
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let by_start = read(&sandbox);
    assert_eq!(by_start[0].len(), 2);
    assert_eq!(by_start[0][1][1], Value::Integer(2), "00:00 and 00:05");

    assert!(!sandbox.store.use_slot_label(SlotLabel::Start).unwrap());
    assert_eq!(sandbox.number("SELECT count(*) FROM rollup_due"), 0);
    assert!(sandbox.store.use_slot_label(SlotLabel::End).unwrap());
    assert_eq!(sandbox.number("SELECT count(*) FROM rollup_due"), 2);
    assert_eq!(
        read(&sandbox),
        [const { Vec::<Vec<Value>>::new() }; 4],
        "no row of the label before"
    );
    assert_eq!(
        sandbox.rows("SELECT name, value FROM origin_settings"),
        [[text("slot_label"), text("end")]]
    );
    assert!(!sandbox.store.use_slot_label(SlotLabel::End).unwrap());
    assert_eq!(sandbox.store.roll_up(|_, _| ()).unwrap(), 2);
    assert_ne!(read(&sandbox), by_start);

    assert!(sandbox.store.use_slot_label(SlotLabel::Start).unwrap());
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(read(&sandbox), by_start);
}

#[test]
fn a_reader_is_told_the_label_of_the_file_and_start_of_a_file_from_before_it() {
    let mut sandbox = Sandbox::new();
    let told = |path: &Path| Reader::open(path).unwrap().slot_label().unwrap();
    assert_eq!(told(&sandbox.path()), SlotLabel::Start);
    sandbox.store.use_slot_label(SlotLabel::End).unwrap();
    assert_eq!(told(&sandbox.path()), SlotLabel::End);

    let old = sandbox.dir.path().join("old.db");
    let mut connection = rusqlite::Connection::open(&old).unwrap();
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    crate::store::migrations::apply_first(&mut connection, 7);
    assert_eq!(told(&old), SlotLabel::Start);
}
