//! The content of the files.

use super::*;

#[test]
fn parquet_files_hold_the_relations_row_for_row_in_months_of_utc8() {
    let sandbox = sandbox();
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    let count = file_count(&sandbox);
    assert!(said.starts_with(&format!("{count} files written (")), "{said}");
    assert!(
        said.contains("origin_stats           2026-05 to 2026-06: 2 files, 1,728 rows, "),
        "{said}"
    );
    let found = data_files(&sandbox);
    assert_parquet_is_the_relations(&sandbox);

    // Midnight in UTC+8 is the first row of the new month.
    let june = &found["origin_stats/month=2026-06/part-0.parquet"];
    assert_eq!(parquet_rows(june)[0][1], Value::Integer(at("2026-06-01")));
    let reader = SerializedFileReader::new(File::open(june).unwrap()).unwrap();
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
    assert!(adjusted(2) && !adjusted(3));
    assert_eq!(columns[0].logical_type_ref(), Some(&LogicalType::String));
    assert!(
        columns[1..]
            .iter()
            .all(|column| column.physical_type() == PhysicalType::INT64)
    );
    let chunk = reader.metadata().row_group(0).column(0);
    assert!(chunk.dictionary_page_offset().is_some());
    assert!(format!("{:?}", chunk.compression()).starts_with("ZSTD"));
}

#[test]
fn an_engine_finds_a_domain_by_the_statistics_of_the_row_groups() {
    let sandbox = Sandbox::with_domains(40);
    sandbox.backfill("2026-05-01", "2026-05-15", &["-q"]).with(0);
    export(&sandbox, &PARQUET, &[]).with(0);
    let codes = &data_files(&sandbox)["origin_status_codes/month=2026-05/part-0.parquet"];
    let reader = SerializedFileReader::new(File::open(codes).unwrap()).unwrap();
    let groups = reader.metadata().row_groups();
    assert!(groups.len() > 10, "{}", groups.len());
    let wanted = "d020.example.com".as_bytes();
    let may_hold = groups.iter().filter(|group| {
        let statistics = group.column(0).statistics().unwrap();
        statistics.min_bytes_opt().unwrap() <= wanted && wanted <= statistics.max_bytes_opt().unwrap()
    });
    assert!((1..=2).contains(&may_hold.count()));
    let sorted = groups[0].sorting_columns().unwrap();
    assert_eq!(
        sorted.iter().map(|column| column.column_idx).collect::<Vec<_>>(),
        [0, 1, 4]
    );
}

#[test]
fn csv_files_hold_the_relations_with_quoted_codes() {
    let sandbox = sandbox();
    for mark in ["", "\u{feff}"] {
        let more: &[&str] = if mark.is_empty() { &[] } else { &["--bom"] };
        export(&sandbox, &CSV, more).with(0);
        let database = sandbox.database();
        let found = data_files(&sandbox);
        for (name, path) in found {
            let (relation, month) = place(&name);
            let columns = columns(&database, relation);
            let mut expected = format!("{mark}{}\r\n", columns.join(","));
            for row in relation_rows(&database, relation, month) {
                let cells = columns.iter().zip(row).map(|(column, value)| match value {
                    Value::Integer(number) => number.to_string(),
                    Value::Real(number) => number.to_string(),
                    Value::Null => String::new(),
                    Value::Text(text) if column == "code" => format!("\"{text}\""),
                    Value::Text(text) if text.contains(',') => format!("\"{text}\""),
                    Value::Text(text) => text,
                    Value::Blob(_) => panic!("{name}: a blob"),
                });
                expected.push_str(&cells.collect::<Vec<_>>().join(","));
                expected.push_str("\r\n");
            }
            assert!(fs::read_to_string(path).unwrap() == expected, "{name}");
        }
    }
    let refused = export(&sandbox, &["export", "--format", "parquet", "other"], &["--bom"]).failed(2);
    assert!(refused.contains("belongs to CSV files only"), "{refused}");
}

fn columns(database: &Connection, relation: &str) -> Vec<String> {
    let asked = ["domain", "date_cst", "slots"].map(str::to_owned);
    match relation {
        "origin_asked" => return asked.to_vec(),
        "origin_account_asked" => return asked[1..].to_vec(),
        _ => {}
    }
    let sql = format!("SELECT * FROM {relation}");
    let select = database.prepare(&sql).unwrap();
    select.column_names().map(str::to_owned).collect()
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
    assert_parquet_is_the_relations(&sandbox);
    let found = data_files(&sandbox);
    let noon = |relation: &str| -> Vec<Vec<Value>> {
        let mut rows = parquet_rows(&found[&format!("{relation}/month=2026-06/part-0.parquet")]);
        rows.retain(|row| row[1] == Value::Integer(at(NOON)));
        rows
    };
    let wanted = [Value::Integer(most), Value::Integer(big)];
    assert!(noon("origin_stats").iter().any(|row| row[4..] == wanted));
    let codes = noon("origin_status_codes");
    assert!(codes.iter().any(|row| row[5] == Value::Integer(big)));
    assert!(codes.iter().any(|row| row[5] == Value::Integer(0)), "{codes:?}");
}

/// Names that mean something to a path, a spreadsheet or a case-blind file system.
const WEIRD: [&str; 8] = [
    "=cmd|' /C calc'!A0",
    "../../../evil",
    "*.a.com",
    "A.com",
    "a.com",
    "%41.com",
    "带\n宽=\",",
    "域名.中国",
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
            insert_code(&database, id, code);
            database
                .execute("INSERT INTO code_set_member VALUES (99, ?1)", [id])
                .unwrap();
        }
        change(&sandbox, "SELECT 1");
        export(&sandbox, &command, &[]).with(0);
        let found = data_files(&sandbox);
        assert!(!found.keys().any(|name| name.contains("evil")), "{found:?}");
        if command == PARQUET {
            assert_parquet_is_the_relations(&sandbox);
            continue;
        }
        for (relation, _) in POINTS {
            let mut domains = BTreeMap::new();
            let mut reader =
                csv::Reader::from_path(&found[&format!("{relation}/month=2026-06/part-0.csv")]).unwrap();
            for record in reader.records() {
                let record = record.unwrap();
                *domains
                    .entry(record[0].trim_start_matches('\'').to_owned())
                    .or_insert(0) += 1;
                let texts = [&record[0], &record[4]];
                assert!(
                    texts
                        .iter()
                        .all(|text| !text.starts_with(['=', '+', '-', '@', '\t', '\r'])),
                    "{record:?}"
                );
            }
            assert_eq!(domains.len(), WEIRD.len() + 1, "{domains:?}");
            assert!(
                WEIRD.iter().all(|name| domains.contains_key(*name)),
                "{domains:?}"
            );
        }
    }
}

/// Adds a code.
fn insert_code(database: &Connection, id: i64, code: &str) {
    database
        .execute("INSERT INTO code (id, code) VALUES (?1, ?2)", (id, code))
        .unwrap();
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
        insert_code(&database, id, code);
        database
            .execute("INSERT INTO code_set_member VALUES (99, ?1)", [id])
            .unwrap();
    }
    change(&sandbox, "SELECT 1");
    export(&sandbox, &CSV, &[]).with(0);
    let path = &data_files(&sandbox)["origin_status_codes/month=2026-06/part-0.csv"];
    let mut read: Vec<String> = csv::Reader::from_path(path)
        .unwrap()
        .records()
        .map(Result::unwrap)
        .filter(|record| &record[0] == "b.com")
        .map(|record| record[4].to_owned())
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
    // The last month is not read yet.
    let before: i64 = sandbox
        .database()
        .query_row("SELECT sum(bandwidth) FROM point", [], |row| row.get(0))
        .unwrap();
    let sql = "UPDATE point SET bandwidth = 0, pv = 0 WHERE domain_id = 3";
    writable(&sandbox).execute_batch(sql).unwrap();
    ended(child.wait_with_output().unwrap()).with(0);
    let mut sum = 0;
    for (name, path) in data_files(&sandbox) {
        if name.starts_with("origin_stats") {
            for row in parquet_rows(&path) {
                let Value::Integer(bandwidth) = row[4] else {
                    panic!("{row:?}")
                };
                sum += bandwidth;
            }
        }
    }
    assert_eq!(sum, before);
    change(&sandbox, "SELECT 1");
    let said = export(&sandbox, &PARQUET, &[]).with(0);
    assert!(!said.starts_with("0 files written"), "{said}");
    assert_long_parquet_is_the_relations(&sandbox);
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
