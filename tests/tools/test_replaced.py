"""Datasette next to a snapshot that is replaced: with the command line of the page it serves the new one."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import environment, run

README = Path(__file__).parents[2] / "deploy/bi/README.md"
# How long the page says it takes, with room for a loaded machine.
PATIENCE = 60


@pytest.fixture
def live(program, tmp_path) -> Path:
    """A database that grows, with a snapshot of it as `jdcdn.db`."""
    database = tmp_path / "live.db"
    database.parent.joinpath("bi").mkdir()
    demo(program, database, 1_781_496_000)
    publish(program, database)
    return database


def demo(program, database, now):
    run(program, "demo", "--db", database, "--no-progress", env=environment(now))


def publish(program, database):
    """As cron does: the new snapshot takes the place of the old one in one step."""
    run(program, "--db", database, "-q", "snapshot", "--force", database.parent / "bi/jdcdn.db")


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


def newest(program, database) -> int:
    return json.loads(run(program, "--db", database, "query", "--format", "json", "SELECT max(ts) AS ts FROM origin_stats"))[0]["ts"]


def test_the_server_of_the_page_serves_the_new_snapshot_and_never_the_old_one_again(program, live):
    (command,) = re.findall(r"^datasette (-i jdcdn\.db .*--reload.*)$", README.read_text(), re.MULTILINE)
    metadata = README.parent / "metadata.yaml"
    options = command.replace("deploy/bi/metadata.yaml", str(metadata)).split()
    first = newest(program, live)
    with datasette(live.parent / "bi", *options) as address:
        assert until(address, first), (live.parent / "bi/log").read_text()
        for round in [1, 2]:
            demo(program, live, 1_781_496_000 + round * 7_200)
            publish(program, live)
            second = newest(program, live)
            assert second > first
            assert until(address, second), f"replacement {round} was not noticed"
            # Each thread of the server has a connection of its own.
            assert {asked(address) for _ in range(30)} == {second}
            first = second


def test_without_reload_the_server_keeps_the_old_snapshot(program, live):
    first = newest(program, live)
    with datasette(live.parent / "bi", "-i", "jdcdn.db", "--setting", "num_sql_threads", "1") as address:
        assert until(address, first)
        demo(program, live, 1_781_496_000 + 7_200)
        publish(program, live)
        assert newest(program, live) > first
        assert {asked(address) for _ in range(30)} == {first}
