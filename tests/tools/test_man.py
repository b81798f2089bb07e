"""The manual pages: mandoc finds nothing wrong with them, and they say what the help says."""

import re
import subprocess

import pytest

from conftest import run


@pytest.fixture(scope="module")
def pages(program, tmp_path_factory):
    directory = tmp_path_factory.mktemp("man") / "man1"
    run(program, "man", directory)
    return directory


def commands(program, *path) -> list[tuple[str, ...]]:
    """Every command, each with the words before it."""
    lines = run(program, *path, "--help").split("\nCommands:\n")
    found = [path]
    for line in lines[1].split("\n\n")[0].splitlines() if len(lines) > 1 else []:
        name = line.split()[0]
        if name != "help":
            found += commands(program, *path, name)
    return found


def shown(page) -> str:
    """The text of a page; mandoc types a bold letter twice."""
    return re.sub(".\b", "", run("mandoc", "-T", "utf8", page))


def test_every_command_has_a_page(program, pages):
    expected = {"-".join(["jdcdn-stats", *path]) + ".1" for path in commands(program)}
    assert len(expected) > 15 and {page.name for page in pages.iterdir()} == expected


def test_no_page_has_an_error_of_syntax(pages):
    said = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages.iterdir()], capture_output=True, text=True)
    # The pages have no date, so that the same program writes the same bytes. The other two lines are about empty lines.
    harmless = ["missing date", "skipping paragraph macro: br after sp", "skipping paragraph macro: br before sp"]
    wrong = [line for line in said.stdout.splitlines() if not any(known in line for known in harmless)]
    assert wrong == []


def test_a_page_shows_the_options_and_the_examples_as_they_are_typed(pages):
    plain = shown(pages / "jdcdn-stats-backfill.1")
    for expected in ["EXAMPLES", "--newest-first", "--config", "jdcdn-stats backfill -d www.a.com"]:
        assert expected in plain, plain


def test_the_first_page_lists_the_exit_codes(pages):
    status = shown(pages / "jdcdn-stats.1").split("EXIT STATUS")[1].split("FILES")[0]
    codes = [line.split()[0] for line in status.splitlines() if line.strip() and line.strip()[0].isdigit()]
    assert codes == ["0", "1", "2", "3", "4", "5", "6", "75", "130", "143"]
