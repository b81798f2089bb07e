"""The program, its databases, and how to look at them. A tool that is missing is a failure, never a skip."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

# The program's clock, so that every run sees the same data: 2026-06-15 12:00 in UTC+8.
NOW = 1_781_496_000
DAY = 86_400
DOMAIN = "www.example.com"
NUMBERS = ("BIGINT", "DOUBLE")


@pytest.fixture(scope="session")
def program() -> Path:
    """The binary; `make test-tools` builds it."""
    return Path(os.environ["JDCDN_STATS"])


def environment(now=NOW, **more):
    return {"PATH": os.environ["PATH"], "JDCDN_TEST_NOW": str(now), **more}


def run(*command, env=None) -> str:
    """Runs a command to its good end; returns what it printed."""
    command = [str(part) for part in command]
    ended = subprocess.run(command, env=env or environment(), capture_output=True, text=True)
    assert ended.returncode == 0, f"{command}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="session")
def demo(program, tmp_path_factory) -> Path:
    """The demo's database, as a run leaves it."""
    database = tmp_path_factory.mktemp("demo") / "demo.db"
    run(program, "demo", "--db", database, "--no-progress")
    return database


@pytest.fixture(scope="session")
def snapshot(program, demo) -> Path:
    """A snapshot of it."""
    return snapshot_of(program, demo)


@pytest.fixture(scope="session")
def varied(program, tmp_path_factory) -> Path:
    """A small database that has rows in every relation, and figures beyond 32 bits."""
    directory = tmp_path_factory.mktemp("varied")
    database = directory / "varied.db"
    recent = [NOW - 3 * DAY, NOW]
    backfill(program, database, NOW, recent)
    # A day later the simulator has changed some figures; and half of this range is beyond its retention.
    backfill(program, database, NOW + DAY, recent)
    backfill(program, database, NOW + DAY, [NOW - 90 * DAY, NOW - 88 * DAY])
    with sqlite3.connect(database) as writable:
        raise_figures(writable)
        # The simulator's command never spoils a point.
        writable.execute(
            "INSERT INTO reject SELECT 1, id, name, ?, ?, ?, 'not a number', '[\"x\"]', ?, 1, 'malformed' FROM domain",
            (NOW, NOW, NOW + 300, NOW),
        )
        # Nor does it refuse a range that it serves.
        writable.execute(
            "INSERT INTO refusal SELECT id, 21, ?, ?, ?, ?, 1, ?, 0, NULL, 1 FROM domain",
            (NOW - 10 * DAY, NOW - 9 * DAY, NOW, NOW, NOW),
        )
        # `backfill` never lists the domains of the account.
        writable.executemany(
            "INSERT INTO account_domain VALUES (?, 'followed', 'running', 'web', 'mainland', ?, ?, ?, ?, ?, ?)",
            [
                ("a.example.com", "a.cdn.example.net", 2, NOW - DAY, NOW, None, NOW),
                ("b.example.com", None, 0, NOW - 3 * DAY, NOW - DAY, NOW, NOW - 2 * DAY),
            ],
        )
        # What was changed here would be found as damage, unless the sums are built anew.
        writable.execute("UPDATE sum_build SET complete = 0")
    writable.close()
    run(program, "--db", database, "migrate")
    month = datetime.fromtimestamp(NOW - 88 * DAY, timezone.utc).strftime("%Y-%m")
    run(program, "--db", database, "bill", month, "--close", env=environment(NOW + DAY))
    return database


@pytest.fixture(scope="session")
def varied_snapshot(program, varied) -> Path:
    """A snapshot of the small one."""
    return snapshot_of(program, varied)


def snapshot_of(program, database, *options) -> Path:
    out = database.with_name(f"{database.stem}-snapshot.db")
    run(program, "--db", database, "snapshot", out, *options)
    return out


def backfill(program, database, now, span):
    """Fetches `span` of one domain from a simulator, both as of `now`."""
    simulator = subprocess.Popen(
        [program, "simulate", "--domain", DOMAIN], stdout=subprocess.PIPE, text=True, env=environment(now)
    )
    try:
        lines = [simulator.stdout.readline() for _ in range(3)]
        settings = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        start, end = map(iso, span)
        command = [program, "--db", database, "backfill", "-d", DOMAIN, "--from", start, "--to", end]
        run(*command, env=environment(now, **settings))
    finally:
        simulator.send_signal(signal.SIGTERM)
        simulator.wait()


def iso(ts) -> str:
    return datetime.fromtimestamp(ts, timezone.utc).isoformat()


def raise_figures(database):
    """One point of 9 Tbit/s and 3 billion requests; its day is noted for the rollups, as a commit does."""
    domain, ts = database.execute("SELECT domain_id, max(ts) FROM point").fetchone()
    key = (domain, ts)
    database.execute("UPDATE point SET bandwidth = 9000000000000, pv = 3000000000 WHERE (domain_id, ts) = (?, ?)", key)
    database.execute(
        "UPDATE code_count SET count = 3000000000 WHERE (domain_id, ts, code_id) = "
        "(SELECT domain_id, ts, code_id FROM code_count WHERE (domain_id, ts) = (?, ?) LIMIT 1)",
        key,
    )
    database.execute("INSERT OR IGNORE INTO rollup_due VALUES (?, ?)", (domain, ts - (ts + 28_800) % DAY))


def read(database, sql, *values):
    """Rows as the system's SQLite sees them."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def documented(page, language) -> dict[str, str]:
    """The programs of a page of `docs/` in a language, by the first word of their section."""
    sections = (Path(__file__).parents[2] / "docs" / page).read_text().split("\n## ")
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    found = {section.split()[0]: "\n".join(fence.findall(section)) for section in sections}
    return {name: program for name, program in found.items() if program}


@pytest.fixture(scope="session")
def documented_sums(snapshot) -> tuple[int, int]:
    """What the programs of the pages compute: traffic of two days, and bandwidth of one, without a range of text."""
    ((traffic,),) = read(snapshot, "SELECT sum(traffic_bytes) FROM origin_daily WHERE date_cst IN ('2026-06-01', '2026-06-02')")
    start = datetime(2026, 5, 31, 16, tzinfo=timezone.utc).timestamp()
    ((bandwidth,),) = read(snapshot, "SELECT sum(bandwidth) FROM origin_stats WHERE ts >= ? AND ts < ?", start, start + DAY)
    return traffic, bandwidth


@pytest.fixture(scope="session")
def documented_peak(snapshot) -> datetime:
    """The last peak of the first of these days, which the programs read from `ts`."""
    ((peak,),) = read(snapshot, "SELECT max(peak_ts) FROM origin_daily WHERE date_cst = '2026-06-01'")
    return datetime.fromtimestamp(peak, timezone(timedelta(hours=8)))


def relations(database) -> dict[str, dict[str, str]]:
    """The declared types of the columns of every public relation."""
    names = read(
        database,
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name LIKE 'origin~_%' ESCAPE '~' ORDER BY 1",
    )
    columns = "SELECT name, type FROM pragma_table_info(?) ORDER BY cid"
    return {name: dict(read(database, columns, name)) for (name,) in names}


def sums(database) -> dict[str, tuple[int, dict[str, float]]]:
    """Of every public relation its number of rows, and the sum of each column of numbers."""
    found = {}
    for relation, columns in relations(database).items():
        numbers = [name for name, type in columns.items() if type in NUMBERS]
        rows, *values = read(database, sums_sql(relation, numbers))[0]
        found[relation] = (rows, dict(zip(numbers, values)))
    return found


def sums_sql(relation, numbers) -> str:
    columns = ["count(*)", *(f'sum("{name}")' for name in numbers)]
    return f"SELECT {', '.join(columns)} FROM {relation}"


def writable_copy(database, directory) -> Path:
    """A copy of a snapshot that may be written to."""
    copy = directory / "copy.db"
    shutil.copyfile(database, copy)
    return copy
