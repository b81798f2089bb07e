"""Who may only read: another user, a read-only mount; the snapshot and the live file, on the system's SQLite."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from conftest import environment, read, run

COUNT = "SELECT count(*) FROM origin_stats"
PYTHON = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], uri=True).execute(sys.argv[2]).fetchone()[0])"
ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]
NOBODY = [*ROOT, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
MOUNT = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && ! touch "$0/x" 2>/dev/null && exec "$@"'


@pytest.fixture
def public(tmp_path_factory):
    """A directory that others may look into and not write to."""
    directory = Path(tempfile.mkdtemp(prefix="jdcdn-public-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def clients(database):
    """The ways in which a tool opens a file, as commands that count the points."""
    for name in [str(database), f"file:{database}?mode=ro"]:
        yield ["sqlite3", name, COUNT]
        yield ["/usr/bin/python3", "-c", PYTHON, name if name.startswith("file:") else f"file:{name}", COUNT]


def read_only_mount(directory):
    return [*ROOT, "unshare", "-m", "sh", "-c", MOUNT, directory]


def publish(database, directory) -> Path:
    """Copies a database with what stands beside it, for all to read."""
    for file in database.parent.glob(f"{database.name}*"):
        copy = Path(shutil.copy(file, directory))
        copy.chmod(0o444)
    return directory / database.name


def test_the_clients_are_old():
    version = run("sqlite3", "--version").split()[0]
    assert (3, 37) <= tuple(map(int, version.split("."))) < (3, 42), version


@pytest.mark.parametrize("kind", ["snapshot", "demo"])
def test_another_user_reads_it_where_nothing_may_be_written(request, kind, public):
    original = request.getfixturevalue(kind)
    expected = read(original, COUNT)[0][0]
    database = publish(original, public)
    assert expected > 25_000
    # It is not root who reads: this user may write nothing here.
    assert subprocess.run([*NOBODY, "touch", public / "x"], capture_output=True).returncode != 0
    before = sorted(os.listdir(public))
    for client in clients(database):
        assert int(run(*NOBODY, *client)) == expected, client
        assert int(run(*read_only_mount(public), *client)) == expected, client
    assert sorted(os.listdir(public)) == before
    assert (len(before) == 1) == (kind == "snapshot")


def test_the_live_file_of_a_killed_run_is_read_by_another_user(program, demo, public):
    """Its last commits are in the log alone."""
    database = public / "killed.db"
    shutil.copyfile(demo, database)
    # A writer that ends without a word.
    script = (
        "import os, signal, sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('DELETE FROM point WHERE ts = (SELECT max(ts) FROM point)'); c.commit();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", script, database])
    assert ended.returncode == -signal.SIGKILL
    assert Path(f"{database}-wal").stat().st_size > 0
    expected = read(demo, f"SELECT ({COUNT}) - (SELECT count(*) FROM origin_stats WHERE ts = (SELECT max(ts) FROM origin_stats))")
    for client in clients(database):
        assert int(run(*NOBODY, *client)) == expected[0][0], client


def test_what_takes_the_log_of_the_live_file_away_and_what_brings_it_back(program, demo, public):
    """A tool that opens it with the right to write removes the log when it closes it last."""
    database = public / "live.db"
    for suffix in ["", "-wal", "-shm"]:
        shutil.copyfile(f"{demo}{suffix}", f"{database}{suffix}")

    def beside():
        return sorted(path.name.removeprefix("live.db") for path in public.iterdir() if path.suffix != ".lock")

    run(program, "--db", database, "query", COUNT)
    run("sqlite3", "-readonly", database, COUNT)
    assert beside() == ["", "-shm", "-wal"]
    run("sqlite3", database, COUNT)
    assert beside() == [""]
    refused = subprocess.run([*NOBODY, "sqlite3", database, COUNT], capture_output=True, text=True)
    assert refused.returncode != 0 and not refused.stdout, refused
    run(program, "--db", database, "migrate")
    assert beside() == ["", "-shm", "-wal"]
    assert int(run(*NOBODY, "sqlite3", database, COUNT)) > 25_000


def test_a_snapshot_can_be_written_to_by_no_tool_of_another_user(snapshot, public):
    database = publish(snapshot, public)
    ended = subprocess.run(
        [*NOBODY, "sqlite3", database, "DELETE FROM point"], capture_output=True, text=True, env=environment()
    )
    assert ended.returncode != 0 and "readonly" in ended.stderr, ended
