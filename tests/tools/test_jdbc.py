"""JDBC: the program of `docs/jdbc.md` runs as it stands there, and the driver does with dates what the page says."""

import re
from functools import cache
from pathlib import Path

import pytest

from conftest import read, run, writable_copy

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/jdbc.md").read_text()
DRIVER = Path("/usr/share/java/xerial-sqlite-jdbc.jar")
(URL,) = re.findall(r"^jdbc:sqlite:/srv/jdcdn/jdcdn\.db(\?.*)$", PAGE, re.MULTILINE)
DAYS = "SELECT sum(traffic_bytes) FROM origin_daily WHERE date_cst >= ? AND date_cst < ?"
TIMES = "SELECT sum(bandwidth) FROM origin_stats WHERE time_cst >= ? AND time_cst < ?"


def java(source, *arguments, zone="UTC") -> str:
    return run("java", f"-Duser.timezone={zone}", "-cp", DRIVER, source, *arguments)


@cache
def figures(database, options, *more, **zone) -> dict[str, int]:
    lines = java(HERE / "Setters.java", database, options, *more, **zone).splitlines()
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York"])
def test_the_program_of_the_page_finds_the_sums_in_every_zone(snapshot, tmp_path, documented_sums, documented_peak, zone):
    (program,) = re.findall(r"^```java\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    source = tmp_path / "Figures.java"
    source.write_text(program)
    assert f'"{URL}"' in program
    traffic, bandwidth = documented_sums
    lines = java(source, snapshot, zone=zone).splitlines()
    assert lines == [str(traffic), str(bandwidth), str(bandwidth), f"{documented_peak:%Y-%m-%d %H:%M:%S}"]


def test_the_setters_do_what_the_page_says(snapshot, documented_sums):
    found = figures(snapshot, URL)
    traffic, bandwidth = documented_sums
    rows = re.findall(r"^\| `(set\w+)`(?: with `(\w+)`)? \| (right|\*\*wrong)[^|]*\| (right|\*\*wrong)", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for setter, type, time, day in rows:
        name = type or setter
        assert (found[f"TIMESTAMP {name}"] == bandwidth) == (time == "right"), name
        assert (found[f"DATE {name}"] == traffic) == (day == "right"), name
    # What kind of wrong.
    ((late,),) = read(snapshot, DAYS, "2026-06-02", "2026-06-04")
    assert found["DATE setTimestamp"] == found["DATE setDate"] == late
    ((rest_missing,),) = read(snapshot, TIMES, "2026-06-02", "2026-06-03")
    assert found["TIMESTAMP LocalDateTime"] == rest_missing
    assert found["getInt whole"] == 0 and found["getDate works"] == 0 and found["getString day"] == 2026


def test_without_the_options_dates_are_ignored(snapshot, documented_sums):
    found = figures(snapshot, "")
    ((everything,),) = read(snapshot, "SELECT sum(bandwidth) FROM origin_stats")
    for setter in ["setTimestamp", "setDate"]:
        assert found[f"TIMESTAMP>= {setter}"] == everything, "greater than every number"
        assert found[f"TIMESTAMP {setter}"] == found[f"DATE {setter}"] == 0
    assert (found["DATE setString"], found["TIMESTAMP setString"]) == documented_sums


def test_the_default_form_of_the_dates_is_a_row_late(snapshot, documented_sums):
    found = figures(snapshot, "?date_class=TEXT")
    ((late,),) = read(snapshot, TIMES, "2026-06-01 00:05:00", "2026-06-02 00:05:00")
    assert found["TIMESTAMP setTimestamp"] == late != documented_sums[1]


def test_days_alone_are_right_with_the_form_of_days(snapshot, documented_sums):
    found = figures(snapshot, "?date_class=TEXT&date_string_format=yyyy-MM-dd")
    assert (found["DATE setDate"], found["TIMESTAMP setDate"]) == documented_sums


def test_a_time_is_read_in_the_zone_of_the_machine(snapshot):
    assert figures(snapshot, URL, zone="UTC")["getTimestamp late"] == 8 * 3600
    assert figures(snapshot, URL, zone="Asia/Shanghai")["getTimestamp late"] == 0


def test_the_url_opens_the_file_for_reading_only(snapshot, tmp_path):
    copy = writable_copy(snapshot, tmp_path)
    copy.chmod(0o644)
    assert figures(copy, URL, "delete")["DELETE works"] == 0
    assert figures(copy, "", "delete")["DELETE works"] == 1
