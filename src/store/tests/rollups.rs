//! Hours, days and months in step with the points.

use super::*;
use crate::store::migrations::apply_first;

/// Every row of the rollups.
pub(super) fn rows_of(path: &Path) -> Vec<Vec<Vec<Value>>> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let tables = [
        "hourly",
        "daily",
        "status_daily",
        "monthly",
        "account_hourly",
        "account_daily",
        "account_monthly",
    ];
    let all = tables.map(|table| {
        rows(
            &connection,
            &["SELECT * FROM origin_", table, " ORDER BY 1, 2, 3"].concat(),
        )
    });
    all.into()
}

/// Makes the rollups anew from nothing but points and coverage.
pub(super) fn rebuild(sandbox: &mut Sandbox) {
    let connection = rusqlite::Connection::open(sandbox.path()).unwrap();
    connection
        .execute_batch(
            "DELETE FROM rollup_hour; DELETE FROM rollup_day; DELETE FROM rollup_code_day; DELETE FROM rollup_month;
             DELETE FROM origin_account_hourly; DELETE FROM origin_account_daily; DELETE FROM origin_account_monthly;
             DELETE FROM month_top",
        )
        .unwrap();
    note_all(&connection);
    sandbox.store.roll_up(|_, _| ()).unwrap();
}

/// Notes every day that coverage touches, as the migration does.
fn note_all(connection: &rusqlite::Connection) {
    let migration = include_str!("../../../migrations/V12__lean_rollups.sql");
    let at = migration.find("INSERT OR IGNORE").unwrap();
    let end = migration[at..].find(';').unwrap();
    connection.execute_batch(&migration[at..at + end]).unwrap();
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_commit_notes_its_days_and_the_roll_up_tells_hours_day_codes_and_month() {
    let mut sandbox = Sandbox::new();
    let at = |slot: i64| MIDNIGHT + slot * SLOT_SECONDS;
    let first: Point<'_> = (at(0), 800, 3, &[("200", 3), ("502", 0)]);
    let same_hour: Point<'_> = (at(11), 1600, 5, &[("200", 4), ("other", 1)]);
    let next_hour: Point<'_> = (at(12), 8, 1, &[("502", 1)]);
    sandbox.commit(answer(span(0, 24), &[first, same_hour, next_hour]));
    assert_eq!(sandbox.number("SELECT count(*) FROM origin_hourly"), 0);
    assert_eq!(sandbox.number("SELECT day_ts FROM rollup_due"), MIDNIGHT);
    assert_eq!(sandbox.store.roll_up(|_, _| ()).unwrap(), 1);
    assert_eq!(sandbox.number("SELECT count(*) FROM rollup_due"), 0);

    let (domain, number) = (text("www.a.com"), Value::Integer);
    let [
        hourly,
        daily,
        codes,
        monthly,
        account_hourly,
        account_daily,
        account_monthly,
    ] = rows_of(&sandbox.path()).try_into().unwrap();
    let hour = |hour: &str, points, avg, peak, bytes, pv| {
        let (points, peak, bytes, pv) = (number(points), number(peak), number(bytes), number(pv));
        vec![
            domain.clone(),
            text(hour),
            points,
            Value::Real(avg),
            peak,
            bytes,
            pv,
        ]
    };
    assert_eq!(
        hourly,
        [
            hour("2019-09-15 00:00:00", 2, 1200.0, 1600, 90_000, 8),
            hour("2019-09-15 01:00:00", 1, 8.0, 8, 300, 1),
        ]
    );
    let head = [domain.clone(), text("2019-09-15")];
    let sums = [
        number(3),
        number(24),
        Value::Real(2408.0 / 3.0),
        number(1600),
        number(at(11)),
    ];
    let open_day = [number(288), number(0), number(0)];
    let tail = [&[number(90_300), number(9)], &open_day[..]].concat();
    assert_eq!(daily, [[&head[..], &sums, &tail].concat()]);
    let code = |code: &str, class: &str, requests| {
        [&head[..], &[text(code), text(class), number(requests)]].concat()
    };
    assert_eq!(
        codes,
        [
            code("200", "2xx", 7),
            code("502", "5xx", 1),
            code("other", "other", 1)
        ]
    );
    // 5 % of 24 slots: the highest is dropped. A fourth point there is not.
    let month = [
        number(3),
        number(24),
        number(800),
        number(1600),
        number(0),
        Value::Real(1600.0),
        number(90_300),
        number(9),
        number(8640),
        number(0),
        number(0),
        number(at(0)),
        number(0),
    ];
    assert_eq!(monthly, [[&[domain, text("2019-09")], &month[..]].concat()]);
    // With one domain, the account is the same.
    let domains = number(1);
    assert_eq!(
        account_monthly,
        [[&[text("2019-09"), domains.clone()], &month[..]].concat()]
    );
    assert_eq!(
        account_daily,
        [[&[text("2019-09-15"), domains.clone()], &sums[..], &tail].concat()]
    );
    let hour = |row: &[Value]| {
        let [_, hour, points, figures @ ..] = row else {
            panic!("{row:?}")
        };
        let head = [hour.clone(), domains.clone(), points.clone(), number(12)];
        [&head[..], figures].concat()
    };
    let hours: Vec<_> = hourly.iter().map(|row| hour(row)).collect();
    assert_eq!(account_hourly, hours);
}

#[test]
fn a_correction_changes_its_day_and_takes_away_the_code_that_nobody_reports_any_more() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(answer(
        span(0, 1),
        &[(MIDNIGHT, 800, 1, &[("200", 1), ("404", 0)])],
    ));
    sandbox.commit(answer(span(288, 1), &[]));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let other_day =
        "SELECT points, expected_points, bandwidth_peak FROM origin_daily WHERE date_cst = '2019-09-16'";
    assert_eq!(
        sandbox.rows(other_day),
        [[Value::Integer(0), Value::Integer(1), Value::Null]]
    );

    sandbox.commit(answer(span(0, 1), &[(MIDNIGHT, 1600, 1, &[("302", 1)])]));
    assert_eq!(
        sandbox.rows("SELECT day_ts FROM rollup_due"),
        [[Value::Integer(MIDNIGHT)]]
    );
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(
        sandbox.number("SELECT bandwidth_peak FROM origin_account_monthly"),
        1600
    );
    assert_eq!(
        sandbox.rows("SELECT code FROM origin_status_daily"),
        [[text("302")]]
    );
}

#[test]
fn an_answer_that_says_nothing_new_owes_nothing_and_writes_no_row() {
    let mut sandbox = Sandbox::new();
    let point: Point<'_> = (MIDNIGHT, 800, 3, &[("200", 3)]);
    sandbox.commit(answer(span(0, 288), &[point]));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    sandbox.commit(answer(span(0, 288), &[point]));
    assert_eq!(sandbox.number("SELECT count(*) FROM rollup_due"), 0);

    // Noted all the same, nothing differs but the note.
    note_all(&rusqlite::Connection::open(sandbox.path()).unwrap());
    let before = sandbox.store.total_changes();
    assert_eq!(sandbox.store.roll_up(|_, _| ()).unwrap(), 1);
    assert_eq!(sandbox.store.total_changes() - before, 1);
}

#[test]
fn what_a_killed_run_has_left_is_done_by_the_next_one_and_told_to_readers_meanwhile() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(answer(span(0, 1), &[(MIDNIGHT, 800, 3, &[])]));
    let path = sandbox.path();
    let Sandbox { dir, store, run } = sandbox;
    drop(store);
    assert_eq!(Reader::open(&path).unwrap().stale_days().unwrap(), 1);
    let store = open(&path).unwrap();
    let mut sandbox = Sandbox { dir, store, run };
    assert_eq!(sandbox.store.roll_up(|_, _| ()).unwrap(), 1);
    assert_eq!(Reader::open(&path).unwrap().stale_days().unwrap(), 0);
    assert_eq!(sandbox.number("SELECT traffic_bytes FROM origin_monthly"), 30_000);
}

#[test]
fn days_beyond_retention_lower_a_month_that_holds_points_and_make_no_month_by_themselves() {
    let mut sandbox = Sandbox::new();
    let beyond = |window| Commit {
        coverage: Coverage::BeyondRetention { at: MIDNIGHT },
        points: Vec::new(),
        ..answer(window, &[])
    };
    // The whole of August, and the days of September before the 15th.
    sandbox.commit(beyond(span(-288 * 45, 288 * 45)));
    sandbox.commit(answer(
        span(0, 2),
        &[(MIDNIGHT, 8, 1, &[]), (MIDNIGHT + 300, 8, 1, &[])],
    ));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(
        sandbox.rows("SELECT month_cst, points, expected_points, complete FROM origin_monthly"),
        [[
            text("2019-09"),
            Value::Integer(2),
            Value::Integer(14 * 288 + 2),
            Value::Integer(0)
        ]]
    );
    assert_eq!(
        sandbox.rows("SELECT month_cst, points, expected_points, complete FROM origin_monthly"),
        sandbox.rows("SELECT month_cst, points, expected_points, complete FROM origin_account_monthly")
    );
    assert_eq!(
        sandbox.rows("SELECT date_cst FROM origin_daily"),
        [[text("2019-09-15")]]
    );
}

#[test]
fn a_database_from_before_the_rollups_gets_them_all() {
    let mut sandbox = Sandbox::new();
    sandbox.commit(answer(span(0, 300), &[(MIDNIGHT, 8, 1, &[("200", 1)])]));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let expected = rows_of(&sandbox.path());
    // The same points in a file that has seen five migrations.
    let old = sandbox.dir.path().join("old.db");
    let mut connection = rusqlite::Connection::open(&old).unwrap();
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    apply_first(&mut connection, 5);
    connection
        .execute("ATTACH ?1 AS new", [sandbox.path().to_str().unwrap()])
        .unwrap();
    for table in [
        "domain",
        "code",
        "code_set",
        "code_set_member",
        "point",
        "code_count",
        "calendar",
        "coverage",
    ] {
        // Today's table has more columns.
        let columns = if table == "code" { "id, code" } else { "*" };
        let copy = [
            "INSERT INTO main.",
            table,
            " SELECT ",
            columns,
            " FROM new.",
            table,
        ]
        .concat();
        connection.execute_batch(&copy).unwrap();
    }
    drop(connection);
    let mut store = open(&old).unwrap();
    assert_eq!(store.roll_up(|_, _| ()).unwrap(), 1);
    assert_eq!(rows_of(&old), expected);
}

#[test]
fn a_month_whose_highest_points_a_correction_lowers_is_read_again() {
    let mut sandbox = Sandbox::new();
    let day = |day: i64, bandwidth: i64| {
        let points: Vec<Point<'_>> = (0..288)
            .map(|slot| {
                (
                    MIDNIGHT + (day * 288 + slot) * SLOT_SECONDS,
                    bandwidth + slot % 9,
                    1,
                    &[][..],
                )
            })
            .collect();
        answer(span(day * 288, 288), &points)
    };
    // Two of ten days have all points that are kept.
    for at in 0..10 {
        sandbox.commit(day(at, if at < 2 { 9_000_000 } else { 1_000 + at }));
    }
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let billed = "SELECT bandwidth_95, bandwidth_fourth_peak, bandwidth_95_ts FROM origin_account_monthly";
    let high = sandbox.rows(billed);
    for lowered in 0..2 {
        sandbox.commit(day(lowered, 7));
        sandbox.store.roll_up(|_, _| ()).unwrap();
        assert_ne!(sandbox.rows(billed), high, "day {lowered}");
    }
    assert_eq!(sums::damage(&sandbox.path()), Vec::<String>::new());
    let kept = rows_of(&sandbox.path());
    rebuild(&mut sandbox);
    assert_eq!(kept, rows_of(&sandbox.path()));
    assert!(sandbox.number("SELECT bandwidth_95 FROM origin_monthly") < 2_000);
}

/// A short confirmed gap before midnight becomes a part of an open one after it, although no answer named its day.
#[test]
fn a_gap_that_grows_over_midnight_makes_the_day_before_stale() {
    let mut sandbox = Sandbox::new();
    let a = |slot: i64| -> Point<'static> { (MIDNIGHT + slot * SLOT_SECONDS, 800, 3, &[("200", 3)]) };
    let points: Vec<Point<'_>> = (0..282).map(a).collect();
    let (day, next) = (span(0, 288), span(288, 288));
    let late = MIDNIGHT + 9 * DAY_SECONDS;
    let settled = |commit: Commit, window| Commit {
        coverage: Coverage::Fetched(vec![CoverageSpan {
            fetched_at: late,
            ..fetched(window, DAY_SECONDS)
        }]),
        ..commit
    };
    sandbox.commit(Commit {
        confirmed: vec![(domain("www.a.com"), vec![span(282, 6)])],
        ..settled(answer(day, &points), day)
    });
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let complete = "SELECT complete FROM origin_daily WHERE date_cst = '2019-09-15'";
    assert_eq!(sandbox.number(complete), 1);

    sandbox.commit(settled(answer(next, &[]), next));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let open = format!(
        "SELECT count(*) FROM origin_gaps WHERE confirmed = 0 AND start_ts < {}",
        next.start()
    );
    assert_eq!(sandbox.number(&open), 1);
    assert_eq!(sandbox.number(complete), 0);
    assert_eq!(
        sandbox.number("SELECT empty_slots FROM origin_daily WHERE date_cst = '2019-09-15'"),
        0
    );
}

/// A run that is killed after the answers about one domain: nobody has asked for the other one yet.
#[test]
fn a_run_that_is_killed_halfway_leaves_the_account_incomplete() {
    let mut sandbox = Sandbox::new();
    let day = span(0, 288);
    let expected = Expected {
        domains: vec![domain("www.a.com"), domain("www.b.com")],
        from: Some(MIDNIGHT),
        until: day.end(),
    };
    sandbox.store.expect_much(&expected).unwrap();
    let points: Vec<Point<'_>> = (0..288)
        .map(|slot| -> Point<'static> { (MIDNIGHT + slot * SLOT_SECONDS, 800, 3, &[("200", 3)]) })
        .collect();
    let of = |name: &str| Commit {
        coverage: Coverage::Fetched(vec![CoverageSpan {
            fetched_at: MIDNIGHT + 9 * DAY_SECONDS,
            ..fetched(day, DAY_SECONDS)
        }]),
        ..answer_of(name, day, &points)
    };
    sandbox.commit(of("www.a.com"));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    let complete = "SELECT complete FROM origin_account_daily";
    assert_eq!(sandbox.number("SELECT complete FROM origin_daily"), 1);
    assert_eq!(sandbox.number(complete), 0);
    sandbox.commit(of("www.b.com"));
    sandbox.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(sandbox.number(complete), 1);
    // A few slots that became available write nothing.
    let a_tick = Expected {
        until: day.end() + SLOT_SECONDS,
        ..expected
    };
    sandbox.store.expect_much(&a_tick).unwrap();
    assert_eq!(sandbox.number("SELECT count(*) FROM origin_gaps"), 0);
}
