//! Which files are written again, left alone or taken away.

use super::*;

#[test]
fn what_has_not_changed_is_not_written_again() {
    for command in [PARQUET, CSV] {
        let sandbox = sandbox();
        export(&sandbox, &command, &[]).with(0);
        let before = identities(&sandbox);
        let said = export(&sandbox, &command, &[]).with(0);
        assert!(
            said.starts_with("0 files written, 8 unchanged, 0 removed"),
            "{said}"
        );
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
fn a_changed_value_has_exactly_its_own_file_written_again() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let stats = "origin_stats/domain=d000.example.com/month=2026-06/part-0.parquet";
    let codes = "origin_status_codes/domain=d000.example.com/month=2026-06/part-0.parquet";
    let more_zeros = "INSERT INTO code VALUES (99, '777'); INSERT INTO code_set VALUES (98, '[\"98\"]');
        INSERT INTO code_set_member SELECT 98, code_id FROM code_set_member WHERE code_set_id =
            (SELECT code_set_id FROM point WHERE domain_id = 1 AND ts = NOON);
        INSERT INTO code_set_member VALUES (98, 99);
        UPDATE point SET code_set_id = 98 WHERE domain_id = 1 AND ts = NOON";
    let other_codes = "INSERT INTO code_set VALUES (99, '[\"777\"]');
        INSERT INTO code_set_member VALUES (99, 99);
        DELETE FROM code_count WHERE domain_id = 1 AND ts = NOON;
        UPDATE point SET code_set_id = 99 WHERE domain_id = 1 AND ts = NOON";
    for (sql, files) in [
        (
            "UPDATE point SET bandwidth = bandwidth + 1 WHERE domain_id = 1 AND ts = NOON",
            vec![stats],
        ),
        (
            "UPDATE point SET pv = pv + 1 WHERE domain_id = 1 AND ts = NOON",
            vec![stats],
        ),
        (
            "UPDATE code_count SET count = count + 1 WHERE domain_id = 1 AND ts = NOON",
            vec![codes],
        ),
        (more_zeros, vec![codes]),
        (other_codes, vec![codes]),
        (
            "DELETE FROM point WHERE domain_id = 1 AND ts = NOON",
            vec![stats, codes],
        ),
    ] {
        let before = identities(&sandbox);
        change(&sandbox, sql);
        export(&sandbox, &PARQUET, &[]).with(0);
        assert_eq!(changed(&before, &identities(&sandbox)), files, "{sql}");
        assert_parquet_is_the_views(&sandbox);
    }
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
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn months_without_points_have_no_file_and_those_whose_data_is_gone_lose_theirs() {
    let sandbox = Sandbox::with_domains(2);
    sandbox.backfill("2026-03-05", "2026-03-06", &[]).with(0);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_views(&sandbox);
    assert_eq!(data_files(&sandbox).len(), 8);

    let theirs = sandbox.path("out/origin_stats/domain=d000.example.com/month=2026-03/notes.txt");
    fs::write(&theirs, "mine").unwrap();
    let before = at("2026-04-01");
    change(
        &sandbox,
        &format!("DELETE FROM point WHERE ts < {before}; DELETE FROM code_count WHERE ts < {before}"),
    );
    // Neither another domain nor another month is touched by an export that does not ask for them.
    let said = export(
        &sandbox,
        &PARQUET,
        &["-d", "d000.example.com", "--from", "2026-06"],
    )
    .with(0);
    assert!(
        said.starts_with("0 files written, 2 unchanged, 0 removed"),
        "{said}"
    );
    let said = export(&sandbox, &PARQUET, &["-d", "d000.example.com"]).with(0);
    assert!(
        said.starts_with("0 files written, 2 unchanged, 2 removed"),
        "{said}"
    );
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(
        said.starts_with("0 files written, 4 unchanged, 2 removed"),
        "{said}"
    );
    assert!(theirs.exists());
    assert!(
        !sandbox
            .path("out/origin_stats/domain=d001.example.com/month=2026-03")
            .exists()
    );
    fs::remove_file(&theirs).unwrap();
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn a_range_takes_whole_months_and_a_domain_only_its_own() {
    let sandbox = sandbox();
    let range = [
        "--from",
        "2026-06-01 12:00",
        "--to",
        "2026-06-01 13:00",
        "-d",
        "D001.example.com",
    ];
    export(&sandbox, &PARQUET, &range).with(0);
    let names: Vec<String> = data_files(&sandbox).into_keys().collect();
    let expected =
        RELATIONS.map(|(view, _)| format!("{view}/domain=d001.example.com/month=2026-06/part-0.parquet"));
    assert_eq!(names, expected);
    assert_eq!(manifest(&sandbox)["files"][0]["rows"], 288);

    let unknown = export(&sandbox, &PARQUET, &["-d", "d01.example.com"]).failed(2);
    assert!(
        unknown.contains("no points of `d01.example.com`; did you mean `d001.example.com`?"),
        "{unknown}"
    );
    let reversed = export(&sandbox, &PARQUET, &["--from", "2026-06", "--to", "2026-05"]).failed(2);
    assert!(reversed.contains("the range is empty"), "{reversed}");
    // An empty range is never taken for all of the history.
    let before = identities(&sandbox);
    for outside in [["--to", "0001-01-01"], ["--from", "9999-12-31T23:59:59-12:00"]] {
        let outside = export(&sandbox, &PARQUET, &outside).failed(2);
        assert!(outside.contains("the range is empty"), "{outside}");
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
    assert_parquet_is_the_views(&sandbox);
    let missing = export(&sandbox, &PARQUET, &["--db", "missing.db"]).failed(5);
    assert!(missing.contains("there is no database at"), "{missing}");
}
