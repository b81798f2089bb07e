//! What a kill, a signal and a full disk leave.

use super::*;

#[test]
fn a_kill_leaves_whole_files_only_and_the_next_export_mends_the_rest() {
    let sandbox = long_sandbox();
    for least in [0, 1, 5] {
        let _ = fs::remove_dir_all(sandbox.path("out"));
        let mut child = sandbox.start(&PARQUET);
        wait_until("the export has begun", || {
            sandbox.path("out/_manifest.json").exists() && whole_files(&sandbox) >= least
        });
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, path) in files(&sandbox.path("out")) {
            if name.ends_with("/part-0.parquet") {
                let (relation, month) = place(&name);
                if relation == "origin_stats" {
                    let expected = relation_rows(&sandbox.database(), relation, month);
                    assert!(parquet_rows(&path) == expected, "{name}");
                }
                assert!(row_count(&path) > 0, "{name}");
            }
        }
        assert_eq!(manifest(&sandbox)["state"], "writing");
        assert!(whole_files(&sandbox) < FILES, "it was killed too late");
        export(&sandbox, &PARQUET, &[]).with(0);
        let found = data_files(&sandbox);
        assert_eq!(whole_files(&sandbox), FILES);
        assert!(
            found.keys().all(|name| name.ends_with("/part-0.parquet")),
            "{found:?}"
        );
        assert_eq!(manifest(&sandbox)["state"], "complete");
    }
    assert_long_parquet_is_the_relations(&sandbox);
}

#[test]
fn after_a_kill_no_file_is_believed_by_its_size_alone() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let found = data_files(&sandbox);
    let name = "origin_stats/month=2026-06/part-0.parquet";
    // As a kill leaves it between the change of a file and the end: the file holds other figures than its line
    // says, and by chance as many bytes; the figures have changed back since.
    let mut bytes = fs::read(&found[name]).unwrap();
    let good = bytes.clone();
    bytes[100] ^= 1;
    fs::write(&found[name], &bytes).unwrap();
    say_writing(&sandbox);
    let half = sandbox.path("out/origin_stats/month=2026-05/.part-0.parquet.tmp");
    fs::write(&half, "half").unwrap();

    // It is mended by an export that asks for another month, too.
    let said = export(&sandbox, &PARQUET, &["--to", "2026-06"]).with(0);
    assert!(said.starts_with("1 file written"), "{said}");
    assert_eq!(fs::read(&found[name]).unwrap(), good);
    assert!(!half.exists());
    assert_eq!(manifest(&sandbox)["state"], "complete");
    assert_parquet_is_the_relations(&sandbox);
}

/// Makes the manifest say that an export was cut off, in a way that it is believed.
fn say_writing(sandbox: &Sandbox) {
    let path = sandbox.path("out/_manifest.json");
    let mut manifest = manifest(sandbox);
    manifest["state"] = "writing".into();
    seal(&mut manifest);
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

#[test]
fn a_signal_ends_it_with_what_is_written_listed_and_the_next_goes_on() {
    let sandbox = long_sandbox();
    let child = sandbox.start(&PARQUET);
    wait_until("a file is there", || whole_files(&sandbox) >= 1);
    signal(&child, "INT");
    let said = ended(child.wait_with_output().unwrap()).with(130);
    assert!(said.contains("run it again to continue"), "{said}");
    let listed = manifest(&sandbox)["files"].as_array().unwrap().len();
    assert_eq!(file_count(&sandbox), listed);
    assert!((1..FILES).contains(&whole_files(&sandbox)), "{listed}");
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.contains(&format!("{listed} unchanged")), "{said}");
    assert_long_parquet_is_the_relations(&sandbox);
}

#[test]
fn a_signal_in_the_middle_of_a_month_ends_it_in_two_seconds() {
    // One month that takes longer than that to write.
    let sandbox = Sandbox::with_domains(12);
    sandbox.backfill("2026-05-01", "2026-06-01", &["-q"]).with(0);
    let child = sandbox.start(&PARQUET);
    wait_until("the month is being written", || {
        sandbox
            .path("out/origin_status_codes/month=2026-05/.part-0.parquet.tmp")
            .exists()
    });
    let began = Instant::now();
    signal(&child, "TERM");
    let said = ended(child.wait_with_output().unwrap()).with(143);
    assert!(began.elapsed().as_secs() < 2, "{:?}", began.elapsed());
    assert!(said.contains("run it again to continue"), "{said}");
    assert_eq!(file_count(&sandbox), 0, "no half month");
    assert_eq!(manifest(&sandbox)["state"], "complete");
}

#[test]
fn a_full_disk_leaves_what_was_written_and_no_half_file() {
    let sandbox = long_sandbox();
    // In blocks of 512 bytes: too few for the codes of a month.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"];
    let ended = ended(sandbox.command_under(&limited, &PARQUET).output().unwrap());
    let error = ended.failed(1);
    assert!(
        error.contains("error: cannot write `out/origin_status_codes/"),
        "{error}"
    );
    assert!(
        files(&sandbox.path("out"))
            .keys()
            .all(|name| !name.contains("/.part"))
    );
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_long_parquet_is_the_relations(&sandbox);
}
