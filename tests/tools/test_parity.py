"""Other engines and libraries see the rows and the sums that SQLite sees."""

import asyncio
import json
import math
import sqlite3
import sys
from pathlib import Path

import duckdb
import duckdb_extension_sqlite_scanner
import pandas
import polars
import pytest
import sqlalchemy
from datasette.app import Datasette

from conftest import NUMBERS, relations, run, sums, sums_sql

FILES = ["snapshot", "varied_snapshot", "varied"]


@pytest.fixture(params=FILES)
def database(request) -> Path:
    """The demo's snapshot, a small one with rows in every relation, and that one as it lives, with its log."""
    return request.getfixturevalue(request.param)


def same(expected, found):
    """Rows and sums are the same; of numbers with a fraction but for the order of adding them up."""
    assert found.keys() == expected.keys()
    for relation, (rows, numbers) in expected.items():
        assert found[relation][0] == rows, relation
        for name, sum in numbers.items():
            other = found[relation][1][name]
            if isinstance(sum, float):
                assert math.isclose(other, sum, rel_tol=1e-12), (relation, name)
            else:
                assert (other or 0) == (sum or 0), (relation, name)


def test_the_small_database_has_something_of_everything(varied_snapshot):
    found = sums(varied_snapshot)
    assert [relation for relation, (rows, _) in found.items() if rows == 0] == []
    for relation, column in [
        ("origin_stats", "bandwidth"),
        ("origin_hourly", "bandwidth_peak"),
        ("origin_daily", "bandwidth_peak"),
        ("origin_monthly", "bandwidth_peak"),
    ]:
        assert found[relation][1][column] > 9 * 10**12 > 2**32
    for relation, column in [
        ("origin_stats", "pv"),
        ("origin_status_codes", "count"),
        ("origin_status_daily", "requests"),
        ("origin_monthly", "pv"),
    ]:
        assert found[relation][1][column] > 3 * 10**9 > 2**31


def test_duckdb(database):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "false"})
    # The package holds DuckDB's own extension, which without it is fetched from the network.
    (scanner,) = Path(duckdb_extension_sqlite_scanner.__file__).parent.rglob("*.duckdb_extension")
    connection.load_extension(str(scanner))
    connection.execute(f"ATTACH '{database}' AS s (TYPE sqlite, READ_ONLY)")
    # One view that DuckDB cannot read makes it fail to list any.
    listed = {name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    found = {}
    for relation, columns in relations(database).items():
        assert relation in listed
        typed = {row[0]: row[1] for row in connection.execute(f"DESCRIBE s.{relation}").fetchall()}
        as_duckdb = {"TEXT": "VARCHAR"}
        assert typed == {name: as_duckdb.get(type, type) for name, type in columns.items()}, relation
        numbers = [name for name, type in columns.items() if type in NUMBERS]
        rows, *values = connection.execute(sums_sql(f"s.{relation}", numbers)).fetchone()
        found[relation] = (rows, dict(zip(numbers, values)))
    same(sums(database), found)


def test_sqlalchemy(database):
    engine = sqlalchemy.create_engine(f"sqlite:///file:{database}?mode=ro&uri=true")
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine, views=True)
    found = {}
    with engine.connect() as connection:
        for relation, columns in relations(database).items():
            table = metadata.tables[relation]
            assert {column.name: type(column.type).__name__ for column in table.columns} == columns
            numbers = [name for name, type in columns.items() if type in NUMBERS]
            # Every value goes through the type that was reflected.
            total, rows = dict.fromkeys(numbers, 0), 0
            for row in connection.execute(sqlalchemy.select(table)).mappings():
                rows += 1
                for name in numbers:
                    total[name] += row[name] or 0
            found[relation] = (rows, total)
    same(sums(database), found)


def test_pandas(database):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found = {}
    for relation, columns in relations(database).items():
        times = [name for name, type in columns.items() if type in ("TIMESTAMP", "DATE")]
        # Columns with NULL stay whole numbers with these types only.
        frame = pandas.read_sql(
            f"SELECT * FROM {relation}", connection, parse_dates=times, dtype_backend="numpy_nullable"
        )
        assert all(pandas.api.types.is_datetime64_any_dtype(frame[name]) for name in times), relation
        numbers = [name for name, type in columns.items() if type in NUMBERS]
        found[relation] = (len(frame), {name: frame[name].sum() for name in numbers})
    connection.close()
    same(sums(database), found)


def test_polars(database):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found = {}
    for relation, columns in relations(database).items():
        # Types are guessed from all rows: the first ones may be NULL.
        frame = polars.read_database(f"SELECT * FROM {relation}", connection, infer_schema_length=None)
        numbers = [name for name, type in columns.items() if type in NUMBERS]
        found[relation] = (len(frame), {name: polars_sum(frame[name]) for name in numbers})
    connection.close()
    same(sums(database), found)


def test_polars_with_connectorx(database):
    found = {}
    for relation, columns in relations(database).items():
        frame = polars.read_database_uri(f"SELECT * FROM {relation}", f"sqlite://{database}", engine="connectorx")
        as_polars = {
            "BIGINT": polars.Int64,
            "DOUBLE": polars.Float64,
            "TEXT": polars.String,
            "TIMESTAMP": polars.Datetime,
            "DATE": polars.Date,
        }
        assert {name: type.base_type() for name, type in frame.schema.items()} == {
            name: as_polars[type] for name, type in columns.items()
        }, relation
        numbers = [name for name, type in columns.items() if type in NUMBERS]
        found[relation] = (len(frame), {name: polars_sum(frame[name]) for name in numbers})
    same(sums(database), found)


def polars_sum(column):
    return 0 if column.dtype == polars.Null else column.sum()


def test_datasette(database):
    live = not database.name.endswith("-snapshot.db")
    files = {"files": [str(database)]} if live else {"files": [], "immutables": [str(database)]}
    datasette = Datasette(**files, settings={"sql_time_limit_ms": 30_000})

    async def ask():
        found = {}
        for relation, columns in relations(database).items():
            numbers = [name for name, type in columns.items() if type in NUMBERS]
            page = await datasette.client.get(f"/{database.stem}/{relation}.json?_size=3&_nocount=1")
            assert page.status_code == 200 and page.json()["columns"] == list(columns), relation
            query = {"sql": sums_sql(relation, numbers), "_shape": "arrays"}
            rows, *values = (await datasette.client.get(f"/{database.stem}.json", params=query)).json()["rows"][0]
            found[relation] = (rows, dict(zip(numbers, values)))
        return found

    same(sums(database), asyncio.run(ask()))


def test_datasette_from_the_command_line(snapshot):
    command = [Path(sys.executable).parent / "datasette", "-i", snapshot, "--get"]
    page = json.loads(run(*command, f"/{snapshot.stem}/origin_stats.json?_size=5&_shape=objects"))
    assert len(page["rows"]) == 5
