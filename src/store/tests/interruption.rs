//! What a store leaves when the process is asked to end.

use super::rollups::rows_of;
use super::*;

/// Two months with points, of which the rollups know nothing yet.
fn two_months() -> Sandbox {
    let mut sandbox = Sandbox::new();
    for slot in [0, 30 * 288] {
        let point: Point<'_> = (MIDNIGHT + slot * SLOT_SECONDS, 800, 3, &[("200", 3)]);
        sandbox.commit(answer(span(slot, 1), &[point]));
    }
    sandbox
}

#[test]
fn rollups_are_left_at_once_and_stay_noted_for_the_next_run() {
    let mut sandbox = two_months();
    let interruption = Interruption::default();
    sandbox.store.heed(&interruption).unwrap();
    let ended = sandbox.store.roll_up(|done, months| {
        assert_eq!(months, 2);
        if done == 1 {
            interruption.begin();
        }
    });
    assert!(ended.unwrap_err().is_interruption());
    assert_eq!(sandbox.number("SELECT count(*) FROM rollup_due"), 1);
    assert_eq!(
        sandbox.number(
            "SELECT (SELECT count(*) FROM origin_monthly) + (SELECT count(*) FROM origin_account_monthly)"
        ),
        2
    );

    let (path, Sandbox { dir: _dir, store, .. }) = (sandbox.path(), sandbox);
    drop(store);
    open(&path).unwrap().roll_up(|_, _| ()).unwrap();
    let mut undisturbed = two_months();
    undisturbed.store.roll_up(|_, _| ()).unwrap();
    assert_eq!(rows_of(&path), rows_of(&undisturbed.path()));
}

#[test]
fn a_statement_that_does_not_end_is_left_and_its_transaction_undone() {
    const ENDLESS: &str =
        "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let mut sandbox = two_months();
    let before = sandbox.number("SELECT count(*) FROM point");
    let interruption = Interruption::default();
    sandbox.store.heed(&interruption).unwrap();
    let ended = sandbox.store.deferrable(|store| {
        store.in_transaction(|tx, _| {
            tx.execute("DELETE FROM point", [])?;
            interruption.begin();
            Ok(tx.query_row(ENDLESS, [], |row| row.get::<_, i64>(0))?)
        })
    });
    assert!(ended.unwrap_err().is_interruption());
    assert_eq!(sandbox.number("SELECT count(*) FROM point"), before);
}

#[test]
fn a_run_does_not_wait_for_the_write_lock_any_longer() {
    let mut sandbox = two_months();
    let other = rusqlite::Connection::open(sandbox.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let interruption = Interruption::default();
    sandbox.store.heed(&interruption).unwrap();
    interruption.begin();
    // A commit has some time left, in which the lock may become free.
    let commit = answer(span(5, 1), &[(MIDNIGHT + 5 * SLOT_SECONDS, 8, 1, &[])]);
    let ended = sandbox.store.commit(sandbox.run, &[commit]);
    assert!(ended.unwrap_err().is_interruption());
    assert!(sandbox.store.begin_run(&new_run()).unwrap_err().is_interruption());
}
