"""The commands that install Datasette in a virtual environment, as the pages have them: many systems refuse any other way."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "README.zh-CN.md", "deploy/bi/README.md"]
ONE_ANSWER = " --get '/jdcdn/origin_monthly.json?_shape=array'"


def commands(page):
    """Its commands from the one that makes the environment to the one that starts the server, each on one line."""
    lines = (ROOT / page).read_text().replace("\\\n", "").splitlines()
    begin = lines.index("python3 -m venv bi")
    return lines[begin : begin + 3]


def test_the_pages_have_the_same_commands():
    first, *others = [[shlex.split(line) for line in commands(page)] for page in PAGES]
    assert all(other == first for other in others), (first, others)


@pytest.fixture(scope="module")
def reader(snapshot, tmp_path_factory):
    """The directory of a reader, with a snapshot, the files of the project, and an empty home."""
    directory = tmp_path_factory.mktemp("reader")
    (directory / "jdcdn.db").symlink_to(snapshot)
    (directory / "deploy").symlink_to(ROOT / "deploy")
    (directory / "home").mkdir()
    return directory


def test_the_commands_work_where_packages_are_managed_by_the_system(reader):
    # `python3` is the one that the tests were set up with.
    path = os.pathsep.join([os.path.dirname(os.path.realpath(sys.executable)), os.environ["PATH"]])
    environment = {**os.environ, "HOME": str(reader / "home"), "PATH": path}
    environment.pop("VIRTUAL_ENV", None)
    make, install, serve = commands(PAGES[0])
    for command in [make, install, serve + ONE_ANSWER]:
        ended = subprocess.run(command, shell=True, cwd=reader, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    assert {row["domain"] for row in json.loads(ended.stdout)} >= {"www.example.com"}
