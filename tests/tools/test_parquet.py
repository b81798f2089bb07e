"""Parquet and CSV exports, read by the engines that people read them with."""

import sqlite3

import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pytest

from conftest import run

RELATIONS = {"origin_stats": ("bandwidth", "pv"), "origin_status_codes": ("count",)}


@pytest.fixture(scope="module")
def database(demo, tmp_path_factory):
    """The demo's database and beside its domains a wildcard, whose name a path cannot hold as it is."""
    copy = tmp_path_factory.mktemp("export") / "copy.db"
    with sqlite3.connect(demo) as original, sqlite3.connect(copy) as writable:
        original.backup(writable)
        writable.execute("INSERT INTO domain VALUES (99, '*.a.com')")
        for table, columns in [
            ("point", "ts, bandwidth + 9000000000, pv, code_set_id"),
            ("code_count", "ts, code_id, count"),
        ]:
            writable.execute(f"INSERT INTO {table} SELECT 99, {columns} FROM {table} WHERE domain_id = 1")
    original.close()
    writable.close()
    return copy


@pytest.fixture(scope="module")
def parquet(program, database):
    directory = database.parent / "parquet"
    run(program, "--db", database, "export", "--format", "parquet", directory)
    return directory


@pytest.fixture(scope="module")
def csv(program, database):
    directory = database.parent / "csv"
    run(program, "--db", database, "export", "--format", "csv", directory)
    return directory


def rows(database, sql):
    connection = sqlite3.connect(database)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def expected(database, relation):
    """Of each domain and month: rows, the sum of `ts`, and the sum of each figure."""
    columns = "".join(f", sum({column})" for column in RELATIONS[relation])
    return rows(
        database,
        f"SELECT domain, substr(time_cst, 1, 7) AS month, count(*), sum(ts){columns} FROM {relation} "
        "GROUP BY 1, 2 ORDER BY 1, 2",
    )


def test_there_is_something_to_compare(database):
    found = expected(database, "origin_stats")
    assert {row[0] for row in found} >= {"*.a.com"}
    assert len({row[1] for row in found}) >= 2, "more than one month"
    assert rows(database, "SELECT max(bandwidth) FROM origin_stats")[0][0] > 2**32
    assert rows(database, "SELECT count(*) FROM origin_status_codes WHERE count = 0")[0][0] > 0


@pytest.mark.parametrize("relation", RELATIONS)
def test_duckdb_reads_partitions_types_and_sums(database, parquet, relation):
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute(
        f"CREATE VIEW v AS SELECT * FROM read_parquet('{parquet}/{relation}/*/*/*.parquet', hive_partitioning = true)"
    )
    types = dict(row[:2] for row in engine.execute("DESCRIBE v").fetchall())
    assert types["ts"] == "BIGINT"
    assert types["time_utc"] == "TIMESTAMP WITH TIME ZONE"
    assert types["time_cst"] == "TIMESTAMP"
    assert types["domain"] == types["month"] == "VARCHAR"
    assert {types[column] for column in RELATIONS[relation]} == {"BIGINT"}
    sums = "".join(f", sum({column})" for column in RELATIONS[relation])
    found = engine.execute(
        f"SELECT domain, month, count(*), sum(ts){sums} FROM v GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    assert found == expected(database, relation)
    wrong = engine.execute(
        "SELECT count(*) FROM v WHERE epoch(time_utc) <> ts OR epoch(time_cst) <> ts + 28800 "
        "OR strftime(time_cst, '%Y-%m') <> month"
    ).fetchone()
    assert wrong == (0,)


@pytest.mark.parametrize("relation", RELATIONS)
def test_pyarrow_reads_partitions_types_and_sums(database, parquet, relation):
    dataset = pyarrow.dataset.dataset(parquet / relation, format="parquet", partitioning="hive")
    schema = dataset.schema
    assert schema.field("ts").type == pyarrow.int64()
    assert schema.field("time_utc").type == pyarrow.timestamp("us", tz="UTC")
    assert schema.field("time_cst").type == pyarrow.timestamp("us")
    assert schema.field("month").type == pyarrow.string()
    assert {schema.field(column).type for column in RELATIONS[relation]} == {pyarrow.int64()}
    figures = ["ts", *RELATIONS[relation]]
    grouped = (
        dataset.to_table()
        .group_by(["domain", "month"])
        .aggregate([([], "count_all"), *((figure, "sum") for figure in figures)])
        .sort_by([("domain", "ascending"), ("month", "ascending")])
    )
    columns = ["domain", "month", "count_all", *(f"{figure}_sum" for figure in figures)]
    assert list(zip(*(grouped[column].to_pylist() for column in columns))) == expected(database, relation)


@pytest.mark.parametrize("relation", RELATIONS)
def test_polars_reads_partitions_types_and_sums(database, parquet, relation):
    frame = polars.scan_parquet(f"{parquet}/{relation}/**/*.parquet", hive_partitioning=True)
    schema = frame.collect_schema()
    assert schema["time_utc"] == polars.Datetime("us", "UTC")
    assert schema["time_cst"] == polars.Datetime("us")
    assert schema["domain"] == schema["month"] == polars.String
    assert {schema[column] for column in ("ts", *RELATIONS[relation])} == {polars.Int64}
    figures = ["ts", *RELATIONS[relation]]
    found = (
        frame.group_by("domain", "month")
        .agg(polars.len(), *(polars.col(figure).sum() for figure in figures))
        .sort("domain", "month")
        .collect()
        .rows()
    )
    assert found == expected(database, relation)


def test_every_engine_sees_every_row_of_the_codes(database, parquet):
    sql = "SELECT domain, ts, code, count FROM origin_status_codes ORDER BY domain, ts, code"
    files = f"read_parquet('{parquet}/origin_status_codes/*/*/*.parquet', hive_partitioning = true)"
    assert duckdb.sql(sql.replace("origin_status_codes", files)).fetchall() == rows(database, sql)


def test_filters_skip_files(parquet):
    plan = duckdb.sql(
        f"EXPLAIN ANALYZE SELECT sum(pv) FROM read_parquet('{parquet}/origin_stats/*/*/*.parquet', "
        "hive_partitioning = true) WHERE domain = '*.a.com'"
    ).fetchall()[0][1]
    assert "Scanning Files: " in plan, plan
    read, of = plan.split("Scanning Files: ")[1].split()[0].split("/")
    assert int(read) < int(of)


@pytest.mark.parametrize("relation", RELATIONS)
def test_csv_says_the_same(database, csv, relation):
    engine = duckdb.connect()
    files = f"read_csv('{csv}/{relation}/*/*/*.csv', header = true, delim = ',', quote = '\"', all_varchar = true)"
    sums = "".join(f", sum({column}::BIGINT)" for column in RELATIONS[relation])
    found = engine.execute(
        f"SELECT domain, time_cst[:7], count(*), sum(ts::BIGINT){sums} FROM {files} GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    assert found == expected(database, relation)
