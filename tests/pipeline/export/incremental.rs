//! Which files are written again, left alone or taken away.

use std::ops::ControlFlow;

use jdcdn_stats::export::{DataFormat, ExportRequest, PartLimits};
use jdcdn_stats::store::Reader;

use super::*;

#[test]
fn what_has_not_changed_is_not_written_again() {
    for command in [PARQUET, CSV] {
        let sandbox = sandbox();
        export(&sandbox, &command, &[]).with(0);
        let before = identities(&sandbox);
        let said = export(&sandbox, &command, &[]).with(0);
        let expected = format!("0 files written, {} unchanged, 0 removed", file_count(&sandbox));
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(identities(&sandbox), before, "the manifest too stays as it is");
        // Nor does a run that asks again and finds the same.
        sandbox.backfill("2026-05-30", "2026-06-02", &["--force"]).with(0);
        export(&sandbox, &command, &[]).with(0);
        assert_eq!(identities(&sandbox), before);
    }
}

/// The files that differ between the two, the manifest left out.
fn changed(
    before: &BTreeMap<String, (u64, i64, i64)>,
    after: &BTreeMap<String, (u64, i64, i64)>,
) -> Vec<String> {
    let names = before.keys().chain(after.keys());
    let mut changed: Vec<String> = names
        .filter(|name| *name != "_manifest.json" && before.get(*name) != after.get(*name))
        .cloned()
        .collect();
    changed.sort();
    changed.dedup();
    changed
}

#[test]
fn only_the_month_of_a_changed_value_is_written_again() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let more_zeros = "INSERT INTO code_set VALUES (98, '[\"98\"]');
        INSERT INTO code_set_member SELECT 98, id FROM code;
        UPDATE point SET code_set_id = 98 WHERE domain_id = 1 AND ts = NOON";
    for sql in [
        "UPDATE point SET bandwidth = bandwidth + 1 WHERE domain_id = 1 AND ts = NOON",
        "UPDATE point SET pv = pv + 1 WHERE domain_id = 1 AND ts = NOON",
        "UPDATE code_count SET count = count + 1 WHERE domain_id = 1 AND ts = NOON",
        more_zeros,
    ] {
        let before = identities(&sandbox);
        change(&sandbox, sql);
        export(&sandbox, &PARQUET, &[]).with(0);
        let changed = changed(&before, &identities(&sandbox));
        assert!(
            changed.iter().all(|name| name.contains("month=2026-06")),
            "{sql}: {changed:?}"
        );
        for relation in [
            "origin_stats",
            "origin_status_codes",
            "origin_hourly",
            "origin_status_daily",
        ] {
            let file = format!("{relation}/month=2026-06/part-0.parquet");
            assert!(changed.contains(&file), "{sql}: {changed:?}");
        }
        assert_parquet_is_the_relations(&sandbox);
    }
}

#[test]
fn a_new_day_has_only_its_month_written() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let before = identities(&sandbox);
    sandbox.backfill("2026-06-02", "2026-06-03", &[]).with(0);
    export(&sandbox, &PARQUET, &[]).with(0);
    let changed = changed(&before, &identities(&sandbox));
    assert!(changed.len() > 4, "{changed:?}");
    assert!(
        changed.iter().all(|name| name.contains("month=2026-06")),
        "{changed:?}"
    );
    assert_parquet_is_the_relations(&sandbox);
}

#[test]
fn an_export_with_nothing_new_reads_no_point() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let before = identities(&sandbox);
    // Whoever reads a point or a count fails: these are no numbers. The sums stay as the commits left them.
    let trap = "UPDATE point SET bandwidth = 'trap'; UPDATE code_count SET count = 'trap'";
    let database = writable(&sandbox);
    database
        .execute_batch("PRAGMA ignore_check_constraints = 1")
        .unwrap();
    database.execute_batch(trap).unwrap();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("0 files written"), "{said}");
    assert_eq!(identities(&sandbox), before);
    // The trap works.
    let failed = export(&sandbox, &["export", "--format", "parquet", "other"], &[]);
    assert_eq!(failed.code, Some(5), "{failed:?}");
}

#[test]
fn two_exports_of_the_same_rows_have_the_same_bytes() {
    let sandbox = sandbox();
    for format in ["parquet", "csv"] {
        for directory in ["one", "two"] {
            sandbox
                .run(&["export", "--format", format, &format!("{format}-{directory}")])
                .with(0);
        }
        let content = |directory: &str| -> BTreeMap<String, Vec<u8>> {
            let found = files(&sandbox.path(&format!("{format}-{directory}")));
            found
                .into_iter()
                .map(|(name, path)| (name, fs::read(path).unwrap()))
                .collect()
        };
        assert!(content("one") == content("two"), "{format}");
    }
}

#[test]
fn points_that_differ_from_their_sums_are_not_exported() {
    let sandbox = sandbox();
    for (month, sql) in [
        (
            "2026-06",
            "UPDATE point SET bandwidth = bandwidth + 1 WHERE domain_id = 1 AND ts = NOON",
        ),
        ("2026-05", "DELETE FROM point WHERE domain_id = 2"),
        (
            "2026-05",
            "INSERT INTO domain VALUES (99, 'new.example.com');
             INSERT INTO point SELECT 99, ts, bandwidth, pv, code_set_id FROM point WHERE domain_id = 1",
        ),
    ] {
        let sql = sql.replace("NOON", &at(NOON).to_string());
        writable(&sandbox).execute_batch(&sql).unwrap();
        let refused = export(&sandbox, &PARQUET, &[]).failed(5);
        assert!(
            refused.contains(&format!("in {month} differ from the sums that were kept")),
            "{refused}"
        );
        assert!(refused.contains("keep the file"), "{refused}");
        let left = files(&sandbox.path("out"));
        let of_points = format!("origin_stats/month={month}");
        assert!(!left.keys().any(|name| name.starts_with(&of_points)), "{left:?}");
        assert!(!left.keys().any(|name| name.contains(".tmp")), "{left:?}");
        fs::remove_dir_all(sandbox.path("out")).unwrap();
        sandbox.remove_database();
        sandbox.backfill("2026-05-30", "2026-06-02", &[]).with(0);
    }
}

#[test]
fn a_database_without_sums_is_exported_from_its_points_with_the_same_bytes() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let before = identities(&sandbox);
    let without = "UPDATE sum_build SET complete = 0; DELETE FROM month_sum";
    writable(&sandbox).execute_batch(without).unwrap();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("0 files written"), "{said}");
    assert_eq!(identities(&sandbox), before);
    fs::remove_dir_all(sandbox.path("out")).unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_relations(&sandbox);
}

#[test]
fn rollups_that_are_out_of_date_are_named_and_written_again_when_they_are_not() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    // As a run that is killed before its rollups leaves the file.
    let sql = "UPDATE point SET pv = pv + 1 WHERE domain_id = 1 AND ts = NOON;
        INSERT INTO rollup_due VALUES (1, NOON - 43200); UPDATE sum_build SET complete = 0";
    let sql = sql.replace("NOON", &at(NOON).to_string());
    writable(&sandbox).execute_batch(&sql).unwrap();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(
        said.contains("rollups are out of date for 1 domain-day: "),
        "{said}"
    );
    assert_parquet_is_the_relations(&sandbox);
    sandbox.run(&["migrate"]).with(0);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(!said.contains("out of date"), "{said}");
    assert_parquet_is_the_relations(&sandbox);
}

#[test]
fn a_month_in_several_parts_is_replaced_as_a_whole() {
    let sandbox = Sandbox::with_domains(4);
    sandbox.backfill("2026-05-01", "2026-05-12", &["-q"]).with(0);
    let limits = |rows| PartLimits {
        rows,
        bytes: u64::MAX,
    };
    export_with(&sandbox, limits(1 << 17));
    let parts = |sandbox: &Sandbox| {
        let mut names: Vec<String> = data_files(sandbox).into_keys().collect();
        names.retain(|name| name.starts_with("origin_status_codes/"));
        names
    };
    let many = parts(&sandbox);
    assert!(many.len() >= 2, "{many:?}");
    assert_parquet_is_the_relations(&sandbox);
    // Its parts are no longer one whole: the others have other rows.
    let last = sandbox.path("out").join(many.last().unwrap());
    let good = fs::read(&last).unwrap();
    change(&sandbox, "UPDATE point SET pv = pv + 1 WHERE domain_id = 1");
    export_with(&sandbox, limits(1 << 17));
    fs::write(&last, good).unwrap();
    export_with(&sandbox, limits(1 << 17));
    assert_parquet_is_the_relations(&sandbox);
    // Nor if one is missing, or one is left over.
    fs::remove_file(&last).unwrap();
    export_with(&sandbox, limits(1 << 17));
    assert_parquet_is_the_relations(&sandbox);
    change(&sandbox, "UPDATE point SET pv = pv + 1 WHERE domain_id = 1");
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_eq!(parts(&sandbox).len(), 1);
    assert_parquet_is_the_relations(&sandbox);
}

/// An export of Parquet with parts of another size.
fn export_with(sandbox: &Sandbox, limits: PartLimits) {
    let reader = Reader::open(&sandbox.path("jdcdn-stats.db")).unwrap();
    let request = ExportRequest {
        directory: sandbox.path("out"),
        format: DataFormat::Parquet,
        bom: false,
        domains: Vec::new(),
        range: None,
        limits,
        now: at(NOON),
    };
    jdcdn_stats::export::export(&reader, &request, |_| ControlFlow::Continue(())).unwrap();
}

#[test]
fn a_file_that_is_missing_or_has_another_size_is_written_again() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let (missing, cut) = {
        let mut found = data_files(&sandbox).into_values();
        (found.next().unwrap(), found.next_back().unwrap())
    };
    fs::remove_file(&missing).unwrap();
    File::options()
        .write(true)
        .open(&cut)
        .unwrap()
        .set_len(100)
        .unwrap();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("2 files written"), "{said}");
    assert_parquet_is_the_relations(&sandbox);
}

#[test]
fn months_whose_data_is_gone_lose_their_files_and_other_peoples_files_stay() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-03-05", "2026-03-06", &[]).with(0);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_relations(&sandbox);

    let theirs = sandbox.path("out/origin_stats/month=2026-03/notes.txt");
    fs::write(&theirs, "mine").unwrap();
    // Another database, with only one of the months.
    sandbox.remove_database();
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let march = |sandbox: &Sandbox| {
        data_files(sandbox)
            .into_keys()
            .filter(|name| name.contains("2026-03"))
            .count()
    };
    // No month is touched by an export that does not ask for it.
    let before = march(&sandbox);
    let said = export(&sandbox, &PARQUET, &["--from", "2026-06"]).with(0);
    assert!(said.contains(" 0 removed"), "{said}");
    assert_eq!(march(&sandbox), before);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.contains(&format!(" {} removed", before - 1)), "{said}");
    assert_eq!(march(&sandbox), 1);
    assert!(theirs.exists());
    assert!(!sandbox.path("out/origin_status_codes/month=2026-03").exists());
    fs::remove_file(&theirs).unwrap();
    assert_parquet_is_the_relations(&sandbox);
}

#[test]
fn a_range_takes_whole_months() {
    let sandbox = sandbox();
    let range = ["--from", "2026-06-01 12:00", "--to", "2026-06-01 13:00"];
    export(&sandbox, &PARQUET, &range).with(0);
    let found = data_files(&sandbox);
    assert!(
        found
            .keys()
            .all(|name| name.contains("month=2026-06") || name.starts_with("origin_codes/"))
    );
    assert_eq!(
        parquet_rows(&found["origin_stats/month=2026-06/part-0.parquet"]).len(),
        2 * 288
    );

    let unknown = export(&sandbox, &PARQUET, &["-d", "d01.example.com"]).failed(2);
    assert!(
        unknown.contains("no points of `d01.example.com`; did you mean `d001.example.com`?"),
        "{unknown}"
    );
    let reversed = export(&sandbox, &PARQUET, &["--from", "2026-06", "--to", "2026-05"]).failed(2);
    assert!(reversed.contains("the range is empty"), "{reversed}");
    // An empty range is never taken for all of the history.
    let before = identities(&sandbox);
    for (outside, why) in [
        (["--to", "0001-01-01"], "is before 2000-01-01"),
        (["--from", "9999-12-31T23:59:59-12:00"], "the range is empty"),
    ] {
        let outside = export(&sandbox, &PARQUET, &outside).failed(2);
        assert!(outside.contains(why), "{outside}");
    }
    assert_eq!(identities(&sandbox), before);
}

#[test]
fn an_empty_database_gives_a_directory_without_files() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.run(&["migrate"]).with(0);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.contains("holds no files"), "{said}");
    assert_eq!(data_files(&sandbox).len(), 0);
    assert_eq!(manifest(&sandbox)["state"], "complete");
    // It fills up later.
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_relations(&sandbox);
    let missing = export(&sandbox, &PARQUET, &["--db", "missing.db"]).failed(5);
    assert!(missing.contains("there is no database at"), "{missing}");
}

#[test]
fn hours_that_a_run_computes_while_their_day_is_still_stale_are_written() {
    let sandbox = sandbox();
    let day = "INSERT INTO rollup_due VALUES (1, NOON - 43200)".replace("NOON", &at(NOON).to_string());
    writable(&sandbox).execute_batch(&day).unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
    // As a run does between two exports.
    let number: i64 = writable(&sandbox)
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    let computed = format!(
        "BEGIN; UPDATE rollup_hour SET pv = pv + 1 WHERE domain_id = 1 AND hour_cst = '2026-06-01 12:00:00';
         PRAGMA user_version = {}; COMMIT",
        number + 1
    );
    writable(&sandbox).execute_batch(&computed).unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
    let hours = parquet_rows(&data_files(&sandbox)["origin_hourly/month=2026-06/part-0.parquet"]);
    let stored = relation_rows(&writable(&sandbox), "origin_hourly", "2026-06");
    assert_eq!(hours, stored);
    // Nothing has happened since.
    assert!(
        export(&sandbox, &PARQUET, &[])
            .with(0)
            .starts_with("0 files written")
    );
}
