"""A lake with names that are hard to find, and the figures that engines must compute from it."""

import re
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from conftest import DAY, NOW, environment, iso, run

WILDCARD = "*.example.com"
CHINESE = "xn--fiqs8s.example.com"
DOMAINS = ["www.example.com", WILDCARD, CHINESE]
RELATIONS = {"origin_stats": ("bandwidth", "pv"), "origin_status_codes": ("count",)}
MEASURES = "bandwidth_95, bandwidth_peak, bandwidth_fourth_peak, bandwidth_daily_peak_avg, traffic_bytes, pv"
PAGE = Path(__file__).parents[2] / "docs" / "lake.md"


def make_database(program, directory) -> Path:
    """Three domains that were asked for different times in two months, with slots that have no point."""
    database = directory / "lake.db"
    simulator = subprocess.Popen(
        [program, "simulate", *(f"--domain={domain}" for domain in DOMAINS), "--retention", "400d"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        lines = [simulator.stdout.readline() for _ in range(3)]
        settings = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        begin = NOW - NOW % DAY - 25 * DAY
        for domain, start, end in [
            (DOMAINS[0], begin, NOW),
            (WILDCARD, begin + 5 * DAY + 7 * 300, begin + 21 * DAY),
            (CHINESE, begin + 9 * DAY, NOW - 3600),
            # A second range, in a month that the others have whole.
            (WILDCARD, NOW - DAY, NOW - DAY + 2 * 3600),
        ]:
            command = [program, "--db", database, "backfill", "-d", domain, "--from", iso(start), "--to", iso(end)]
            run(*command, "-q", env=environment(**settings))
    finally:
        simulator.send_signal(signal.SIGTERM)
        simulator.wait()
    # The simulator has a point for every slot. Some are taken away, and one figure is beyond 32 bits.
    with sqlite3.connect(database) as writable:
        writable.execute("DELETE FROM point WHERE domain_id = 1 AND ts / 300 % 9 = 4")
        writable.execute("DELETE FROM code_count WHERE domain_id = 1 AND ts / 300 % 9 = 4")
        writable.execute("UPDATE point SET bandwidth = bandwidth + 9000000000 WHERE domain_id = 2")
        writable.execute("UPDATE sum_build SET complete = 0")
        writable.execute(
            "INSERT OR IGNORE INTO rollup_due SELECT DISTINCT domain_id, ts - (ts + 28800) % 86400 FROM point"
        )
    writable.close()
    run(program, "--db", database, "migrate")
    return database


def export(program, database, format) -> Path:
    directory = database.parent / format
    run(program, "--db", database, "export", "--format", format, directory)
    return directory


def rows(database, sql):
    connection = sqlite3.connect(database)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def expected(database, relation):
    """Of each domain and month: rows, the sum of `ts`, and the sum of each figure."""
    columns = "".join(f", sum({column})" for column in RELATIONS[relation])
    return rows(
        database,
        f"SELECT domain, substr(time_cst, 1, 7) AS month, count(*), sum(ts){columns} FROM {relation} "
        "GROUP BY 1, 2 ORDER BY 1, 2",
    )


def bill(database, whose):
    """The figures of the months, as the database has them."""
    if whose == "domains":
        return rows(database, f"SELECT month_cst, domain, {MEASURES} FROM origin_monthly ORDER BY 1, 2")
    return rows(database, f"SELECT month_cst, {MEASURES} FROM origin_account_monthly ORDER BY 1")


def statement(engine, whose, lake) -> str:
    """The statement that the page publishes for an engine."""
    section = PAGE.read_text().split(f"### {engine}\n")[1].split("\n### ")[0]
    blocks = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2, engine
    return blocks[["domains", "account"].index(whose)].replace("LAKE", str(lake)).rstrip().rstrip(";")


def same(found, wanted) -> bool:
    """Whether rows are equal, their floating-point numbers to the last bit."""
    exact = lambda rows: [[float(cell).hex() if isinstance(cell, float) else cell for cell in row] for row in rows]
    return exact(found) == exact(wanted)


class Lake:
    """A database and its export."""

    def __init__(self, program, directory):
        self.database = make_database(program, directory)
        self.parquet = export(program, self.database, "parquet")
        self.csv = export(program, self.database, "csv")


@pytest.fixture(scope="session")
def lake(program, tmp_path_factory) -> Lake:
    return Lake(program, tmp_path_factory.mktemp("lake"))
