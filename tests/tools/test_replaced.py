"""A snapshot that is replaced under a program that runs: with what the pages say, it reads the new one."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import NOW, environment, read, run

README = Path(__file__).parents[2] / "deploy/bi/README.md"
# How long a start may take on a loaded machine.
PATIENCE = 60


@pytest.fixture(scope="module")
def snapshots(program, tmp_path_factory) -> list[tuple[Path, int]]:
    """Three snapshots of a database that grows, each with its newest point."""
    folder = tmp_path_factory.mktemp("growing")
    database, found = folder / "live.db", []
    for hours in [0, 2, 4]:
        run(program, "demo", "--db", database, "--no-progress", env=environment(NOW + hours * 3_600))
        out = folder / f"{hours}.db"
        run(program, "--db", database, "-q", "snapshot", out)
        ((newest,),) = read(out, "SELECT max(ts) FROM origin_stats")
        found.append((out, newest))
    assert len({newest for _, newest in found}) == 3
    return found


def publish(snapshot, folder):
    """As `snapshot --force` does: the new file takes the place of the old one in one step."""
    staged = folder / "staged.db"
    shutil.copyfile(snapshot, staged)
    staged.rename(folder / "jdcdn.db")


@contextmanager
def datasette(folder, *options):
    """The address of a server of `jdcdn.db`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "datasette", *options, "--port", port], cwd=folder, stdout=log, stderr=log
        )
    try:
        yield f"http://127.0.0.1:{port}/jdcdn.json?sql=select+max(ts)+from+origin_stats&_shape=arrayfirst"
    finally:
        server.terminate()
        server.wait()


def asked(address):
    """The newest point that the server knows; None while it starts."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)[0]
    except (urllib.error.URLError, ConnectionError):
        return None


def until(address, wanted) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if asked(address) == wanted:
            return True
        time.sleep(0.1)
    return False


def test_the_server_of_the_page_serves_the_new_snapshot_at_once_and_never_the_old_one_again(snapshots, tmp_path):
    command = re.search(r"^bi/bin/datasette (jdcdn\.db -m .*\\\n.*)$", README.read_text(), re.MULTILINE)[1]
    options = command.replace("\\\n", "").replace("deploy/bi", str(README.parent)).split()
    assert "--plugins-dir" in options
    (first, newest), *others = snapshots
    publish(first, tmp_path)
    with datasette(tmp_path, *options) as address:
        assert until(address, newest), (tmp_path / "log").read_text()
        for other, newest in others:
            publish(other, tmp_path)
            assert {asked(address) for _ in range(30)} == {newest}
            # A page that counts rows.
            page = json.load(urllib.request.urlopen(address.partition("?")[0].replace(".json", "/origin_stats.json?_size=0")))
            assert [(page["filtered_table_rows_count"],)] == read(other, "SELECT count(*) FROM origin_stats")


def test_without_the_plugin_the_server_keeps_the_old_snapshot(snapshots, tmp_path):
    (first, newest), (second, _), _ = snapshots
    publish(first, tmp_path)
    with datasette(tmp_path, "-i", "jdcdn.db", "--setting", "num_sql_threads", "1") as address:
        assert until(address, newest)
        publish(second, tmp_path)
        assert {asked(address) for _ in range(30)} == {newest}


# --- libraries, as docs/tools.md says

REPLACE = """
import os, pathlib
def replace(): os.rename("new.db", "jdcdn.db")
"""
SQLALCHEMY = """
import sqlalchemy, sys
pool = {"poolclass": sqlalchemy.pool.NullPool} if sys.argv[1] == "NullPool" else {}
engine = sqlalchemy.create_engine("sqlite:///file:jdcdn.db?mode=ro&uri=true", **pool)
def newest():
    with engine.connect() as connection:
        return connection.execute(sqlalchemy.text("SELECT max(ts) FROM origin_stats")).scalar()
"""
DUCKDB = """
import duckdb, duckdb_extension_sqlite_scanner, sys
(extension,) = pathlib.Path(duckdb_extension_sqlite_scanner.__file__).parent.rglob("*.duckdb_extension")
duckdb.load_extension(str(extension))
duckdb.execute("ATTACH 'jdcdn.db' AS s (TYPE sqlite, READ_ONLY)")
first = True
def newest():
    global first
    if sys.argv[1] == "again" and not first:
        duckdb.execute("DETACH s")
        duckdb.execute("ATTACH 'jdcdn.db' AS s (TYPE sqlite, READ_ONLY)")
    first = False
    return duckdb.execute("SELECT max(ts) FROM s.origin_stats").fetchone()[0]
"""
ASK = "print(newest()); replace(); print(newest(), newest())"
OLD_SQLALCHEMY = Path(os.environ["JDCDN_TOOLS"]) / "sqlalchemy-1.4/bin/python"


@pytest.mark.parametrize(
    ("python", "code", "option", "reads"),
    [
        (sys.executable, SQLALCHEMY, "NullPool", "new"),
        (sys.executable, SQLALCHEMY, "plain", "old"),
        (OLD_SQLALCHEMY, SQLALCHEMY, "plain", "new"),
        (sys.executable, DUCKDB, "again", "new"),
    ],
    ids=["SQLAlchemy 2 with NullPool", "SQLAlchemy 2", "SQLAlchemy 1.4", "DuckDB attached again"],
)
def test_a_library_reads_the_file_that_the_page_says(snapshots, tmp_path, python, code, option, reads):
    (first, before), (second, after), _ = snapshots
    publish(first, tmp_path)
    shutil.copyfile(second, tmp_path / "new.db")
    ended = subprocess.run(
        [python, "-c", REPLACE + code + ASK, option], cwd=tmp_path, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    wanted = {"old": before, "new": after}[reads]
    assert list(map(int, ended.stdout.split())) == [before, wanted, wanted]
