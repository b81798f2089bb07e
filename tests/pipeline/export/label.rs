//! Which month's file a point is in where its time is the end of its five minutes.

use super::*;

const END: &str = "slot_label = \"end\"";

/// The first and the last moment of the first domain's points of a month.
fn edges(sandbox: &Sandbox, month: &str) -> (Value, Value) {
    let file = format!("origin_stats/month={month}/part-0.parquet");
    let mut rows = parquet_rows(&data_files(sandbox)[&file]);
    rows.retain(|row| row[0] == Value::Text("d000.example.com".to_owned()));
    (rows[0][3].clone(), rows.last().unwrap()[3].clone())
}

fn moments(first: &str, last: &str) -> (Value, Value) {
    (Value::Text(first.to_owned()), Value::Text(last.to_owned()))
}

#[test]
fn midnight_of_the_first_is_in_the_file_of_the_month_before() {
    let sandbox = sandbox();
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_eq!(manifest(&sandbox)["slot_label"], "start");
    assert_eq!(
        edges(&sandbox, "2026-06"),
        moments("2026-06-01 00:00:00", "2026-06-01 23:55:00")
    );
    sandbox.configure("jcloud_00", END);
    sandbox.run(&["migrate"]).with(0);
    // Whatever is asked for: a point that goes to another month's file must not be missing in both.
    let narrow = ["--from", "2026-06"];
    export(&sandbox, &PARQUET, &narrow).with(0);
    assert_eq!(manifest(&sandbox)["slot_label"], "end");
    assert_parquet_is_the_relations(&sandbox);
    assert_eq!(
        edges(&sandbox, "2026-05"),
        moments("2026-05-30 00:00:00", "2026-06-01 00:00:00")
    );
    assert_eq!(
        edges(&sandbox, "2026-06"),
        moments("2026-06-01 00:05:00", "2026-06-01 23:55:00")
    );
    // From now on as it is asked for.
    assert!(
        export(&sandbox, &PARQUET, &narrow)
            .with(0)
            .starts_with("0 files written")
    );
    let before = identities(&sandbox);
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_eq!(identities(&sandbox), before);
}

#[test]
fn a_month_of_nothing_but_its_first_label_goes_and_comes_with_it() {
    let sandbox = Sandbox::with_domains(1);
    sandbox
        .backfill("2026-05-31 23:00", "2026-06-01 00:05", &[])
        .with(0);
    let months = |more: &[&str]| {
        export(&sandbox, &PARQUET, more).with(0);
        let mut names: Vec<String> = data_files(&sandbox).into_keys().collect();
        names.retain(|name| name.starts_with("origin_stat"));
        names.retain(|name| !name.starts_with("origin_status_daily"));
        let mut months: Vec<String> = names.iter().map(|name| place(name).1.to_owned()).collect();
        months.sort();
        months.dedup();
        months
    };
    assert_eq!(months(&[]), ["2026-05", "2026-06"]);
    sandbox.configure("jcloud_00", END);
    sandbox.run(&["migrate"]).with(0);
    // A range selects the same months.
    assert_eq!(months(&["--from", "2026-06"]), ["2026-05"]);
    assert_eq!(months(&["--to", "2026-06"]), ["2026-05"]);
    assert_parquet_is_the_relations(&sandbox);
    sandbox.configure("jcloud_00", "");
    sandbox.run(&["migrate"]).with(0);
    assert_eq!(months(&[]), ["2026-05", "2026-06"]);
}

#[test]
fn a_file_of_another_label_is_found_whatever_range_is_asked_for() {
    let sandbox = sandbox();
    let use_label = |label: &str| {
        sandbox.configure("jcloud_00", label);
        sandbox.run(&["migrate"]).with(0);
        export(&sandbox, &PARQUET, &[]).with(0);
        manifest(&sandbox)
    };
    let may = "origin_stats/month=2026-05/part-0.parquet";
    let entry = |manifest: &serde_json::Value| {
        let files = manifest["files"].as_array().unwrap();
        files.iter().position(|line| line["file"] == may).unwrap()
    };
    let end = use_label(END);
    let file = fs::read(sandbox.path("out").join(may)).unwrap();
    let mut mixed = use_label("");
    // As an export that was to change the label, and ended before it had written every month.
    let at = entry(&mixed);
    mixed["files"][at] = end["files"][entry(&end)].clone();
    seal(&mut mixed);
    fs::write(sandbox.path("out").join(may), file).unwrap();
    fs::write(sandbox.path("out/_manifest.json"), mixed.to_string()).unwrap();
    export(&sandbox, &PARQUET, &["--from", "2026-06"]).with(0);
    assert_parquet_is_the_relations(&sandbox);
}
