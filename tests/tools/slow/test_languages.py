"""R and Go: the programs of `docs/tools.md` run as they stand there, and the usual ways go wrong as the page says."""

import subprocess
from pathlib import Path

import pytest

from conftest import documented, read

DAYS = "SELECT sum(traffic_bytes) FROM origin_daily WHERE date_cst >= ? AND date_cst < ?"
TIMES = "SELECT sum(bandwidth) FROM origin_stats WHERE time_cst >= ? AND time_cst < ?"


@pytest.fixture
def folder(snapshot, tmp_path) -> Path:
    (tmp_path / "jdcdn.db").symlink_to(snapshot)
    return tmp_path


def run_in(folder, *command, **more) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GOPATH": "/usr/share/gocode", "GO111MODULE": "off"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def r(folder, program) -> list[str]:
    (folder / "program.R").write_text(program)
    return run_in(folder, "Rscript", "program.R").split()


def go(folder, program) -> list[str]:
    (folder / "program.go").write_text(program)
    return run_in(folder, "go", "run", "program.go").split()


# --- R


def test_the_program_in_r_finds_the_sums(folder, documented_sums):
    assert tuple(map(int, r(folder, documented("tools.md", "r")["R"]))) == documented_sums


R_PLAIN = """
connection <- DBI::dbConnect(RSQLite::SQLite(), "jdcdn.db", flags = RSQLite::SQLITE_RO)
days <- DBI::dbGetQuery(connection, "SELECT domain, traffic_bytes FROM origin_daily")
cat(class(days$traffic_bytes), format(sum(days$traffic_bytes)), "\\n")
large <- function(x) cat(max(as.vector(x)) > 1, "\\n")
large(tapply(days$traffic_bytes, days$domain, sum))
large(sapply(split(days$traffic_bytes, days$domain), sum))
large(colSums(days[, "traffic_bytes", drop = FALSE]))
large(xtabs(traffic_bytes ~ domain, days))
large(ifelse(TRUE, days$traffic_bytes, 0))
large(unlist(list(days$traffic_bytes)))
large(as.matrix(days["traffic_bytes"]))
"""


def test_without_bigint_r_takes_large_numbers_for_almost_nothing(folder, snapshot):
    kind, total, *large = r(folder, R_PLAIN)
    assert kind == "integer64" and [(int(total),)] == read(snapshot, "SELECT sum(traffic_bytes) FROM origin_daily")
    assert large == ["FALSE"] * 7
    as_numbers = R_PLAIN.replace("SQLITE_RO)", 'SQLITE_RO, bigint = "numeric")')
    kind, total, *large = r(folder, as_numbers)
    assert kind == "numeric" and large == ["TRUE"] * 7


R_DATES = """
connection <- DBI::dbConnect(RSQLite::SQLite(), "jdcdn.db", flags = RSQLite::SQLITE_RO, bigint = "numeric")
n <- function(sql, ...) cat(DBI::dbGetQuery(connection, paste("SELECT count(*) FROM", sql), params = list(...))[[1]], "\\n")
first <- as.Date("2026-06-01")
time <- as.POSIXct("2026-06-01", tz = "Asia/Shanghai")
n("origin_daily WHERE date_cst >= ?", first)
n("origin_daily WHERE date_cst < ?", first)
n("origin_stats WHERE time_cst >= ?", time)
n("origin_stats WHERE time_cst < ?", time)
n("origin_daily WHERE date_cst < ?", format(first, "%Y-%m-%d"))
connection <- DBI::dbConnect(RSQLite::SQLite(), "jdcdn.db", flags = RSQLite::SQLITE_RO, extended_types = TRUE)
row <- DBI::dbGetQuery(connection, "SELECT ts, time_cst FROM origin_stats LIMIT 1")
cat(as.numeric(row$time_cst) - as.numeric(row$ts), "\\n")
library(dplyr, warn.conflicts = FALSE)
daily <- tbl(connection, "origin_daily")
cat(nrow(collect(filter(daily, date_cst < as.Date("2026-06-01")))), nrow(collect(filter(daily, date_cst < "2026-06-01"))), "\\n")
"""


def test_dates_as_parameters_are_ignored_in_r(folder, snapshot):
    found = [int(word) for word in r(folder, R_DATES)]
    ((days,),) = read(snapshot, "SELECT count(*) FROM origin_daily")
    ((before,),) = read(snapshot, "SELECT count(*) FROM origin_daily WHERE date_cst < '2026-06-01'")
    ((points,),) = read(snapshot, "SELECT count(*) FROM origin_stats")
    assert 0 < before < days
    assert found == [days, 0, points, 0, before, 8 * 3600, 0, before]


# --- Go


def test_the_program_in_go_finds_the_sums(folder, documented_sums, documented_peak):
    traffic, bandwidth, fast, moment = go(folder, documented("tools.md", "go")["Go"])
    assert (int(traffic), int(bandwidth)) == documented_sums and fast == bandwidth
    assert moment == documented_peak.isoformat()


GO_PLAIN = """
package main

import (
	"database/sql"
	"fmt"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

func main() {
	for _, options := range []string{"", "&_loc=Asia%2FShanghai"} {
		db, _ := sql.Open("sqlite3", "file:jdcdn.db?mode=ro"+options)
		cst := time.FixedZone("CST", 8*3600)
		from := time.Date(2026, 6, 1, 0, 0, 0, 0, cst)
		var days, points, ts int64
		var moment time.Time
		db.QueryRow("DAYS", from, from.AddDate(0, 0, 2)).Scan(&days)
		db.QueryRow("TIMES", from, from.AddDate(0, 0, 1)).Scan(&points)
		db.QueryRow("SELECT ts, time_cst FROM origin_stats LIMIT 1").Scan(&ts, &moment)
		fmt.Println(days, points, moment.Unix()-ts)
	}
}
"""


def test_times_as_parameters_and_from_columns_are_late_in_go(folder, snapshot, documented_sums):
    found = go(folder, GO_PLAIN.replace("DAYS", DAYS).replace("TIMES", TIMES))
    ((day_late,),) = read(snapshot, DAYS, "2026-06-02", "2026-06-04")
    ((row_late,),) = read(snapshot, TIMES, "2026-06-01 00:05:00", "2026-06-02 00:05:00")
    assert (day_late, row_late) != documented_sums
    assert list(map(int, found)) == 2 * [day_late, row_late, 8 * 3600]


GO_REPLACED = """
package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/mattn/go-sqlite3"
)

func main() {
	for _, keep := range []bool{true, false} {
		os.Remove("a.db")
		os.Symlink("jdcdn.db", "a.db")
		db, _ := sql.Open("sqlite3", "file:a.db?mode=ro")
		if !keep {
			db.SetMaxIdleConns(0)
		}
		var before, after int64
		db.QueryRow("SELECT count(*) FROM origin_runs").Scan(&before)
		os.Remove("a.db")
		os.Symlink("other.db", "a.db")
		db.QueryRow("SELECT count(*) FROM origin_runs").Scan(&after)
		fmt.Println(before, after)
	}
}
"""


def test_go_reads_a_new_snapshot_without_idle_connections(folder, snapshot, varied_snapshot):
    (folder / "other.db").symlink_to(varied_snapshot)
    ((first,),), ((second,),) = (read(file, "SELECT count(*) FROM origin_runs") for file in (snapshot, varied_snapshot))
    assert first != second
    assert list(map(int, go(folder, GO_REPLACED))) == [first, first, first, second]
