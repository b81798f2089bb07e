"""The Python of `docs/tools.md` runs as it stands there, next to a snapshot named `jdcdn.db`, and finds the right sums.

The usual way of each library is asked, too: where its sums are right, the page would not be needed.
"""

import os
import sqlite3
import subprocess
import sys
from datetime import date, datetime, timezone
from pathlib import Path

import pandas
import polars
import pytest
import sqlalchemy

from conftest import documented

RECIPES = documented("tools.md", "python")
# The recipe lets DuckDB fetch its extension from the network; here it is a package of the tests.
BEFORE = {
    "DuckDB": """
import duckdb, duckdb_extension_sqlite_scanner, pathlib
(extension,) = pathlib.Path(duckdb_extension_sqlite_scanner.__file__).parent.rglob("*.duckdb_extension")
duckdb.load_extension(str(extension))
"""
}
OLD_SQLALCHEMY = Path(os.environ["JDCDN_TOOLS"]) / "sqlalchemy-1.4/bin/python"
DAYS = "SELECT sum(traffic_bytes) FROM origin_daily WHERE date_cst >= ? AND date_cst < ?"
TIMES = "SELECT sum(bandwidth) FROM origin_stats WHERE time_cst >= ? AND time_cst < ?"


@pytest.fixture
def folder(snapshot, tmp_path) -> Path:
    (tmp_path / "jdcdn.db").symlink_to(snapshot)
    return tmp_path


@pytest.fixture
def connection(snapshot):
    connection = sqlite3.connect(f"file:{snapshot}?mode=ro", uri=True)
    yield connection
    connection.close()


def printed(folder, program, python=sys.executable, *options):
    ended = subprocess.run([python, *options, "-c", program], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return tuple(map(int, ended.stdout.split()))


def test_every_library_has_its_recipe():
    assert list(RECIPES) == ["pandas", "Polars", "SQLAlchemy", "DuckDB"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_finds_the_sums_of_its_days_and_times(folder, documented_sums, name):
    assert printed(folder, BEFORE.get(name, "") + RECIPES[name]) == documented_sums


def test_the_recipe_of_sqlalchemy_is_right_in_version_1_4(folder, documented_sums):
    version = "import sqlalchemy; print(*sqlalchemy.__version__.split('.')[:2])"
    assert printed(folder, version, OLD_SQLALCHEMY) == (1, 4)
    assert printed(folder, RECIPES["SQLAlchemy"], OLD_SQLALCHEMY, "-W", "error::DeprecationWarning") == documented_sums


# --- SQLAlchemy

MOMENTS = """
from datetime import datetime, timedelta, timezone
count = sqlalchemy.func.count()
first, zone = datetime(2026, 6, 1), timezone(timedelta(hours=8))
wanted = [
    days.c.date_cst == first,
    days.c.date_cst.in_([first]),
    days.c.date_cst.between(first, datetime(2026, 6, 2)),
    points.c.time_cst == first,
    points.c.time_cst.in_([first]),
    points.c.time_cst.between(first, datetime(2026, 6, 1, 0, 5)),
    (points.c.time_cst >= first.date()) & (points.c.time_cst < datetime(2026, 6, 1, 0, 5)),
    points.c.time_cst == datetime(2026, 5, 31, 16, tzinfo=timezone.utc),
    points.c.time_utc == first.replace(tzinfo=zone),
]
with engine.connect() as connection:
    print(*(connection.execute(sqlalchemy.select(count).where(condition)).scalar() for condition in wanted))
"""


@pytest.mark.parametrize("python", [sys.executable, OLD_SQLALCHEMY], ids=["2", "1.4"])
def test_equality_lists_and_zones_are_right_with_the_types_of_the_recipe(folder, python):
    found = printed(folder, RECIPES["SQLAlchemy"] + MOMENTS, python)[2:]
    # Three domains; two days or two slots for a range that includes its end.
    assert found == (3, 3, 6, 3, 3, 6, 3, 3, 3)


def test_a_time_within_a_day_is_refused_for_a_column_of_days(folder):
    bad = "\nwith engine.connect() as c: c.execute(sqlalchemy.select(days).where(days.c.date_cst < datetime(2026, 6, 1, 12)))"
    ended = subprocess.run([sys.executable, "-c", RECIPES["SQLAlchemy"] + bad], cwd=folder, capture_output=True, text=True)
    assert ended.returncode != 0 and "not a day" in ended.stderr


PLAIN = """
import sqlalchemy
from datetime import datetime
metadata = sqlalchemy.MetaData()
engine = sqlalchemy.create_engine("sqlite:///file:jdcdn.db?mode=ro&uri=true")
days = sqlalchemy.Table("origin_daily", metadata, autoload_with=engine)
points = sqlalchemy.Table("origin_stats", metadata, autoload_with=engine)
a, b, c = datetime(2026, 6, 1), datetime(2026, 6, 2), datetime(2026, 6, 3)
sum, count = sqlalchemy.func.sum, sqlalchemy.func.count()
with engine.connect() as connection:
    for wanted in [
        sqlalchemy.select(sum(days.c.traffic_bytes)).where(days.c.date_cst >= a, days.c.date_cst < c),
        sqlalchemy.select(sum(points.c.bandwidth)).where(points.c.time_cst >= a, points.c.time_cst < b),
        sqlalchemy.select(count).where(points.c.time_cst == a),
    ]:
        print(connection.execute(wanted).scalar())
"""


@pytest.mark.parametrize("python", [sys.executable, OLD_SQLALCHEMY], ids=["2", "1.4"])
def test_sqlalchemy_alone_is_a_row_and_a_day_late(folder, connection, documented_sums, python):
    traffic, bandwidth, equal = printed(folder, PLAIN, python)
    assert (traffic,) == connection.execute(DAYS, ("2026-06-02", "2026-06-04")).fetchone() != documented_sums[:1]
    late = connection.execute(TIMES, ("2026-06-01 00:05:00", "2026-06-02 00:05:00")).fetchone()
    assert (bandwidth,) == late != documented_sums[1:]
    assert equal == 0


# --- pandas and Python's own module


def test_pandas_alone_is_a_day_late_with_times_and_a_row_late_with_zones(connection, documented_sums):
    def total(sql, *values):
        return pandas.read_sql(sql, connection, params=list(values)).iloc[0, 0]

    traffic, bandwidth = documented_sums
    first, second, third = (datetime(2026, 6, day) for day in (1, 2, 3))
    assert total(DAYS, first, third) != traffic == total(DAYS, first.date(), third.date())
    zoned = (moment.replace(tzinfo=timezone.utc) for moment in (first, second))
    assert total(TIMES, *zoned) != bandwidth == total(TIMES, first, second)
    with pytest.raises(pandas.errors.DatabaseError, match="not supported"):
        total(DAYS, pandas.Timestamp(first), pandas.Timestamp(third))


def test_the_forms_that_the_page_warns_of_find_other_rows(connection, documented_sums):
    traffic, bandwidth = documented_sums
    assert connection.execute(DAYS, ("2026-06-01", "2026-06-03")).fetchone() == (traffic,)
    assert connection.execute(DAYS, ("2026-06-01 00:00:00", "2026-06-03 00:00:00")).fetchone() != (traffic,)
    for end in [".000000", "+08:00"]:
        moments = ["2026-06-01 00:00:00" + end, "2026-06-02 00:00:00" + end]
        late = connection.execute(TIMES, ("2026-06-01 00:05:00", "2026-06-02 00:05:00")).fetchone()
        assert connection.execute(TIMES, moments).fetchone() == late != (bandwidth,)
    iso = connection.execute(TIMES, ("2026-06-01T00:00:00", "2026-06-02T00:00:00")).fetchone()
    assert iso == connection.execute(TIMES, ("2026-06-02", "2026-06-03")).fetchone() != (bandwidth,)
    months = "SELECT DISTINCT month_cst FROM origin_monthly WHERE month_cst "
    assert connection.execute(months + "= '2026-06'").fetchall() == [("2026-06",)]
    assert connection.execute(months + ">= '2026-06-01'").fetchall() == []


# --- Polars


def test_polars_alone_stops_at_a_domain_that_was_idle_at_first(folder, documented_sums):
    """An idle domain, as `origin_daily` shows it, before the others."""
    database = sqlite3.connect(folder / "idle.db")
    idle, sql = date(2026, 1, 1).toordinal(), "INSERT INTO origin_daily VALUES (?, ?, ?, ?, ?)"
    with database:
        database.execute(
            "CREATE TABLE origin_daily (domain TEXT, date_cst DATE, points BIGINT, bandwidth_avg DOUBLE, traffic_bytes BIGINT)"
        )
        rows = [("a.example.com", str(date.fromordinal(idle + day)), 0, None, None) for day in range(150)]
        rows += [("b.example.com", str(date.fromordinal(idle + day)), 288, 1.5, 9 * 10**12) for day in range(20)]
        database.executemany(sql, rows)
    with pytest.raises(polars.exceptions.ComputeError, match="could not append value"):
        polars.read_database("SELECT * FROM origin_daily", database)
    types = {"traffic_bytes": polars.Int64, "bandwidth_avg": polars.Float64}
    for options in [{"infer_schema_length": None}, {"schema_overrides": types}]:
        days = polars.read_database("SELECT * FROM origin_daily", database, **options)
        assert days["traffic_bytes"].sum() == 20 * 9 * 10**12 and days.schema["bandwidth_avg"] == polars.Float64
    database.close()


def test_sqlalchemy_is_the_version_of_the_page():
    assert sqlalchemy.__version__.startswith("2.")
