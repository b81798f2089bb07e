"""The Parquet and CSV files, read by the engines that people read them with. Spark and ClickHouse are in `slow/`."""

import duckdb
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet
import pytest

from lake import CHINESE, DOMAINS, RELATIONS, WILDCARD, bill, expected, lake, rows, same, statement  # noqa: F401

# The rollups, by the column that tells one row from another.
ROLLUPS = {
    "origin_hourly": "domain, hour_cst",
    "origin_daily": "domain, date_cst",
    "origin_status_daily": "domain, date_cst, code",
    "origin_monthly": "domain, month_cst",
    "origin_account_hourly": "hour_cst",
    "origin_account_daily": "date_cst",
    "origin_account_monthly": "month_cst",
}


def parquet_files(lake, relation):
    return f"read_parquet('{lake.parquet}/{relation}/*/*.parquet', hive_partitioning = true)"


def test_there_is_something_to_compare(lake):
    found = expected(lake.database, "origin_stats")
    assert {row[0] for row in found} == set(DOMAINS)
    assert len({row[1] for row in found}) >= 2, "more than one month"
    assert rows(lake.database, "SELECT max(bandwidth) FROM origin_stats")[0][0] > 2**32
    assert rows(lake.database, "SELECT count(*) FROM origin_status_codes WHERE count = 0")[0][0] > 0
    months = rows(lake.database, "SELECT points < expected_points FROM origin_monthly WHERE domain = 'www.example.com'")
    assert (1,) in months, "slots without a point"


@pytest.mark.parametrize("relation", RELATIONS)
def test_duckdb_reads_partitions_types_and_sums(lake, relation):
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute(f"CREATE VIEW v AS SELECT * FROM {parquet_files(lake, relation)}")
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
    assert found == expected(lake.database, relation)
    wrong = engine.execute(
        "SELECT count(*) FROM v WHERE epoch(time_utc) <> ts OR epoch(time_cst) <> ts + 28800 "
        "OR strftime(time_cst, '%Y-%m') <> month"
    ).fetchone()
    assert wrong == (0,)


@pytest.mark.parametrize("relation", RELATIONS)
def test_pyarrow_reads_partitions_types_and_sums(lake, relation):
    dataset = pyarrow.dataset.dataset(lake.parquet / relation, format="parquet", partitioning="hive")
    schema = dataset.schema
    assert schema.field("ts").type == pyarrow.int64()
    assert schema.field("time_utc").type == pyarrow.timestamp("us", tz="UTC")
    assert schema.field("time_cst").type == pyarrow.timestamp("us")
    assert schema.field("domain").type == schema.field("month").type == pyarrow.string()
    assert {schema.field(column).type for column in RELATIONS[relation]} == {pyarrow.int64()}
    figures = ["ts", *RELATIONS[relation]]
    grouped = (
        dataset.to_table()
        .group_by(["domain", "month"])
        .aggregate([([], "count_all"), *((figure, "sum") for figure in figures)])
        .sort_by([("domain", "ascending"), ("month", "ascending")])
    )
    columns = ["domain", "month", "count_all", *(f"{figure}_sum" for figure in figures)]
    assert list(zip(*(grouped[column].to_pylist() for column in columns))) == expected(lake.database, relation)


@pytest.mark.parametrize("relation", RELATIONS)
def test_polars_reads_partitions_types_and_sums(lake, relation):
    frame = polars.scan_parquet(f"{lake.parquet}/{relation}/**/*.parquet", hive_partitioning=True)
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
    assert found == expected(lake.database, relation)


@pytest.mark.parametrize("domain", [WILDCARD, CHINESE])
@pytest.mark.parametrize("relation", RELATIONS)
def test_every_engine_finds_a_domain_by_equality(lake, relation, domain):
    (wanted,) = rows(lake.database, f"SELECT count(*), sum(ts) FROM {relation} WHERE domain = '{domain}'")
    assert wanted[0] > 0
    found = duckdb.sql(f"SELECT count(*), sum(ts) FROM {parquet_files(lake, relation)} WHERE domain = '{domain}'")
    assert found.fetchall() == [wanted]
    frame = polars.scan_parquet(f"{lake.parquet}/{relation}/**/*.parquet", hive_partitioning=True)
    found = frame.filter(polars.col("domain") == domain).select(polars.len(), polars.col("ts").sum())
    assert found.collect().rows() == [wanted]
    dataset = pyarrow.dataset.dataset(lake.parquet / relation, format="parquet", partitioning="hive")
    table = dataset.to_table(filter=pyarrow.compute.field("domain") == domain)
    assert (table.num_rows, pyarrow.compute.sum(table["ts"]).as_py()) == wanted


def test_every_engine_sees_every_row_of_the_codes(lake):
    columns = [row[1] for row in rows(lake.database, "PRAGMA table_info(origin_status_codes)")]
    wanted = [column for column in columns if not column.startswith("time_")]
    sql = f"SELECT {', '.join(wanted)} FROM origin_status_codes ORDER BY domain, ts, code"
    files = parquet_files(lake, "origin_status_codes")
    assert duckdb.sql(sql.replace("origin_status_codes", files)).fetchall() == rows(lake.database, sql)


@pytest.mark.parametrize("relation", ROLLUPS)
def test_the_rollups_are_those_of_the_database(lake, relation):
    columns = [row[1] for row in rows(lake.database, f"PRAGMA table_info({relation})")]
    sql = "SELECT {} FROM {} ORDER BY " + ROLLUPS[relation]
    texts = [f"CAST({name} AS VARCHAR) AS {name}" if name.endswith("_cst") else name for name in columns]
    found = duckdb.sql(sql.format(", ".join(texts), parquet_files(lake, relation))).fetchall()
    wanted = rows(lake.database, sql.format(", ".join(columns), relation))
    assert wanted and same(found, wanted)


@pytest.mark.parametrize("whose", ["domains", "account"])
def test_duckdb_computes_the_bill_from_the_points(lake, whose):
    wanted = bill(lake.database, whose)
    found = duckdb.sql(statement("DuckDB", whose, lake.parquet)).fetchall()
    assert wanted and same(found, wanted), (found, wanted)
    # The test would see a difference.
    wrong = statement("DuckDB", whose, lake.parquet).replace("// 20", "// 19")
    assert not same(duckdb.sql(wrong).fetchall(), wanted)


def test_the_footers_have_the_digest_and_the_statistics(lake):
    (part,) = (lake.parquet / "origin_stats").glob("month=2026-06/*.parquet")
    file = pyarrow.parquet.ParquetFile(part)
    assert len(file.metadata.metadata[b"jdcdn-stats.content"]) == 64
    statistics = file.metadata.row_group(0).column(0).statistics
    assert (statistics.min, statistics.max) == (WILDCARD, CHINESE)


@pytest.mark.parametrize("relation", RELATIONS)
def test_csv_says_the_same(lake, relation):
    engine = duckdb.connect()
    files = f"read_csv('{lake.csv}/{relation}/*/*.csv', header = true, delim = ',', quote = '\"', all_varchar = true)"
    sums = "".join(f", sum({column}::BIGINT)" for column in RELATIONS[relation])
    found = engine.execute(
        f"SELECT domain, time_cst[:7], count(*), sum(ts::BIGINT){sums} FROM {files} GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    assert found == expected(lake.database, relation)
