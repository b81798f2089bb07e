"""ODBC, as many BI tools reach SQLite: its usual driver cuts whatever it takes for a small integer to 32 bits."""

import math
import re
import sqlite3
from datetime import date, datetime
from pathlib import Path

import pyodbc
import pytest

from conftest import read, relations, writable_copy

PAGE = (Path(__file__).parents[2] / "docs/odbc.md").read_text()
BIG = 2**33 + 7
SQL_TYPES = {"BIGINT": -5, "DOUBLE": 8, "TIMESTAMP": 93, "DATE": 91}
# What rows find each other by; `ts` has a row of its own below.
KEYS = {"ts", "domain_id", "asked_domain_id", "code_id", "code_set_id", "closing_id"}


def driver() -> Path:
    found = sorted(Path("/usr/lib").glob("*/odbc/libsqlite3odbc.so"))
    assert found, "the SQLite driver for ODBC is not installed"
    return found[0]


@pytest.fixture(scope="module")
def planted(varied_snapshot, tmp_path_factory) -> Path:
    """A copy with a value above 2^32 in every BIGINT column that the public can see."""
    copy = writable_copy(varied_snapshot, tmp_path_factory.mktemp("odbc"))
    with sqlite3.connect(copy) as database:
        database.execute("PRAGMA ignore_check_constraints = 1")
        domain, ts, codes = database.execute("SELECT domain_id, max(ts), code_set_id FROM point").fetchone()
        late = BIG - BIG % 300
        database.execute("INSERT INTO calendar VALUES (?, '2242-03-16 12:55:00', '2242-03-16 20:55:00')", (late,))
        database.execute("INSERT INTO point VALUES (?, ?, 1, 1, ?)", (domain, late, codes))
        database.execute("UPDATE code_count SET ts = ? WHERE (domain_id, ts) = (?, ?)", (late, domain, ts))
        database.execute("UPDATE restatement SET ts = ? WHERE ts = (SELECT min(ts) FROM restatement)", (late,))
        database.execute("UPDATE reject SET ts = ?", (late,))
        database.execute("UPDATE closing SET id = ?", (BIG,))
        database.execute("UPDATE closing_row SET closing_id = ?", (BIG,))
        tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'sqlite_sequence'")
        for (table,) in tables.fetchall():
            columns = database.execute("SELECT name, type, pk FROM pragma_table_info(?)", (table,)).fetchall()
            for name, type, _ in columns:
                is_id = name == "id" and table not in ("run", "reject")
                if type == "BIGINT" and name not in KEYS and not is_id and table != "zero":
                    plant(database, table, name, [name for name, _, key in columns if key])
    database.close()
    return copy


def plant(database, table, column, key):
    """Sets the column in one row, the last by its key."""
    key = ", ".join(key or ["rowid"])
    last = f"SELECT {key} FROM {table} ORDER BY {', '.join(f'{part} DESC' for part in key.split(', '))} LIMIT 1"
    database.execute(f"UPDATE {table} SET {column} = ? WHERE ({key}) = ({last})", (BIG,))


def test_every_type_and_every_large_value_arrives(planted):
    direct = sqlite3.connect(f"file:{planted}?mode=ro", uri=True)
    odbc = pyodbc.connect(f"Driver={driver()};Database={planted}", readonly=True)
    for relation, columns in relations(planted).items():
        listed = {row.column_name: row.data_type for row in odbc.cursor().columns(table=relation)}
        typed = {name: SQL_TYPES[type] for name, type in columns.items() if type in SQL_TYPES}
        assert {name: listed[name] for name in typed} == typed, relation
        names = ", ".join(f'"{name}"' for name in columns)
        expected = direct.execute(f"SELECT {names} FROM {relation}").fetchall()
        found = [tuple(map(plain, row)) for row in odbc.execute(f"SELECT {names} FROM {relation}").fetchall()]
        order = [at for at, type in enumerate(columns.values()) if type != "DOUBLE"]
        found, expected = (sorted(rows, key=lambda row: repr([row[at] for at in order])) for rows in (found, expected))
        assert len(found) == len(expected), relation
        for one, other in zip(found, expected):
            # The driver writes a DOUBLE with 15 digits.
            assert all(map(nearly, one, other)), (relation, one, other)
        for at, (name, type) in enumerate(columns.items()):
            if type == "BIGINT":
                assert max(row[at] or 0 for row in found) > 2**32, f"{relation}.{name}: nothing was planted"
    odbc.close()
    direct.close()


def nearly(one, other):
    return math.isclose(one, other, rel_tol=1e-14) if isinstance(other, float) else one == other


def plain(value):
    """As SQLite gives it: dates and times are texts there."""
    return str(value) if hasattr(value, "isoformat") else value


def test_the_driver_does_cut_what_is_not_declared_bigint(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE t (a INTEGER, b BIGINT)")
        database.execute("INSERT INTO t VALUES (?, ?)", (BIG, BIG))
    database.close()
    odbc = pyodbc.connect(f"Driver={driver()};Database={tmp_path / 'a.db'}")
    cut, whole = odbc.execute("SELECT a, b FROM t").fetchone()
    assert whole == BIG and cut == BIG % 2**32
    odbc.close()


# --- sums and filters, as docs/odbc.md says


@pytest.fixture(params=["", "BigInt=1;"], ids=["without BigInt", "with BigInt"])
def connected(request, snapshot):
    connection = pyodbc.connect(f"Driver={driver()};Database={snapshot};{request.param}")
    yield connection, bool(request.param)
    connection.close()


def test_a_sum_is_whole_with_the_option_of_the_page_only(connected, snapshot):
    odbc, whole = connected
    (check,) = re.findall(r"`jdcdn-stats query '(SELECT [^']*)'`", PAGE)
    assert "BigInt = 1" in PAGE and "sum(traffic_bytes)" in check
    ((expected,),) = read(snapshot, check)
    assert expected > 2**32
    (found,) = odbc.execute(check).fetchone()
    assert (found == expected) == whole, found


def test_the_first_row_decides_the_type_of_an_expression(connected):
    odbc, whole = connected
    values = "SELECT {} FROM (SELECT NULL AS x UNION ALL SELECT 9000000000)"
    assert [row[0] for row in odbc.execute(values.format("x"))] == [None, "9000000000"]
    if whole:
        assert [row[0] for row in odbc.execute(values.format("coalesce(x, 0)"))] == [0, 9_000_000_000]


DAYS = "SELECT sum(traffic_bytes) FROM origin_daily WHERE date_cst >= {} AND date_cst < {}"
TIMES = "SELECT sum(bandwidth) FROM origin_stats WHERE time_cst >= {} AND time_cst < {}"


def test_days_and_times_find_what_the_page_says(snapshot, documented_sums):
    odbc = pyodbc.connect(f"Driver={driver()};Database={snapshot};BigInt=1")
    traffic, bandwidth = documented_sums

    def total(sql, *moments, as_parameters=True):
        if as_parameters:
            return odbc.execute(sql.format("?", "?"), moments).fetchone()[0]
        return odbc.execute(sql.format(*moments)).fetchone()[0]

    first, second, third = (date(2026, 6, day) for day in (1, 2, 3))
    assert total(DAYS, first, third) == total(DAYS, "2026-06-01", "2026-06-03") == traffic
    assert total(TIMES, first, second) == total(TIMES, "2026-06-01 00:00:00", "2026-06-02 00:00:00") == bandwidth
    assert total(DAYS, "{d '2026-06-01'}", "{d '2026-06-03'}", as_parameters=False) == traffic
    stamps = "{ts '2026-06-01 00:00:00'}", "{ts '2026-06-02 00:00:00'}", "{ts '2026-06-03 00:00:00'}"
    assert total(TIMES, *stamps[:2], as_parameters=False) == bandwidth
    # And what is wrong.
    ((day_late,),) = read(snapshot, DAYS.format("'2026-06-02'", "'2026-06-04'"))
    ((row_late,),) = read(snapshot, TIMES.format("'2026-06-01 00:05:00'", "'2026-06-02 00:05:00'"))
    assert total(DAYS, stamps[0], stamps[2], as_parameters=False) == day_late != traffic
    times = [datetime(2026, 6, day) for day in (1, 2, 3)]
    assert total(DAYS, times[0], times[2]) == day_late
    assert total(TIMES, times[0], times[1]) == row_late != bandwidth
    odbc.close()
    julian = pyodbc.connect(f"Driver={driver()};Database={snapshot};BigInt=1;JDConv=1")
    assert julian.execute(DAYS.format("?", "?"), first, third).fetchone()[0] is None
    julian.close()
