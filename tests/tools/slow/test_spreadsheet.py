"""LibreOffice Calc opens an exported CSV file. It is installed from Debian: about 400 MB."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import run  # noqa: E402
from lake import lake  # noqa: E402, F401

PACKAGE = "libreoffice-calc-nogui"
# Comma, double quote, UTF-8, from line 1, default columns, default language; quoted cells as text; dates recognised.
AS_TEXT = "CSV:44,34,76,1,,0,true,true"
AS_NUMBERS = "CSV:44,34,76,1,,0,false,true"


@pytest.fixture(scope="session")
def calc():
    if not shutil.which("soffice"):
        root = [] if os.geteuid() == 0 else ["sudo"]
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qq", "--no-install-recommends"]
        subprocess.run([*root, *install, PACKAGE], check=True, stdout=subprocess.DEVNULL)


def cells(path, directory, options):
    """The type and the text of every cell, by row."""
    command = ["soffice", "--headless", "--norestore", f"-env:UserInstallation=file://{directory}/profile"]
    command += [f"--infilter={options}", "--convert-to", "fods", "--outdir", directory / "out", path]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    text = (directory / "out" / path.with_suffix(".fods").name).read_text()
    rows = re.findall(r"<table:table-row[ >].*?</table:table-row>", text, re.DOTALL)
    cell = r'<table:table-cell[^>]*office:value-type="(\w+)"[^>]*>\s*<text:p>([^<]*)'
    return [re.findall(cell, row) for row in rows]


@pytest.mark.parametrize("mark", [(), ("--bom",)])
def test_calc_keeps_quoted_codes_as_text_and_loses_them_without(program, lake, calc, tmp_path, mark):
    directory = tmp_path / "csv"
    run(program, "--db", lake.database, "export", "--format", "csv", *mark, directory)
    (source,) = (directory / "origin_status_daily").glob("month=2026-06/part-0.csv")
    short = tmp_path / "codes.csv"
    short.write_bytes(b"".join(source.read_bytes().splitlines(keepends=True)[:30]))
    header, *rows = cells(short, tmp_path, AS_TEXT)
    assert [text for _, text in header] == ["domain", "date_cst", "code", "class", "requests"]
    codes = [row[2] for row in rows if len(row) == 5]
    assert {("string", "000"), ("string", "0"), ("string", "200")} <= set(codes), codes
    assert {row[1][0] for row in rows if len(row) == 5} == {"date"}
    # The same without the option: two codes become one number.
    _, *rows = cells(short, tmp_path, AS_NUMBERS)
    codes = {row[2] for row in rows if len(row) == 5}
    assert ("float", "0") in codes and ("string", "000") not in codes, codes
