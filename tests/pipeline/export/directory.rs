//! Which directories are accepted, and the manifest.

use super::*;

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
    export(&sandbox, &PARQUET, &[]).with(0);
    let manifest = manifest(&sandbox);
    assert_eq!(manifest["manifest"], 1);
    assert_eq!(manifest["format"], "parquet");
    assert_eq!(manifest["written_at"], "2026-06-15T12:00:00+08:00");
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
