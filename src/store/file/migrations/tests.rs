use super::*;

fn seen(count: usize) -> Vec<Applied> {
    let runner = known().unwrap();
    let seen = |known: &Migration| Applied {
        version: known.version(),
        name: known.name().to_owned(),
        at: Some(0),
        checksum: known.checksum().to_string(),
    };
    let mut all: Vec<_> = runner.get_migrations().iter().map(seen).collect();
    all.truncate(count);
    all
}

#[test]
fn every_file_of_the_directory_is_embedded_and_says_why_and_what_it_costs() {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap() {
        let path = entry.unwrap().path();
        let sql = std::fs::read_to_string(&path).unwrap();
        assert!(
            sql.starts_with("-- Why: ") && sql.contains("-- Cost: "),
            "{path:?}"
        );
        files.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    let number = |name: &String| -> u32 { name[1..name.find('_').unwrap()].parse().unwrap() };
    files.sort_by_key(number);
    let known = known().unwrap();
    let embedded: Vec<_> = known.get_migrations().iter().map(ToString::to_string).collect();
    assert_eq!(embedded, files);
}

/// The text of a migration without its comments.
fn statements(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap());
    lines.collect::<Vec<_>>().join(" ")
}

/// Tables that hold nothing that was fetched.
const DERIVED: [&str; 8] = [
    "origin_dictionary",
    "origin_hourly",
    "origin_daily",
    "origin_status_daily",
    "origin_monthly",
    "rollup_code_day",
    "rollup_month",
    "month_sum",
];

/// The tables that a migration rewrites or deletes from, those that it made itself left out.
fn rewritten(sql: &str) -> Vec<String> {
    let words: Vec<String> = statements(sql)
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ';'))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let after = |at: usize| words.get(at).map_or("", String::as_str);
    let mut found = Vec::new();
    for at in 0..words.len() {
        let table = match (after(at), after(at + 1), after(at + 3)) {
            ("drop", "table", _) if after(at + 2) == "if" => after(at + 4),
            ("alter", "table", "rename" | "drop")
            | ("drop", "table", _)
            | ("delete", "from", _)
            | ("replace", "into", _) => after(at + 2),
            ("update", "or", _) => after(at + 3),
            ("update", table, _) => table,
            _ => continue,
        };
        // A table that the same migration renamed is the one that it was.
        let is_rename = |words: &&[String]| {
            words[..2] == ["alter", "table"]
                && words[3..5] == ["rename", "to"]
                && words[5].trim_end_matches(';') == table.trim_end_matches(';')
        };
        let before = words.windows(6).find(is_rename).map(|words| words[2].as_str());
        let table = before.unwrap_or(table).trim_end_matches(';');
        // A column that the same migration added is filled, and nothing else is changed.
        let fills = format!("alter table {table} add column {}", after(at + 3));
        if after(at) == "update" && words.join(" ").contains(&fills) {
            continue;
        }
        if !DERIVED.contains(&table) && table != "set" {
            found.push(table.to_owned());
        }
    }
    found
}

#[test]
fn a_migration_that_rewrites_data_is_listed_as_such() {
    for known in known().unwrap().get_migrations() {
        let tables = rewritten(known.sql().unwrap());
        assert_eq!(
            !tables.is_empty(),
            REWRITING.contains(&known.version()),
            "{known} rewrites {tables:?}: a migration is in `REWRITING` if, and only if, it changes stored data"
        );
    }
    for sql in [
        "ALTER TABLE point RENAME TO point_before;",
        "alter table point drop column pv;",
        "DROP TABLE point;",
        "DROP TABLE IF EXISTS point;",
        "DELETE FROM point;",
        "UPDATE point SET pv = 0;",
        "UPDATE OR IGNORE point SET pv = 0;",
        "INSERT OR REPLACE INTO point SELECT 1;",
    ] {
        assert_eq!(rewritten(sql), ["point"], "{sql}");
    }
    let moved = "ALTER TABLE point RENAME TO before; CREATE TABLE point (a); DROP TABLE before;";
    assert_eq!(rewritten(moved), ["point", "point"]);
    for sql in [
        "CREATE TABLE point (a);",
        "ALTER TABLE point ADD COLUMN a;",
        "-- DROP TABLE point",
        "UPDATE origin_dictionary SET meaning = 'a' WHERE relation = 'point';",
        "DROP VIEW origin_stats;",
        "INSERT OR IGNORE INTO point SELECT 1;",
        "ALTER TABLE month_sum RENAME TO before; CREATE TABLE month_sum (a); DROP TABLE before;",
    ] {
        assert_eq!(rewritten(sql), [""; 0], "{sql}");
    }
}

/// The checksums of what was released, in order. Each is of the name, the version and the text.
const RELEASED: &[u64] = &[
    9_418_339_827_139_637_567,
    1_359_076_838_429_083_713,
    17_705_436_489_365_273_396,
    12_790_160_764_757_240_800,
    5_262_589_300_490_768_588,
    12_179_969_081_430_347_995,
    3_445_808_212_740_804_033,
    1_044_607_958_092_692_842,
    16_479_148_528_984_983_780,
    589_013_187_739_118_896,
    13_961_253_470_947_285_134,
    1_878_790_908_501_628_062,
    7_573_461_426_207_954_515,
    15_638_878_433_317_827_362,
    55_841_656_173_495_894,
    9_730_989_532_428_333_936,
    11_067_170_062_906_924_253,
];

#[test]
fn what_was_released_is_never_edited() {
    let runner = known().unwrap();
    let known = runner.get_migrations();
    for (known, released) in known.iter().zip(RELEASED) {
        assert_eq!(
            known.checksum(),
            *released,
            "{known} was edited: files that have seen it would be refused. Undo that, and add a new migration"
        );
    }
    assert!(known.len() >= RELEASED.len(), "a released migration is gone");
}

#[test]
fn a_disk_that_fills_up_is_named_as_such_and_leaves_no_half_schema() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "max_page_count", 8).unwrap();
    let error = apply(&mut connection).unwrap_err();
    assert!(matches!(error, StoreErrorKind::Storage(_)), "{error}");
    assert!(applied(&connection).unwrap().is_empty());
    assert!(!connection.table_exists(None, "domain").unwrap());
    connection.pragma_update(None, "max_page_count", 1000).unwrap();
    apply(&mut connection).unwrap();
}

#[test]
fn the_beginning_of_what_is_known_is_fine_and_anything_else_is_refused() {
    let known = seen(usize::MAX).len();
    for count in 0..=known {
        assert!(judge(&seen(count)).is_ok());
    }
    let mut altered = seen(2);
    altered[1].checksum = "1".to_owned();
    assert!(matches!(
        judge(&altered),
        Err(StoreErrorKind::Divergent { version: 2, .. })
    ));
    let mut gap = seen(3);
    gap.remove(1);
    assert!(matches!(
        judge(&gap),
        Err(StoreErrorKind::Divergent { version: 3, .. })
    ));
    let mut newer = seen(known);
    newer[known - 1].version = 99;
    assert!(matches!(
        judge(&newer),
        Err(StoreErrorKind::NewerSchema { found: 99, .. })
    ));
}
