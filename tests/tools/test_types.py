"""Declared types, the SQL of views, and query plans, on the system's old SQLite."""

import re
import sqlite3

import pytest

from conftest import NOW, read, relations

# A relation's columns and their types: B BIGINT, D DOUBLE, T TEXT, M TIMESTAMP, A DATE. Columns may be added.
CONTRACT = {
    "origin_stats": "domain T ts B time_utc M time_cst M bandwidth B pv B",
    "origin_status_codes": "domain T ts B time_utc M time_cst M code T count B",
    "origin_status_nonzero": "domain T ts B time_utc M time_cst M code T count B",
    "origin_hourly": "domain T hour_cst M points B bandwidth_avg D bandwidth_peak B traffic_bytes B pv B",
    "origin_daily": "domain T date_cst A points B expected_points B bandwidth_avg D bandwidth_peak B peak_ts B"
    " traffic_bytes B pv B period_slots B empty_slots B complete B",
    "origin_status_daily": "domain T date_cst A code T class T requests B",
    "origin_monthly": "domain T month_cst T points B expected_points B bandwidth_95 B bandwidth_peak B"
    " bandwidth_fourth_peak B bandwidth_daily_peak_avg D traffic_bytes B pv B period_slots B empty_slots B"
    " complete B bandwidth_95_ts B bandwidth_95_least B",
    "origin_account_hourly": "hour_cst M domains B points B expected_points B bandwidth_avg D bandwidth_peak B"
    " traffic_bytes B pv B",
    "origin_account_daily": "date_cst A domains B points B expected_points B bandwidth_avg D bandwidth_peak B peak_ts B"
    " traffic_bytes B pv B period_slots B empty_slots B complete B",
    "origin_account_monthly": "month_cst T domains B points B expected_points B bandwidth_95 B bandwidth_peak B"
    " bandwidth_fourth_peak B bandwidth_daily_peak_avg D traffic_bytes B pv B period_slots B empty_slots B complete B"
    " bandwidth_95_ts B bandwidth_95_least B",
    "origin_closings": "closing_id B month_cst T closed_at B closed_cst M note T slot_label T scope T domain T period T"
    " date_cst A domains B points B expected_points B period_slots B empty_slots B complete B bandwidth_avg D"
    " bandwidth_95 B bandwidth_95_ts B bandwidth_peak B peak_ts B bandwidth_fourth_peak B bandwidth_daily_peak_avg D"
    " traffic_bytes B pv B",
    "origin_coverage": "domain T start_ts B end_ts B start_cst M end_cst M fetched_at B state T",
    "origin_gaps": "domain T start_ts B end_ts B start_cst M end_cst M slots B reason T confirmed B",
    "origin_restatements": "domain T ts B detected_at B age_seconds B bandwidth_before B bandwidth_after B"
    " pv_before B pv_after B codes_before T codes_after T",
    "origin_refusals": "domain T start_ts B end_ts B status B first_at B last_at B times B next_at B",
    "origin_rejects": "id B domain T ts B window_start B window_end B reason T raw T seen_at B run_id B",
    "origin_runs": "id B command T started_at B finished_at B outcome T requests B retries B windows_planned B"
    " windows_fetched B windows_failed B windows_skipped B points_received B points_inserted B points_updated B"
    " points_unchanged B points_rejected B points_odd_codes B bytes B from_ts B to_ts B started_cst M"
    " finished_cst M failures T message T points_left_out B slots_asked B slots_empty B slots_rejected B slots_failed B"
    " points_surplus B holes_confirmed B confirmations B conclusions T",
    "origin_settings": "name T value T",
}
TYPES = {"B": "BIGINT", "D": "DOUBLE", "T": "TEXT", "M": "TIMESTAMP", "A": "DATE"}


def test_the_system_has_an_old_sqlite():
    print("SQLite", sqlite3.sqlite_version)
    assert (3, 37) <= sqlite3.sqlite_version_info < (3, 42), sqlite3.sqlite_version


def test_every_column_has_the_type_of_the_contract(snapshot):
    found = relations(snapshot)
    for relation, columns in CONTRACT.items():
        names, letters = columns.split()[::2], columns.split()[1::2]
        expected = {name: TYPES[letter] for name, letter in zip(names, letters)}
        assert {name: found[relation].get(name) for name in names} == expected, relation
    for relation, columns in found.items():
        assert set(columns.values()) <= set(TYPES.values()), relation


# --- the SQL of views

TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^]]*\]|\w+(?:\.\d+)?|[^\s\w]""", re.S
)
FORBIDDEN = {"strftime", "date", "time", "datetime", "julianday", "unixepoch", "timediff"}
NAME = r'(?:[a-z_]\w*|"[^"]*")'
COLUMN = re.compile(rf"(?:{NAME} \. )?{NAME}(?: as {NAME})?", re.I)


def tokens(sql):
    found = TOKEN.findall(sql)
    return [token for token in found if not token.startswith(("--", "/*"))]


def select_lists(words):
    """The column lists of the arms of a view, each as a list of columns; those of subqueries are left out."""
    depth, columns, reading = 0, [], False
    for word in words:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word.lower() == "select":
            columns, reading = [[]], True
        elif depth == 0 and reading and word.lower() == "from":
            yield [" ".join(column) for column in columns]
            reading = False
        elif depth == 0 and reading and word == ",":
            columns.append([])
        elif reading:
            columns[-1].append(word)
    if reading:
        yield [" ".join(column) for column in columns]


def defects(view):
    """What in a view's SQL other engines or old versions would read in another way."""
    words = tokens(view)
    lowered = [word.lower() for word in words]
    if "/" in lowered:
        yield "a division"
    for at, word in enumerate(lowered):
        if word in FORBIDDEN and lowered[at + 1 : at + 2] == ["("]:
            yield f"{word}()"
        if lowered[at : at + 4] == ["count", "(", "*", ")"]:
            yield "count(*)"
    body = words[lowered.index("as") + 1 :]
    lists = list(select_lists(body))
    if not lists or body[0].lower() != "select":
        yield "no plain SELECT"
    for column in (column for columns in lists for column in columns):
        if not COLUMN.fullmatch(column):
            yield f"an expression: {column}"


def test_views_are_plain_columns(snapshot):
    views = read(snapshot, "SELECT name, sql FROM sqlite_schema WHERE type = 'view'")
    assert len(views) >= 7
    assert {name: list(defects(sql)) for name, sql in views} == {name: [] for name, _ in views}


@pytest.mark.parametrize(
    "body",
    [
        "SELECT a + 1 AS b FROM t",
        "SELECT a, CAST(a AS BIGINT) AS b FROM t",
        "SELECT a, 0 + b FROM t",
        "SELECT -a FROM t",
        "SELECT 1 AS a FROM t",
        "SELECT 'x' AS a FROM t",
        "SELECT max(a) AS b FROM t",
        "SELECT *, 1 + 1 FROM t",
        "SELECT a FROM t UNION ALL SELECT a || 'x' FROM t",
        "SELECT a FROM t WHERE a / 2 > 1",
        "SELECT a /* x */ FROM t WHERE a/300*300 = 0",
        "SELECT a FROM t WHERE strftime ('%Y', b) = '2026'",
        "SELECT a FROM t WHERE Date(b) = 'x'",
        "SELECT a FROM t GROUP BY a HAVING COUNT( * ) > 1",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
        "SELECT (SELECT a FROM t) AS a FROM t",
        "VALUES (1)",
    ],
)
def test_a_planted_defect_is_found(body):
    assert list(defects(f"CREATE VIEW v AS {body}"))


def test_what_only_looks_like_a_defect_is_none():
    sql = """CREATE VIEW v AS SELECT t.a AS date, "b/c" AS d -- count(*)
        FROM t WHERE a = '/' AND NOT EXISTS (SELECT 1 FROM u /* strftime( */)"""
    assert list(defects(sql)) == []


# --- query plans

POINTS = {
    "origin_stats": "p",
    "origin_status_nonzero": "c",
    "origin_status_codes": "cp",
    "origin_restatements": "r",
}
ROLLUPS = {
    "origin_hourly": ("domain", "hour_cst"),
    "origin_daily": ("domain", "date_cst"),
    "origin_status_daily": ("domain", "date_cst"),
    "origin_monthly": ("domain", "month_cst"),
}


def plan(database, relation, where):
    return [row[3] for row in read(database, f"EXPLAIN QUERY PLAN SELECT * FROM {relation} WHERE {where}")]


@pytest.mark.parametrize("relation", POINTS)
@pytest.mark.parametrize(
    "where, key",
    [
        ("domain = 'a'", "(domain_id=?)"),
        (f"ts >= {NOW} AND ts < {NOW + 9}", "(domain_id=? AND ts>? AND ts<?)"),
        (f"domain = 'a' AND ts >= {NOW} AND ts < {NOW + 9}", "(domain_id=? AND ts>? AND ts<?)"),
    ],
)
def test_filters_on_points_use_the_key(snapshot, relation, where, key):
    steps = plan(snapshot, relation, where)
    for table in POINTS[relation]:
        assert f"SEARCH {table} USING PRIMARY KEY {key}" in steps
        assert f"SCAN {table}" not in steps


@pytest.mark.parametrize("relation", ROLLUPS)
def test_filters_on_rollups_use_a_key(snapshot, relation):
    domain, time = ROLLUPS[relation]
    # Months have a rowid: their key is an index.
    key = "INDEX sqlite_autoindex_rollup_month_1" if relation == "origin_monthly" else "PRIMARY KEY"
    for where in [f"{domain} = 'a'", f"{domain} = 'a' AND {time} >= '2026-06' AND {time} < '2026-07'"]:
        steps = plan(snapshot, relation, where)
        assert any(step.startswith(f"SEARCH r USING {key} (domain_id=?") for step in steps), steps
    week = plan(snapshot, relation, f"{time} >= '2026-06-01' AND {time} < '2026-06-08'")
    assert f"SEARCH r USING {key} (domain_id=? AND {time}>? AND {time}<?)" in week, week
