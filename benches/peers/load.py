"""Loads answers of the API into SQLite, as a script would that somebody writes for it.

load.py WAY DATABASE FILE...: each file is one answer as the API sends it.
"""

import json
import os
import sqlite3
import sys


def answers(files):
    for file in files:
        with open(file, encoding="utf-8") as body:
            yield json.load(body)["data"]


def points(data):
    return [(entry["domain"], ts, bandwidth, pv) for entry in data for ts, bandwidth, pv, _ in entry["data"]]


def counts(data, zeros):
    return [
        (entry["domain"], ts, code, count)
        for entry in data
        for ts, _, _, codes in entry["data"]
        for code, count in codes.items()
        if zeros or count
    ]


def executemany(database, files, zeros):
    connection = sqlite3.connect(database)
    connection.executescript("""
        PRAGMA journal_mode = wal;
        PRAGMA synchronous = normal;
        CREATE TABLE IF NOT EXISTS point (domain TEXT, ts INTEGER, bandwidth INTEGER, pv INTEGER, PRIMARY KEY (domain, ts));
        CREATE TABLE IF NOT EXISTS code (domain TEXT, ts INTEGER, code TEXT, count INTEGER, PRIMARY KEY (domain, ts, code));
    """)
    for data in answers(files):
        with connection:
            connection.executemany("INSERT OR REPLACE INTO point VALUES (?, ?, ?, ?)", points(data))
            connection.executemany("INSERT OR REPLACE INTO code VALUES (?, ?, ?, ?)", counts(data, zeros))
    connection.close()


def rows(data, names, values):
    return (dict(zip(names, row)) for row in values(data))


POINT = ("domain", "ts", "bandwidth", "pv")
CODE = ("domain", "ts", "code", "count")


def sqlite_utils(database, files):
    import sqlite_utils

    db = sqlite_utils.Database(database)
    db.enable_wal()
    for data in answers(files):
        db["point"].upsert_all(rows(data, POINT, points), pk=("domain", "ts"))
        db["code"].upsert_all(rows(data, CODE, lambda data: counts(data, False)), pk=("domain", "ts", "code"))


def dlt(database, files):
    # Its state belongs to the database.
    home = os.path.dirname(database)
    os.environ["DLT_DATA_DIR"] = os.path.join(home, "dlt")
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    # Two tables at a time lock each other out of one SQLite file.
    os.environ["LOAD__WORKERS"] = "1"
    import dlt

    @dlt.resource(name="point", write_disposition="merge", primary_key=("domain", "ts"))
    def point():
        for data in answers(files):
            yield list(rows(data, POINT, points))

    @dlt.resource(name="code", write_disposition="merge", primary_key=("domain", "ts", "code"))
    def code():
        for data in answers(files):
            yield list(rows(data, CODE, lambda data: counts(data, False)))

    pipeline = dlt.pipeline(
        pipeline_name="origin",
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{database}"),
        dataset_name="main",
        pipelines_dir=os.path.join(home, "pipelines"),
    )
    pipeline.run([point(), code()])


def main():
    way, database, *files = sys.argv[1:]
    match way:
        case "zeros":
            executemany(database, files, True)
        case "nonzero":
            executemany(database, files, False)
        case "sqlite-utils":
            sqlite_utils(database, files)
        case "dlt":
            dlt(database, files)
        case _:
            sys.exit(f"unknown way: {way}")


if __name__ == "__main__":
    main()
