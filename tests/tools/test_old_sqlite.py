"""SQLite 3.35 opens a snapshot, and runs every published statement with the rows of the system's version."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import relations, sums
from published import statements

OLD = Path(os.environ["JDCDN_TOOLS"]) / "sqlite-3.35"
# The examples of the pages are of October. The databases here are of May and June.
MONTHS = {"2026-09": "2026-05", "2026-10": "2026-06", "2026-11": "2026-07"}
STATEMENTS = {name: re.sub("|".join(MONTHS), lambda month: MONTHS[month[0]], sql) for name, sql in statements().items()}
# Reads `{name: statement}`, and writes `{name: rows, or the text of the error}`.
PROGRAM = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
connection.text_factory = bytes
answers = {"version": sqlite3.sqlite_version}
for name, sql in json.load(sys.stdin).items():
    try:
        rows = connection.execute(sql, {"domain": "www.example.com", "month": "2026-06"}).fetchall()
        answers[name] = [[str(value) for value in row] for row in rows]
    except sqlite3.Error as error:
        answers[name] = str(error)
json.dump(answers, sys.stdout)
"""


def answers(database, wanted, **environment) -> dict:
    command = [sys.executable, "-c", PROGRAM, database]
    environment = {"PATH": os.environ["PATH"], **environment}
    ended = subprocess.run(command, input=json.dumps(wanted), env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def old(database, wanted) -> dict:
    found = answers(database, wanted, LD_LIBRARY_PATH=str(OLD))
    assert found.pop("version") == "3.35.4"
    return found


@pytest.fixture(scope="module", params=["snapshot", "varied_snapshot"])
def database(request) -> Path:
    return request.getfixturevalue(request.param)


def test_there_are_statements_of_every_kind():
    for kind in ["docs/cookbook.md", "docs/schema.md", "Datasette, query", "Datasette, account", "Grafana", "Superset"]:
        assert any(name.startswith(kind) for name in STATEMENTS), kind
    assert len(STATEMENTS) > 80


def test_every_statement_gives_the_rows_of_the_newer_version(database):
    newer = answers(database, STATEMENTS)
    assert newer.pop("version") == sqlite3.sqlite_version != "3.35.4"
    older = old(database, STATEMENTS)
    assert [(name, rows) for name, rows in newer.items() if isinstance(rows, str)] == []
    assert {name: rows for name, rows in older.items() if rows != newer[name]} == {}
    assert sum(bool(rows) for rows in older.values()) > 0.8 * len(older)


def test_every_relation_can_be_read(database):
    wanted = {}
    for relation, columns in relations(database).items():
        wanted[relation] = f"SELECT count(*) FROM {relation}"
        wanted[f"{relation} itself"] = f"SELECT {', '.join(columns)} FROM (SELECT * FROM {relation} LIMIT 3)".replace(
            "column", '"column"'
        )
    found = old(database, wanted)
    assert {name: rows for name, rows in found.items() if isinstance(rows, str)} == {}
    for relation, (rows, _) in sums(database).items():
        assert found[relation] == [[str(rows)]], relation


def test_a_newer_function_is_found():
    found = old(":memory:", {"new": "SELECT unixepoch('2026-01-01')", "json": "SELECT '{}' ->> 'a'"})
    assert "unixepoch" in found["new"] and "syntax error" in found["json"]
