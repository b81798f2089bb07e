//! What a kill, a signal and a full disk leave.

use super::*;

fn count_rows(database: &Connection, view: &str, domain: &str, month: &str) -> i64 {
    let (from, to) = civil::cst_month_bounds(at(month)).unwrap();
    let sql = format!("SELECT count(*) FROM {view} WHERE domain = ?1 AND ts >= ?2 AND ts < ?3");
    database
        .query_row(&sql, (domain, from, to), |row| row.get(0))
        .unwrap()
}

#[test]
fn a_kill_leaves_whole_files_only_and_the_next_export_mends_the_rest() {
    let sandbox = long_sandbox();
    for least in [0, 1, 14] {
        let _ = fs::remove_dir_all(sandbox.path("out"));
        let mut child = sandbox.start(&PARQUET);
        wait_until("the export has begun", || {
            sandbox.path("out/_manifest.json").exists() && whole_files(&sandbox) >= least
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let left: Vec<(String, PathBuf)> = files(&sandbox.path("out")).into_iter().collect();
        for (name, path) in &left {
            if name.ends_with("/part-0.parquet") {
                let (relation, domain, month) = place(name);
                let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
                let rows = reader.metadata().file_metadata().num_rows();
                assert_eq!(
                    rows,
                    count_rows(&sandbox.database(), relation, &domain, month),
                    "{name}"
                );
            }
        }
        assert_eq!(manifest(&sandbox)["state"], "writing");
        assert!(whole_files(&sandbox) < FILES, "it was killed too late");
        export(&sandbox, &PARQUET, &[]).with(0);
        let found = data_files(&sandbox);
        assert_eq!(found.len(), FILES);
        assert!(
            found.keys().all(|name| name.ends_with("/part-0.parquet")),
            "{found:?}"
        );
        assert_eq!(manifest(&sandbox)["state"], "complete");
    }
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn after_a_kill_no_file_is_believed_by_its_size_alone() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    let found = data_files(&sandbox);
    let name = "origin_stats/domain=d000.example.com/month=2026-06/part-0.parquet";
    // As a kill leaves it between the change of a file and the end: the file holds other figures than its line
    // says, and by chance as many bytes; the figures have changed back since.
    let mut bytes = fs::read(&found[name]).unwrap();
    let good = bytes.clone();
    bytes[100] ^= 1;
    fs::write(&found[name], &bytes).unwrap();
    let path = sandbox.path("out/_manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"complete\"", "\"writing\"")).unwrap();
    // Two more leftovers: a file without its end, and one that is whole and was never listed.
    let month = sandbox.path("out/origin_stats/domain=d000.example.com/month=2026-01");
    fs::create_dir(&month).unwrap();
    fs::copy(&found[name], month.join("part-0.parquet")).unwrap();
    fs::write(month.join(".part-0.parquet.tmp"), "half").unwrap();

    // It is mended by an export that asks for another domain, too.
    let said = export(&sandbox, &PARQUET, &["-d", "d001.example.com"]).with(0);
    assert!(said.starts_with("1 file written"), "{said}");
    assert_eq!(fs::read(&found[name]).unwrap(), good);
    assert_eq!(fs::read_dir(&month).unwrap().count(), 0);
    assert_eq!(manifest(&sandbox)["state"], "complete");
    fs::remove_dir(&month).unwrap();
    assert_parquet_is_the_views(&sandbox);
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
    assert!((1..FILES).contains(&listed), "{listed}");
    assert_eq!(whole_files(&sandbox), listed);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    let expected = format!("{} files written", FILES - listed);
    assert!(
        said.starts_with(&expected) && said.contains(&format!("{listed} unchanged")),
        "{said}"
    );
}

#[test]
fn a_full_disk_leaves_what_was_written_and_no_half_file() {
    let sandbox = long_sandbox();
    // In blocks of 512 bytes: room for the points of a month, not for their codes.
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
    assert_parquet_is_the_views(&sandbox);
}
