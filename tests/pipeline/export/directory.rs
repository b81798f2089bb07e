//! Which directories are accepted, and the manifest.

use super::*;
use crate::sandbox::NOW;

#[test]
fn a_directory_that_is_not_an_exports_is_left_alone() {
    let sandbox = sandbox();
    fs::create_dir(sandbox.path("out")).unwrap();
    fs::write(sandbox.path("out/thesis.doc"), "x").unwrap();
    let refused = export(&sandbox, &PARQUET, &[]).failed(2);
    assert!(
        refused.contains("`out` holds `thesis.doc`, which no export created"),
        "{refused}"
    );
    assert!(
        refused.contains("help: name a directory that is empty"),
        "{refused}"
    );
    assert_eq!(fs::read_dir(sandbox.path("out")).unwrap().count(), 1);

    fs::remove_file(sandbox.path("out/thesis.doc")).unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
    let before = identities(&sandbox);
    let mixed = export(&sandbox, &CSV, &[]).failed(2);
    assert!(
        mixed.contains("`out` holds parquet files, and formats do not mix"),
        "{mixed}"
    );
    assert_eq!(identities(&sandbox), before);
}

#[test]
fn two_exports_never_work_in_one_directory() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let lock = File::options()
        .write(true)
        .open(sandbox.path("out/_manifest.json.lock"))
        .unwrap();
    lock.lock().unwrap();
    let busy = export(&sandbox, &PARQUET, &[]).failed(75);
    assert!(
        busy.contains("cannot export to `out`: it is in use by `export`"),
        "{busy}"
    );
    lock.unlock().unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
}

#[test]
fn the_manifest_names_every_file_with_its_digest() {
    let sandbox = sandbox();
    let began = Instant::now();
    export(&sandbox, &PARQUET, &[]).with(0);
    let manifest = manifest(&sandbox);
    assert_eq!(manifest["manifest"], 2);
    assert_eq!(manifest["format"], "parquet");
    let written_at = manifest["written_at"].as_str().unwrap();
    assert!(written_at.ends_with("+08:00"), "{written_at}");
    // The clock of the command begins at `NOW` and goes on.
    let seconds = chrono::DateTime::parse_from_rfc3339(written_at)
        .unwrap()
        .timestamp()
        - at(NOW);
    assert!(
        (0..=began.elapsed().as_secs().cast_signed()).contains(&seconds),
        "{written_at}"
    );
    let listed = manifest["files"].as_array().unwrap();
    let found = data_files(&sandbox);
    assert_eq!(listed.len(), found.len());
    for line in listed {
        let path = &found[line["file"].as_str().unwrap()];
        let bytes = fs::read(path).unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let digest = digest
            .as_ref()
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!(line["sha256"], digest);
        assert_eq!(line["bytes"], bytes.len());
        assert_eq!(line["rows"], parquet_rows(path).len());
    }
}

#[test]
fn a_lost_or_edited_manifest_never_makes_a_wrong_result() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let good = manifest(&sandbox);
    let before = identities(&sandbox);
    let path = sandbox.path("out/_manifest.json");
    let june = "origin_stats/month=2026-06/part-0.parquet";
    // The files are believed by their footers: nothing is written again but the manifest.
    let mut other_digest = good.clone();
    other_digest["files"][0]["content"] = "00".into();
    let mut resealed = other_digest.clone();
    seal(&mut resealed);
    let mut empty = good.clone();
    empty["files"] = serde_json::json!([]);
    let edits = [
        other_digest,
        resealed,
        empty,
        serde_json::json!({}),
        serde_json::json!({"manifest": 2}),
    ];
    for edited in edits.iter().map(Some).chain([None]) {
        match edited {
            Some(edited) => fs::write(&path, edited.to_string()).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        export(&sandbox, &PARQUET, &[]).with(0);
        let after = identities(&sandbox);
        assert!(
            after
                .iter()
                .all(|(name, identity)| name == "_manifest.json" || before[name] == *identity)
        );
        let again = manifest(&sandbox);
        let mut expected = good.clone();
        // It may have been written a second later.
        expected["written_at"] = again["written_at"].clone();
        seal(&mut expected);
        assert_eq!(again, expected);
    }
    // A new manifest does not make old files new ones.
    let old = fs::read(sandbox.path("out").join(june)).unwrap();
    change(
        &sandbox,
        "UPDATE point SET bandwidth = bandwidth + 1 WHERE domain_id = 1 AND ts = NOON",
    );
    export(&sandbox, &PARQUET, &[]).with(0);
    fs::write(sandbox.path("out").join(june), old).unwrap();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("1 file written"), "{said}");
    assert_parquet_is_the_relations(&sandbox);
}

#[test]
fn a_footer_that_was_changed_is_written_again_even_if_it_can_be_decoded() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let path = sandbox.path("out/origin_stats/month=2026-06/part-0.parquet");
    let good = fs::read(&path).unwrap();
    // The name of the first domain is the smallest value of its column. Engines skip what they need not read by it.
    let name = b"d000.example.com";
    let last = good.windows(name.len()).rposition(|bytes| bytes == name).unwrap();
    let mut damaged = good.clone();
    damaged[last] = b'e';
    fs::write(&path, &damaged).unwrap();
    assert_eq!(parquet_rows(&path).len(), 2 * 288);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("1 file written"), "{said}");
    assert!(fs::read(&path).unwrap() == good);
}

#[test]
fn a_manifest_without_the_checksums_of_footers_is_completed_and_no_file_is_written() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let (good, before) = (manifest(&sandbox), identities(&sandbox));
    let mut earlier = good.clone();
    for line in earlier["files"].as_array_mut().unwrap() {
        line.as_object_mut().unwrap().remove("footer_crc32").unwrap();
    }
    seal(&mut earlier);
    fs::write(sandbox.path("out/_manifest.json"), earlier.to_string()).unwrap();
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_eq!(manifest(&sandbox), good);
    let after = identities(&sandbox);
    let is_same = |(name, identity): (&String, _)| name == "_manifest.json" || before[name] == identity;
    assert!(after.iter().all(|(name, identity)| is_same((name, *identity))));
}

#[test]
fn a_csv_directory_without_its_manifest_is_written_again() {
    let sandbox = sandbox();
    export(&sandbox, &CSV, &[]).with(0);
    let texts = |sandbox: &Sandbox| -> Vec<Vec<u8>> {
        data_files(sandbox)
            .into_values()
            .map(|path| fs::read(path).unwrap())
            .collect()
    };
    let good = texts(&sandbox);
    let path = sandbox.path("out/_manifest.json");
    let part = sandbox.path("out/origin_stats/month=2026-06/part-0.csv");
    for manifest in ["lost", "edited"] {
        // As many bytes as before, and another figure.
        let mut wrong = fs::read(&part).unwrap();
        let last = wrong.len() - 3;
        wrong[last] = if wrong[last] == b'1' { b'2' } else { b'1' };
        fs::write(&part, wrong).unwrap();
        match manifest {
            "lost" => fs::remove_file(&path).unwrap(),
            _ => fs::write(&path, fs::read_to_string(&path).unwrap().replace("part", "trap")).unwrap(),
        }
        export(&sandbox, &CSV, &[]).with(0);
        assert!(texts(&sandbox) == good, "{manifest}");
    }
}

#[test]
fn a_directory_of_the_old_layout_is_refused_and_nothing_is_mixed() {
    let sandbox = sandbox();
    let old = sandbox.path("out/origin_stats/domain=a.com/month=2026-05");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("part-0.parquet"), "old").unwrap();
    fs::write(
        sandbox.path("out/_manifest.json"),
        r#"{"manifest": 1, "files": []}"#,
    )
    .unwrap();
    let before = identities(&sandbox);
    for _ in 0..2 {
        let refused = export(&sandbox, &PARQUET, &[]).failed(2);
        assert!(refused.contains("an export in the old layout"), "{refused}");
        assert!(
            refused.contains("help: delete the directory, or name another one"),
            "{refused}"
        );
        // The same without its manifest.
        if sandbox.path("out/_manifest.json").exists() {
            assert_eq!(identities(&sandbox), before);
            fs::remove_file(sandbox.path("out/_manifest.json")).unwrap();
        }
    }
    assert_eq!(fs::read(old.join("part-0.parquet")).unwrap(), b"old");
}

#[test]
fn a_file_that_engines_would_read_beside_the_exported_ones_is_refused() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let month = sandbox.path("out/origin_stats/month=2026-06");
    let before = identities(&sandbox);
    fs::write(month.join("part-1.parquet"), "not mine").unwrap();
    let refused = export(&sandbox, &PARQUET, &[]).failed(2);
    assert!(
        refused.contains("part-1.parquet` has the name of an exported file"),
        "{refused}"
    );
    fs::remove_file(month.join("part-1.parquet")).unwrap();
    fs::write(month.join("part-0.csv"), "ts").unwrap();
    let refused = export(&sandbox, &PARQUET, &[]).failed(2);
    assert!(refused.contains("holds Parquet and CSV files"), "{refused}");
    fs::remove_file(month.join("part-0.csv")).unwrap();
    assert_eq!(identities(&sandbox), before);
    export(&sandbox, &PARQUET, &[]).with(0);
}

#[test]
fn a_directory_holds_one_selection_of_domains() {
    let sandbox = sandbox();
    let one = ["-d", "d000.example.com"];
    export(&sandbox, &PARQUET, &one).with(0);
    let before = identities(&sandbox);
    assert!(before.keys().all(|name| !name.contains("account")), "{before:?}");
    let domains = |sandbox: &Sandbox| {
        let path = sandbox.path("out/origin_stats/month=2026-06/part-0.parquet");
        let mut domains: Vec<Value> = parquet_rows(&path)
            .into_iter()
            .map(|row| row[0].clone())
            .collect();
        domains.dedup();
        domains
    };
    assert_eq!(domains(&sandbox), [Value::Text("d000.example.com".to_owned())]);
    for manifest in ["there", "lost"] {
        if manifest == "lost" {
            fs::remove_file(sandbox.path("out/_manifest.json")).unwrap();
        }
        let refused = export(&sandbox, &PARQUET, &[]).failed(2);
        assert!(
            refused.contains("holds the files of `d000.example.com`, and selections do not mix"),
            "{refused}"
        );
    }
    let said = export(&sandbox, &PARQUET, &one).with(0);
    assert!(said.starts_with("0 files written"), "{said}");
    assert_eq!(domains(&sandbox), [Value::Text("d000.example.com".to_owned())]);
}
