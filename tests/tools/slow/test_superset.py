"""Superset recognises the times and the types, and the bundle's date ranges hold the days that they name.

Superset is asked through the code that answers its charts. No chart is drawn.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import read, relations, sums

HERE = Path(__file__).parent
BUNDLE = HERE.parents[2] / "deploy/bi/superset"
BIN = Path(os.environ["JDCDN_TOOLS"]) / "superset" / "bin"
# By default it refuses SQLite, "for security reasons".
CONFIG = 'SECRET_KEY = "nothing listens"\nPREVENT_UNSAFE_DB_CONNECTIONS = False\n'
# What is asked: a range of a time column by a grain, and the same from SQLite.
QUESTIONS = [
    ("origin_daily", "date_cst", "P1D", ("2026-06-01", "2026-06-03")),
    ("origin_daily", "date_cst", "P1M", ("2026-06-01", "2026-07-01")),
    ("origin_monthly", "month_start", "P1M", ("2026-05-01", "2026-06-01")),
    ("origin_monthly", "month_start", "P1M", ("2026-05-01", "2026-07-01")),
    ("origin_account_monthly", "month_start", "P1M", ("2026-05-01", "2026-06-01")),
    ("origin_account_daily", "date_cst", "P1D", ("2026-06-01", "2026-06-03")),
    ("origin_hourly", "hour_cst", "PT1H", ("2026-06-01 01:00:00", "2026-06-01 03:00:00")),
    ("origin_hourly", "hour_cst", "P1D", ("2026-06-01 00:00:00", "2026-06-02 00:00:00")),
]


class Superset:
    """An installation with its own directory."""

    def __init__(self, home):
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "SUPERSET_CONFIG_PATH": str(home / "superset_config.py"),
            "SUPERSET_HOME": str(home),
            "FLASK_APP": "superset.app:create_app",
        }

    def run(self, *command, input=None, cwd=None) -> str:
        command = [BIN / command[0], *command[1:]]
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, input=input, cwd=cwd)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def import_bundle(self, bundle, database):
        """As deploy/bi/README.md says, from a copy with the path of `database`."""
        folder = self.home / "bi"
        shutil.copytree(bundle, folder / "superset")
        source = folder / "superset/databases/jdcdn.yaml"
        source.write_text(source.read_text().replace("/srv/jdcdn/jdcdn.db", str(database)))
        self.run("python", "-m", "zipfile", "-c", "jdcdn-superset.zip", "superset/", cwd=folder)
        self.run("superset", "import-dashboards", "-p", folder / "jdcdn-superset.zip", "-u", "admin")

    def ask(self, questions) -> dict:
        printed = self.run("python", HERE / "superset_ranges.py", json.dumps(questions))
        return json.loads(printed.split("RESULT", 1)[1])


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Superset:
    superset = Superset(tmp_path_factory.mktemp("superset"))
    (superset.home / "superset_config.py").write_text(CONFIG)
    superset.run("superset", "db", "upgrade")
    superset.run("superset", "init")
    names = ["--username", "admin", "--firstname", "a", "--lastname", "b", "--email", "a@example.com", "--password", "x"]
    superset.run("superset", "fab", "create-admin", *names)
    return superset


@pytest.fixture
def superset(installed, tmp_path) -> Superset:
    """A copy of the installation, without a bundle."""
    home = tmp_path / "home"
    shutil.copytree(installed.home, home)
    return Superset(home)


def question(dataset, axis, grain, span):
    since, until = (moment.replace(" ", "T") for moment in span)
    return {"dataset": dataset, "axis": axis, "grain": grain, "range": f"{since} : {until}", "metric": "SUM(traffic_bytes)"}


def from_sqlite(database, dataset, axis, grain, span):
    """The same sums, by the text of the column alone."""
    axis = "month_cst || '-01'" if axis == "month_start" else axis
    length = {"P1M": 7, "P1D": 10, "PT1H": 13}[grain]
    rest = {"P1M": "-01 00:00:00", "P1D": " 00:00:00", "PT1H": ":00:00"}[grain]
    sql = (
        f"SELECT substr({axis}, 1, {length}) || '{rest}', sum(traffic_bytes) FROM {dataset} "
        f"WHERE {axis} >= ? AND {axis} < ? GROUP BY 1"
    )
    return dict(read(database, sql, *span))


def test_a_date_range_of_the_bundle_has_the_days_that_it_names(superset, snapshot):
    superset.import_bundle(BUNDLE, snapshot)
    found = superset.ask([question(*parts) for parts in QUESTIONS])
    for parts, answer in zip(QUESTIONS, found["answers"], strict=True):
        expected = from_sqlite(snapshot, *parts)
        assert expected and answer["rows"] == expected, (parts, answer["sql"])
    assert len(found["charts"]) == len(list((BUNDLE / "charts").iterdir())) and min(found["charts"].values()) > 0
    days = found["answers"][0]["rows"]
    points = (
        "SELECT sum(bandwidth) * 300 / 8 FROM origin_stats "
        "WHERE ts >= strftime('%s', ?) - 28800 AND ts < strftime('%s', ?) - 28800"
    )
    ((total,),) = read(snapshot, points, *QUESTIONS[0][3])
    assert total - 6 <= sum(days.values()) <= total, "each day of each domain is rounded down"


def test_without_the_format_of_the_days_every_range_is_a_day_late(superset, snapshot, tmp_path):
    """What the bundle had before, and what a dataset has that is added by hand."""
    before = shutil.copytree(BUNDLE, tmp_path / "before")
    for dataset in (before / "datasets/jdcdn").iterdir():
        text, formats = re.subn(r"  python_date_format: .*\n", "", dataset.read_text())
        assert bool(formats) == ("DATE" in text), dataset
        dataset.write_text(text)
    superset.import_bundle(before, snapshot)
    found = superset.ask([question(*QUESTIONS[0])])
    assert list(found["answers"][0]["rows"]) == ["2026-06-02 00:00:00", "2026-06-03 00:00:00"]
    assert list(from_sqlite(snapshot, *QUESTIONS[0])) == ["2026-06-01 00:00:00", "2026-06-02 00:00:00"]


def test_superset_reads_every_relation(superset, varied_snapshot):
    expected = relations(varied_snapshot)
    printed = superset.run("python", HERE / "superset_metadata.py", varied_snapshot, input=json.dumps(list(expected)))
    found = json.loads(printed.split("RESULT", 1)[1])
    assert found.keys() == expected.keys()
    rows = {relation: rows for relation, (rows, _) in sums(varied_snapshot).items()}
    for relation, columns in expected.items():
        as_superset = {name: {"DOUBLE": "FLOAT"}.get(type, type) for name, type in columns.items()}
        assert found[relation]["types"] == as_superset, relation
        times = sorted(name for name, type in columns.items() if type in ("TIMESTAMP", "DATE"))
        assert found[relation]["times"] == times, relation
        assert found[relation]["rows"] == rows[relation], relation
    assert found["origin_stats"]["main"] == "time_utc"
    assert found["origin_daily"]["main"] == "date_cst"
