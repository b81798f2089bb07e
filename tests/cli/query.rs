//! `query`.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use super::{Sandbox, ended};

const SQL: &str = "SELECT domain, ts, bandwidth FROM origin_stats ORDER BY domain DESC, ts";

#[test]
fn each_format_holds_the_same_rows() {
    let sandbox = Sandbox::with_database();
    for (format, expected) in [
        (
            "table",
            "domain             ts  bandwidth\n---------  ----------  ---------\n\
             www.a.com  1568477100          0\nwww.a.com  1568477400       8000\nb.com      1568477100\n",
        ),
        (
            "json",
            "[\n{\"domain\":\"www.a.com\",\"ts\":1568477100,\"bandwidth\":0},\n\
             {\"domain\":\"www.a.com\",\"ts\":1568477400,\"bandwidth\":8000},\n\
             {\"domain\":\"b.com\",\"ts\":1568477100,\"bandwidth\":null}\n]\n",
        ),
        (
            "ndjson",
            "{\"domain\":\"www.a.com\",\"ts\":1568477100,\"bandwidth\":0}\n\
             {\"domain\":\"www.a.com\",\"ts\":1568477400,\"bandwidth\":8000}\n\
             {\"domain\":\"b.com\",\"ts\":1568477100,\"bandwidth\":null}\n",
        ),
        (
            "csv",
            "domain,ts,bandwidth\r\nwww.a.com,1568477100,0\r\nwww.a.com,1568477400,8000\r\nb.com,1568477100,\r\n",
        ),
        (
            "tsv",
            "domain\tts\tbandwidth\nwww.a.com\t1568477100\t0\nwww.a.com\t1568477400\t8000\nb.com\t1568477100\t\n",
        ),
        (
            "markdown",
            "| domain    |         ts | bandwidth |\n| --------- | ---------: | --------: |\n\
             | www.a.com | 1568477100 |         0 |\n| www.a.com | 1568477400 |      8000 |\n\
             | b.com     | 1568477100 |           |\n",
        ),
    ] {
        assert_eq!(
            sandbox.run(&["query", SQL, "--format", format]).succeeded(),
            expected,
            "{format}"
        );
    }
}

/// Texts that a spreadsheet, a terminal or a reader of Markdown would run, and some that differ by little.
const HOSTILE: &str = "WITH t(i, x) AS (VALUES (1, '=1'), (2, '''=1'), (3, '＝1'), (4, 'a' || char(27) || '[2J'), \
     (5, 'a\\u{1b}[2J'), (6, 'b' || char(0) || char(155)), (7, '<b>|[x](http://e)')) SELECT x FROM t ORDER BY i";

#[test]
fn what_a_program_reads_stays_two_texts_and_holds_no_control_character() {
    let sandbox = Sandbox::with_database();
    let cells = "=1\n'=1\n＝1\na\\u{1b}[2J\na\\u{5c}u{1b}[2J\nb\\u{0}\\u{9b}\n<b>|[x](http://e)\n";
    let guarded = "'=1\n''=1\n'＝1\na\\u{1b}[2J\na\\u{5c}u{1b}[2J\nb\\u{0}\\u{9b}\n<b>|[x](http://e)\n";
    for (format, line_end) in [("csv", "\r\n"), ("tsv", "\n")] {
        for (more, expected) in [(&[][..], cells), (&["--guard-formulas"], guarded)] {
            let args = [&["query", HOSTILE, "--format", format], more].concat();
            let expected = format!("x\n{expected}").replace('\n', line_end);
            assert_eq!(sandbox.run(&args).succeeded(), expected, "{args:?}");
        }
    }
    let json = sandbox.run(&["query", HOSTILE, "--format", "json"]).succeeded();
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&rows[1]["x"], &rows[3]["x"]),
        (&"'=1".into(), &"a\u{1b}[2J".into())
    );
    for format in ["table", "json", "ndjson", "markdown"] {
        let refused = sandbox
            .run(&["query", "SELECT 1", "--format", format, "--guard-formulas"])
            .failed(2);
        assert_eq!(
            refused,
            "error: --guard-formulas is for spreadsheets: add `--format csv` or `--format tsv`\n"
        );
    }
}

#[test]
fn markdown_escapes_what_its_readers_run() {
    let sandbox = Sandbox::with_database();
    let shown = sandbox
        .run(&["query", HOSTILE, "--format", "markdown"])
        .succeeded();
    assert_eq!(shown.lines().count(), 2 + 7);
    assert!(shown.contains(r"| &lt;b&gt;\|\[x\](http\://e) |"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('<'), "{shown}");
}

#[test]
fn values_are_bound_by_name() {
    let sandbox = Sandbox::with_database();
    let sql = "SELECT count AS n FROM origin_status_nonzero WHERE code = :code AND domain = @domain";
    let rows = sandbox.run(&[
        "query",
        sql,
        "-p",
        "code=502",
        "-p",
        "domain=b.com",
        "--format",
        "ndjson",
    ]);
    assert_eq!(rows.succeeded(), "{\"n\":3}\n");
    let missing = sandbox.run(&["query", sql, "-p", "code=502"]).failed(2);
    assert_eq!(
        missing,
        "error: no value is given for `@domain`: add `-p domain=VALUE`\n"
    );
    let shapeless = sandbox.run(&["query", sql, "-p", "code"]).failed(2);
    assert!(shapeless.contains("`code` is not `name=value`"), "{shapeless}");
}

#[test]
fn a_dash_reads_the_sql_from_standard_input() {
    let sandbox = Sandbox::with_database();
    let mut child = sandbox
        .command(&["query", "-", "--format", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let sql = b"-- how many\nSELECT count(*) AS n\nFROM origin_stats;\n";
    child.stdin.take().unwrap().write_all(sql).unwrap();
    assert_eq!(
        ended(child.wait_with_output().unwrap()).succeeded(),
        "{\"n\":3}\n"
    );
}

#[test]
fn an_error_shows_the_place_and_the_name_that_was_meant() {
    let sandbox = Sandbox::with_database();
    assert_eq!(
        sandbox
            .run(&["query", "SELECT bandwith FROM origin_stats"])
            .failed(2),
        "error: no such column: bandwith\n  1 | SELECT bandwith FROM origin_stats\n    |        ^\n\
         help: did you mean `bandwidth`?\n"
    );
    assert_eq!(
        sandbox.run(&["query", "SELECT * FROM origin_stat"]).failed(2),
        "error: no such table: origin_stat\n  1 | SELECT * FROM origin_stat\n    |               ^\n\
         help: did you mean `origin_stats`?\n"
    );
}

#[test]
fn nothing_is_written_whatever_the_sql_says() {
    let sandbox = Sandbox::with_database();
    let before = std::fs::read(sandbox.path("jdcdn-stats.db")).unwrap();
    for sql in [
        "DELETE FROM origin_stats",
        "PRAGMA user_version = 9",
        "VACUUM INTO 'copy.db'",
        "ATTACH 'copy.db' AS other",
        "SELECT 1; DROP TABLE point",
    ] {
        sandbox.run(&["query", sql]).failed(2);
    }
    assert!(!sandbox.path("copy.db").exists());
    assert_eq!(std::fs::read(sandbox.path("jdcdn-stats.db")).unwrap(), before);
}

#[test]
fn no_rows_are_announced_beside_the_header() {
    let sandbox = Sandbox::with_database();
    let none = sandbox.run(&["query", "SELECT domain, pv FROM origin_stats WHERE pv > 99"]);
    assert_eq!(
        (none.code, none.stdout.as_str(), none.stderr.as_str()),
        (Some(0), "domain  pv\n------  --\n", "(no rows)\n")
    );
    let sql = "SELECT 1 AS n WHERE 0";
    for (format, expected) in [("json", "[]\n"), ("ndjson", ""), ("csv", "n\r\n")] {
        assert_eq!(
            sandbox.run(&["query", sql, "--format", format]).succeeded(),
            expected
        );
    }
}

#[test]
fn what_is_no_database_of_ours_is_refused_with_a_way_out() {
    let sandbox = Sandbox::new();
    let missing = sandbox.run(&["query", "SELECT 1"]).failed(5);
    assert!(
        missing.contains("no database at `jdcdn-stats.db`")
            && missing.contains("help: ")
            && missing.contains("demo"),
        "{missing}"
    );
    assert!(!sandbox.path("jdcdn-stats.db").exists());
    sandbox.write(
        "notes.txt",
        "not a database, and long enough to have a header of its own, as it were",
    );
    let foreign = sandbox.run(&["query", "SELECT 1", "--db", "notes.txt"]).failed(5);
    assert!(
        foreign.contains("`notes.txt` is not a database of jdcdn-stats"),
        "{foreign}"
    );
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let sandbox = Sandbox::with_database();
    let endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    for format in ["table", "json", "ndjson", "csv", "tsv", "markdown"] {
        let mut child = sandbox
            .command(&["query", endless, "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut head = [0; 64];
        child.stdout.take().unwrap().read_exact(&mut head).unwrap();
        assert_eq!(
            ended(child.wait_with_output().unwrap()).succeeded(),
            "",
            "{format}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_and_not_a_normal_end() {
    let sandbox = Sandbox::with_database();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = sandbox.command(&["query", SQL]).stdout(full).output().unwrap();
    let message = ended(output).failed(1);
    assert!(
        message.starts_with("error: cannot write the output: "),
        "{message}"
    );
}

#[test]
fn rows_before_a_failure_are_followed_by_an_error() {
    let sandbox = Sandbox::with_database();
    let sql = "SELECT json_extract(CASE pv WHEN 3 THEN '{' ELSE '1' END, '$') AS n FROM origin_stats";
    let failed = sandbox.run(&["query", sql, "--format", "ndjson"]);
    assert_eq!(
        (failed.code, failed.stdout.as_str()),
        (Some(1), "{\"n\":1}\n{\"n\":1}\n")
    );
    assert_eq!(failed.stderr, "error: the query failed: malformed JSON\n");
}

/// Runs `args`; returns how it ended and the most memory that it held, in KiB.
#[cfg(target_os = "linux")]
fn measured(sandbox: &Sandbox, args: &[&str]) -> (super::Ended, u64) {
    let out = std::fs::File::create(sandbox.path("out")).unwrap();
    let mut child = sandbox
        .command(args)
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(line) = line {
            peak = line.trim().trim_end_matches(" kB").parse().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    (ended(child.wait_with_output().unwrap()), peak)
}

#[test]
#[cfg(target_os = "linux")]
fn no_statement_takes_more_memory_than_it_may() {
    let sandbox = Sandbox::with_database();
    let count = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3000000) ";
    let blobs: Vec<String> = (0..20).map(|at| format!("zeroblob(8000000) AS b{at}")).collect();
    let twenty_blobs = format!("SELECT {}", blobs.join(", "));
    for (sql, says) in [
        ("SELECT zeroblob(1000000000)", "more than 8 MiB"),
        ("SELECT randomblob(1000000000)", "more than 8 MiB"),
        ("SELECT printf('%.*c', 1000000000, 'x')", "more than 8 MiB"),
        (
            "SELECT replace(hex(zeroblob(4000000)), '0', 'xxxxxxxxxxxxxxxx')",
            "more than 8 MiB",
        ),
        (
            &format!("{count} SELECT length(group_concat(x)) FROM c"),
            "more than 8 MiB",
        ),
        (
            &format!("{count} SELECT json_group_array(x) FROM c"),
            "more than 8 MiB",
        ),
        (
            "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c LIMIT 40) SELECT x FROM c",
            "more than 8 MiB",
        ),
        (
            "SELECT zeroblob(5000000) AS a, zeroblob(5000000) AS b",
            "more than 8 MiB",
        ),
        (&twenty_blobs, "more memory than the limit, which is 64 MiB"),
        // Large expressions that are allowed.
        ("SELECT zeroblob(8000000)", ""),
        ("SELECT replace(hex(zeroblob(3900000)), '0', char(1))", ""),
    ] {
        for format in ["table", "json"] {
            let (ended, peak) = measured(&sandbox, &["query", "--format", format, sql]);
            println!("{peak} KiB: {format} {sql:.60}");
            assert!(peak < 160 * 1024, "{peak} KiB: {sql}");
            assert_eq!(ended.code, Some(i32::from(!says.is_empty())), "{ended:?}");
            assert!(ended.stderr.contains(says), "{ended:?}");
        }
    }
}

#[test]
fn a_statement_without_end_is_not_read_to_its_end() {
    let sandbox = Sandbox::with_database();
    let mut child = sandbox
        .command(&["query", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let part = " ".repeat(1 << 16);
    // It goes away in the middle.
    while stdin.write_all(part.as_bytes()).is_ok() {}
    let said = ended(child.wait_with_output().unwrap()).failed(2);
    assert!(said.contains("longer than 1024 KiB"), "{said}");
}
