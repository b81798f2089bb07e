"""Spark and ClickHouse read the lake. Spark needs Java 17. Each has half a gigabyte of packages, in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from lake import CHINESE, RELATIONS, WILDCARD, bill, expected, lake, rows, same, statement  # noqa: E402, F401

PYSPARK = "pyspark==4.3.0"
CHDB = "chdb==4.4.0 chdb-core==26.9.0"

# In a process of its own, with the packages of its own: statements from standard input, their rows to standard output.
SPARK = """
import json, sys
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.sql.session.timeZone", "UTC").getOrCreate())
found = []
for sql in json.load(sys.stdin):
    frame = spark.sql(sql)
    found.append({"types": dict(frame.dtypes), "rows": [list(row) for row in frame.collect()]})
print("FOUND " + json.dumps(found))
"""

CLICKHOUSE = """
import json, sys
import chdb
found = []
for sql in json.load(sys.stdin):
    text = str(chdb.query(sql, "JSONCompact"))
    found.append(json.loads(text))
print("FOUND " + json.dumps(found))
"""


def installed(name, requirement) -> Path:
    """A Python that has the package."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[3] / "target"))
    directory = target / "tools" / name
    python = directory / "bin" / "python"
    mark = directory / "installed.txt"
    if not mark.exists() or mark.read_text() != requirement:
        venv.create(directory, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirement.split()], check=True)
        mark.write_text(requirement)
    return python


def ask(python, script, statements):
    ended = subprocess.run([python, "-c", script], input=json.dumps(statements), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    line = next(line for line in ended.stdout.splitlines() if line.startswith("FOUND "))
    return json.loads(line.removeprefix("FOUND "))


@pytest.fixture(scope="session")
def spark():
    assert shutil.which("java"), "Spark needs Java 17: apt-get install openjdk-17-jre-headless"
    python = installed("spark", PYSPARK)
    return lambda statements: ask(python, SPARK, statements)


@pytest.fixture(scope="session")
def clickhouse():
    python = installed("clickhouse", CHDB)
    return lambda statements: ask(python, CLICKHOUSE, statements)


def sums(relation, files, domain=None):
    figures = "".join(f", sum(`{figure}`)" for figure in RELATIONS[relation])
    where = f" WHERE domain = '{domain}'" if domain else ""
    return f"SELECT domain, month, count(*), sum(ts){figures} FROM {files}{where} GROUP BY domain, month ORDER BY 1, 2"


def test_spark_reads_partitions_types_and_sums_and_computes_the_bill(lake, spark):
    statements = []
    for relation in RELATIONS:
        files = f"parquet.`{lake.parquet}/{relation}`"
        statements += [f"SELECT * FROM {files} LIMIT 0", sums(relation, files)]
        statements += [sums(relation, files, domain) for domain in (WILDCARD, CHINESE)]
        statements.append(
            f"SELECT count(*) FROM {files} WHERE unix_seconds(time_utc) <> ts "
            "OR date_format(time_cst, 'yyyy-MM') <> month"
        )
    statements += [statement("Spark", whose, lake.parquet) for whose in ("domains", "account")]
    found = iter(spark(statements))
    for relation in RELATIONS:
        types = next(found)["types"]
        assert types["ts"] == types[RELATIONS[relation][0]] == "bigint"
        assert types["time_utc"] == "timestamp"
        assert types["time_cst"] == "timestamp_ntz"
        assert types["domain"] == types["month"] == "string"
        wanted = [list(row) for row in expected(lake.database, relation)]
        assert next(found)["rows"] == wanted
        for domain in (WILDCARD, CHINESE):
            rows_of_domain = next(found)["rows"]
            assert rows_of_domain and rows_of_domain == [row for row in wanted if row[0] == domain]
        assert next(found)["rows"] == [[0]]
    for whose in ("domains", "account"):
        assert same(next(found)["rows"], bill(lake.database, whose)), whose


def test_clickhouse_reads_partitions_and_sums_and_computes_the_bill(lake, clickhouse):
    # Without this setting, JSON has 64-bit numbers as text.
    settings = " SETTINGS output_format_json_quote_64bit_integers = 0"
    statements = []
    for relation in RELATIONS:
        files = f"file('{lake.parquet}/{relation}/*/*.parquet', Parquet)"
        statements.append(sums(relation, files))
        statements += [sums(relation, files, domain) for domain in (WILDCARD, CHINESE)]
    statements += [statement("ClickHouse", whose, lake.parquet) for whose in ("domains", "account")]
    found = iter(clickhouse([sql + settings for sql in statements]))
    for relation in RELATIONS:
        wanted = [list(row) for row in expected(lake.database, relation)]
        assert next(found)["data"] == wanted
        for domain in (WILDCARD, CHINESE):
            rows_of_domain = next(found)["data"]
            assert rows_of_domain and rows_of_domain == [row for row in wanted if row[0] == domain]
    for whose in ("domains", "account"):
        # Numbers without a fraction come as whole numbers.
        wanted = [[float(cell) if at == 5 - (whose == "account") else cell for at, cell in enumerate(row)] for row in bill(lake.database, whose)]
        got = [[float(cell) if at == 5 - (whose == "account") else cell for at, cell in enumerate(row)] for row in next(found)["data"]]
        assert same(got, wanted), (got, wanted)
