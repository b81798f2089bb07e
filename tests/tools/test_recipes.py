"""The Python of `deploy/bi/README.md` runs as it stands there, beside a snapshot named `jdcdn.db`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "deploy/bi/README.md"
SECTIONS = README.read_text().split("\n## ")[1:]
RECIPES = {
    section.split()[0]: "\n".join(re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE))
    for section in SECTIONS
    if "```python" in section
}
# The recipe lets DuckDB fetch its extension from the network; here it is a package of the tests.
BEFORE = {
    "DuckDB": """
import duckdb, duckdb_extension_sqlite_scanner, pathlib
(extension,) = pathlib.Path(duckdb_extension_sqlite_scanner.__file__).parent.rglob("*.duckdb_extension")
duckdb.load_extension(str(extension))
"""
}


def test_every_library_has_its_recipe():
    assert list(RECIPES) == ["DuckDB", "pandas", "Polars", "SQLAlchemy"]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_and_finds_the_domains(snapshot, tmp_path, name):
    (tmp_path / "jdcdn.db").symlink_to(snapshot)
    command = [sys.executable, "-c", BEFORE.get(name, "") + RECIPES[name]]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "www.example.com" in ended.stdout
