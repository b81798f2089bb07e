"""Two copies of SQLite in one process: why `docs/tools.md` says to take a snapshot.

Python's module has one, DuckDB's extension has another. Locks of POSIX belong to the process, and closing any descriptor of a
file drops all of them.
"""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import duckdb_extension_sqlite_scanner
import pytest

from conftest import read

SUM = "SELECT sum(bandwidth) FROM origin_stats"
WRITE = "UPDATE point SET bandwidth = bandwidth + 1"
# Another process, as a run is one: it writes, and takes the log into the file unless a reader is in the way.
WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0)
connection.execute(sys.argv[2])
connection.commit()
print(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
"""


@pytest.fixture
def live(demo, tmp_path) -> Path:
    for suffix in ["", "-wal", "-shm"]:
        shutil.copyfile(f"{demo}{suffix}", tmp_path / f"live.db{suffix}")
    return tmp_path / "live.db"


def written(database) -> bool:
    """Changes every point; whether a reader was in the way of the checkpoint."""
    ended = subprocess.run([sys.executable, "-c", WRITER, database, WRITE], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip() == "1"


def look_with_duckdb(database):
    duck = duckdb.connect()
    (extension,) = Path(duckdb_extension_sqlite_scanner.__file__).parent.rglob("*.duckdb_extension")
    duck.load_extension(str(extension))
    duck.execute(f"ATTACH '{database}' AS s (TYPE sqlite, READ_ONLY)")
    assert duck.execute("SELECT count(*) FROM s.origin_stats").fetchone()[0] > 25_000
    duck.execute("DETACH s")
    duck.close()


def reader(database):
    """A reader in a transaction, which is to see one moment of the file."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
    # So small that it must read the file again.
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    return connection, connection.execute(SUM).fetchone()


def test_one_library_sees_one_moment(live):
    written(live)
    connection, first = reader(live)
    other = sqlite3.connect(f"file:{live}?mode=ro", uri=True)
    other.execute(SUM).fetchone()
    other.close()
    assert written(live), "the reader holds back the checkpoint"
    written(live)
    assert connection.execute(SUM).fetchone() == first
    connection.close()


def test_a_second_library_takes_the_locks_of_the_first_away(live):
    written(live)
    connection, first = reader(live)
    assert written(live)
    look_with_duckdb(live)
    assert not written(live), "nobody is in the way any more"
    written(live)
    try:
        changed = connection.execute(SUM).fetchone() != first
    except sqlite3.DatabaseError:
        changed = True
    assert changed, "within one transaction"
    connection.close()


def test_on_a_snapshot_two_libraries_are_right(snapshot):
    connection, first = reader(snapshot)
    look_with_duckdb(snapshot)
    assert connection.execute(SUM).fetchone() == first == read(snapshot, SUM)[0]
    connection.close()
