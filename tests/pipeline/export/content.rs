//! The content of the files.

use super::*;

#[test]
fn parquet_files_hold_the_views_row_for_row_in_months_of_utc8() {
    let sandbox = sandbox();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("8 files written ("), "{said}");
    assert!(
        said.contains("origin_stats         2 domains, 2026-05 to 2026-06: 4 files, 1,728 rows, "),
        "{said}"
    );
    let names: Vec<String> = data_files(&sandbox).into_keys().collect();
    assert_eq!(names.len(), 8);
    assert_eq!(
        names[0],
        "origin_stats/domain=d000.example.com/month=2026-05/part-0.parquet"
    );
    assert_parquet_is_the_views(&sandbox);

    // Midnight in UTC+8 is the first row of the new month.
    let june = sandbox.path("out").join(&names[1]);
    assert_eq!(parquet_rows(&june)[0][0], Value::Integer(at("2026-06-01")));
    let reader = SerializedFileReader::new(File::open(&june).unwrap()).unwrap();
    let columns = reader
        .metadata()
        .file_metadata()
        .schema_descr()
        .columns()
        .to_vec();
    let adjusted = |at: usize| match columns[at].logical_type_ref() {
        Some(LogicalType::Timestamp(found)) => found.is_adjusted_to_u_t_c,
        other => panic!("{other:?}"),
    };
    assert!(adjusted(1) && !adjusted(2));
    assert!(
        columns
            .iter()
            .all(|column| column.physical_type() == PhysicalType::INT64)
    );
    let chunk = reader.metadata().row_group(0).column(3);
    assert!(chunk.statistics().is_some() && chunk.dictionary_page_offset().is_some());
    assert!(format!("{:?}", chunk.compression()).starts_with("ZSTD"));
}

#[test]
fn csv_files_hold_the_views_with_the_domain_in_front() {
    let sandbox = sandbox();
    export(&sandbox, &CSV, &[]).with(0);
    let database = sandbox.database();
    let found = data_files(&sandbox);
    assert_eq!(found.len(), 8);
    for (name, path) in found {
        let (relation, domain, month) = place(&name);
        let view = RELATIONS.into_iter().find(|(view, _)| *view == relation).unwrap();
        let mut expected = format!("domain,{}\r\n", view.1.replace(' ', ""));
        for row in view_rows(&database, view, &domain, month) {
            expected.push_str(&domain);
            for value in row {
                let text = match value {
                    Value::Integer(number) => number.to_string(),
                    Value::Text(text) => text,
                    other => panic!("{other:?}"),
                };
                expected.extend([",", &text]);
            }
            expected.push_str("\r\n");
        }
        assert!(fs::read_to_string(path).unwrap() == expected, "{name}");
    }
}

#[test]
fn figures_beyond_32_bits_and_reported_zeros_survive() {
    let sandbox = sandbox();
    let (big, most) = (1_i64 << 33, i64::MAX);
    change(
        &sandbox,
        &format!(
            "UPDATE point SET bandwidth = {most}, pv = {big} WHERE domain_id = 1 AND ts = NOON;
             UPDATE code_count SET count = {big} WHERE domain_id = 1 AND ts = NOON"
        ),
    );
    export(&sandbox, &PARQUET, &[]).with(0);
    assert_parquet_is_the_views(&sandbox);
    let found = data_files(&sandbox);
    let noon = |name: &str| -> Vec<Vec<Value>> {
        let mut rows = parquet_rows(&found[name]);
        rows.retain(|row| row[0] == Value::Integer(at(NOON)));
        rows
    };
    let stats = noon("origin_stats/domain=d000.example.com/month=2026-06/part-0.parquet");
    assert_eq!(stats[0][3..], [Value::Integer(most), Value::Integer(big)]);
    let codes = noon("origin_status_codes/domain=d000.example.com/month=2026-06/part-0.parquet");
    assert!(codes.iter().any(|row| row[4] == Value::Integer(big)));
    assert!(codes.iter().any(|row| row[4] == Value::Integer(0)), "{codes:?}");
}

/// Names that mean something to a path, a spreadsheet or a case-blind file system.
const WEIRD: [&str; 7] = [
    "=cmd|' /C calc'!A0",
    "../../../evil",
    "*.a.com",
    "A.com",
    "a.com",
    "%41.com",
    "带\n宽=\",",
];

#[test]
fn weird_domains_and_codes_stay_in_their_place_and_run_in_no_spreadsheet() {
    for command in [PARQUET, CSV] {
        let sandbox = Sandbox::with_domains(1);
        sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
        let database = writable(&sandbox);
        for (id, name) in (100..).zip(WEIRD) {
            database
                .execute("INSERT INTO domain VALUES (?1, ?2)", (id, name))
                .unwrap();
            database
                .execute(
                    "INSERT INTO point SELECT ?1, ts, bandwidth, pv, 99 FROM point WHERE domain_id = 1",
                    [id],
                )
                .unwrap();
        }
        database
            .execute_batch("INSERT INTO code_set VALUES (99, '[]')")
            .unwrap();
        for (id, code) in (100..).zip(["-1", "=1+1", "@SUM(A1)", "+1", "\t=1", "00", "Other"]) {
            database
                .execute("INSERT INTO code VALUES (?1, ?2)", (id, code))
                .unwrap();
            database
                .execute("INSERT INTO code_set_member VALUES (99, ?1)", [id])
                .unwrap();
        }
        export(&sandbox, &command, &[]).with(0);
        let found = data_files(&sandbox);
        assert_eq!(found.len(), 2 * (WEIRD.len() + 1), "{found:?}");
        assert_eq!(
            files(&sandbox.path(""))
                .keys()
                .filter(|name| name.contains("evil"))
                .count(),
            2
        );
        if command == PARQUET {
            assert_parquet_is_the_views(&sandbox);
            continue;
        }
        for (name, path) in found {
            let (_, domain, _) = place(&name);
            let mut reader = csv::Reader::from_path(path).unwrap();
            for record in reader.records() {
                let record = record.unwrap();
                assert_eq!(record[0].trim_start_matches('\''), domain);
                let texts = [&record[0], &record[4]];
                assert!(
                    texts
                        .iter()
                        .all(|text| !text.starts_with(['=', '+', '-', '@', '\t', '\r'])),
                    "{record:?}"
                );
            }
        }
    }
}

#[test]
fn two_codes_stay_two_in_csv_and_take_away_one_quote_to_read_back() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2026-06-01", "2026-06-02", &[]).with(0);
    let codes = [
        "=1",
        "'=1",
        "''=1",
        "＝1",
        "'200",
        "200'",
        "a\u{1b}[2J",
        "a\\u{1b}[2J",
        "b\0\u{9b}",
    ];
    let database = writable(&sandbox);
    database
        .execute_batch(
            "INSERT INTO code_set VALUES (99, '[]');
             INSERT INTO domain VALUES (100, 'b.com');
             INSERT INTO point SELECT 100, ts, bandwidth, pv, 99 FROM point WHERE domain_id = 1 LIMIT 1",
        )
        .unwrap();
    for (id, code) in (100..).zip(codes) {
        database
            .execute("INSERT INTO code VALUES (?1, ?2)", (id, code))
            .unwrap();
        database
            .execute("INSERT INTO code_set_member VALUES (99, ?1)", [id])
            .unwrap();
    }
    export(&sandbox, &CSV, &[]).with(0);
    let found = data_files(&sandbox);
    let (_, path) = found
        .iter()
        .find(|(name, _)| name.starts_with("origin_status_codes/domain=b.com"))
        .unwrap();
    let mut read: Vec<String> = csv::Reader::from_path(path)
        .unwrap()
        .records()
        .map(|record| record.unwrap()[4].to_owned())
        .collect();
    let runs = |code: &String| code.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    assert!(!read.iter().any(runs), "{read:?}");
    assert!(
        !read.iter().any(|code| code.contains(char::is_control)),
        "{read:?}"
    );
    for code in &mut read {
        let unguarded = code.strip_prefix('\'').unwrap_or(code);
        *code = unguarded
            .replace("\\u{1b}", "\u{1b}")
            .replace("\\u{0}", "\0")
            .replace("\\u{9b}", "\u{9b}")
            .replace("\\u{5c}", "\\");
    }
    read.sort();
    let mut expected = codes.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(read, expected);
}

#[test]
fn an_export_sees_one_moment_while_a_run_writes() {
    let sandbox = long_sandbox();
    let child = sandbox.start(&PARQUET);
    wait_until("a file is there", || whole_files(&sandbox) >= 1);
    // The last domain's last month is not read yet.
    let before: i64 = sandbox
        .database()
        .query_row("SELECT sum(bandwidth) FROM point", [], |row| row.get(0))
        .unwrap();
    change(
        &sandbox,
        "UPDATE point SET bandwidth = 0, pv = 0 WHERE domain_id = 3",
    );
    ended(child.wait_with_output().unwrap()).with(0);
    let mut sum = 0;
    for (name, path) in data_files(&sandbox) {
        if name.starts_with("origin_stats") {
            for row in parquet_rows(&path) {
                let Value::Integer(bandwidth) = row[3] else {
                    panic!("{row:?}")
                };
                sum += bandwidth;
            }
        }
    }
    assert_eq!(sum, before);
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(said.starts_with("4 files written"), "{said}");
    assert_parquet_is_the_views(&sandbox);
}

#[test]
fn a_year_takes_no_more_memory_than_a_month() {
    let sandbox = Sandbox::with_domains(1);
    sandbox.backfill("2025-06-01", "2026-06-01", &["-q"]).with(0);
    for format in ["parquet", "csv"] {
        let peak = |directory: &str, more: &[&str]| {
            let began = Instant::now();
            let args = [&["export", "--format", format, directory], more].concat();
            let mut child = sandbox.start(&args);
            let peak = peak_memory(&mut child);
            println!("{format} {directory}: {peak} KiB, {:?}", began.elapsed());
            ended(child.wait_with_output().unwrap()).with(0);
            peak
        };
        let month = peak(&format!("{format}-month"), &["--from", "2026-05"]);
        let year = peak(&format!("{format}-year"), &[]);
        assert!(
            month > 0 && year < month + 6 * 1024,
            "{month} KiB for a month, {year} KiB for a year"
        );
        assert!(year < 64 * 1024, "{year} KiB");
    }
}
