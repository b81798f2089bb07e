"""Spark reads the Parquet export. Needs Java 17; its packages are half a gigabyte, in an environment of their own."""

import json
import os
import shutil
import sqlite3
import subprocess
import venv
from pathlib import Path

import pytest

from conftest import run

PYSPARK = "pyspark==4.3.0"

# In a process of its own, with the packages of its own.
SCRIPT = """
import json, sys
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.sql.session.timeZone", "UTC").getOrCreate())
found = {}
for relation, figure in [("origin_stats", "bandwidth"), ("origin_status_codes", "count")]:
    frame = spark.read.parquet(f"{sys.argv[1]}/{relation}")
    frame.createOrReplaceTempView(relation)
    sums = spark.sql(f"SELECT domain, month, count(*), sum(ts), sum(`{figure}`) FROM {relation} "
                     "GROUP BY domain, month ORDER BY domain, month").collect()
    wrong = spark.sql(f"SELECT count(*) FROM {relation} WHERE unix_seconds(time_utc) <> ts "
                      "OR date_format(time_cst, 'yyyy-MM') <> month").collect()[0][0]
    found[relation] = {"types": dict(frame.dtypes), "sums": [list(row) for row in sums], "wrong": wrong}
print("FOUND " + json.dumps(found))
"""


@pytest.fixture(scope="session")
def spark_python() -> Path:
    """A Python that has Spark."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[3] / "target"))
    directory = target / "tools" / "spark"
    python = directory / "bin" / "python"
    installed = directory / "installed.txt"
    if not installed.exists() or installed.read_text() != PYSPARK:
        venv.create(directory, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PYSPARK], check=True)
        installed.write_text(PYSPARK)
    return python


def test_spark_reads_partitions_types_and_sums(program, demo, spark_python, tmp_path):
    assert shutil.which("java"), "Spark needs Java 17: apt-get install openjdk-17-jre-headless"
    run(program, "--db", demo, "export", "--format", "parquet", tmp_path / "out")
    ended = subprocess.run([spark_python, "-c", SCRIPT, tmp_path / "out"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    line = next(line for line in ended.stdout.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    with sqlite3.connect(demo) as database:
        for relation, figure in [("origin_stats", "bandwidth"), ("origin_status_codes", "count")]:
            sql = (
                f"SELECT domain, substr(time_cst, 1, 7), count(*), sum(ts), sum({figure}) FROM {relation} "
                "GROUP BY 1, 2 ORDER BY 1, 2"
            )
            assert found[relation]["sums"] == [list(row) for row in database.execute(sql)]
            assert found[relation]["wrong"] == 0
            types = found[relation]["types"]
            assert types["ts"] == types[figure] == "bigint"
            assert types["time_utc"] == "timestamp"
            assert types["time_cst"] == "timestamp_ntz"
            assert types["domain"] == types["month"] == "string"
    database.close()
