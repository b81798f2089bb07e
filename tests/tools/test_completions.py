"""The scripts of `completions` in bash, zsh and fish: each shell runs on a terminal and completes a line that is typed."""

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from conftest import run

FILES = ["figures.db", "figures 2.db"]
FOLDER = "folder"
# The key that puts in everything that is offered.
ALL = "\x0f"
# The longest time that a shell may take. Only a shell that hangs needs it.
PATIENCE = 120
# Types a line, lets the shell put in all that it offers, and prints the words of the line.
SHOW = "jdcdn-stats() { printf '<%s>\\n' \"$@\"; echo end of line; }"
BASH = [
    "bind 'set bell-style none'",
    "bind '\"\\C-o\": insert-completions'",
    "source ./script",
    SHOW,
]
ZSH = [
    "fpath=($PWD/functions $fpath)",
    "autoload -Uz compinit && compinit -u -D",
    "zle -C all complete-word _generic && bindkey '^O' all",
    "zstyle ':completion:all::::' completer _all_matches _complete",
    "zstyle ':completion:all:*' insert yes",
    "unsetopt beep",
    SHOW,
]


@pytest.fixture(scope="module")
def home(program, tmp_path_factory) -> Path:
    """A home directory with the scripts, two databases and a folder."""
    home = tmp_path_factory.mktemp("home")
    (home / "script").write_text(run(program, "completions", "bash"))
    (home / "functions").mkdir()
    (home / "functions" / "_jdcdn-stats").write_text(run(program, "completions", "zsh"))
    (home / "script.fish").write_text(run(program, "completions", "fish"))
    (home / "bin").mkdir()
    (home / "bin" / "jdcdn-stats").symlink_to(program)
    for name in FILES:
        (home / name).touch()
    (home / FOLDER).mkdir()
    return home


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, home, command, commands):
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PS1": "$ ", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self.terminal, inner = pty.openpty()
        self.shell = subprocess.Popen(
            command, cwd=home, env=environment, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
        )
        os.close(inner)
        for line in commands:
            self.type(f"{line}\n")
        self.type("echo rea''dy\n")
        self.read_until("ready")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, end) -> str:
        """Returns what the shell printed, up to and with `end`."""
        read, deadline = b"", time.monotonic() + PATIENCE
        while f"\n{end}".encode() not in read.replace(b"\r", b""):
            assert time.monotonic() < deadline and self.shell.poll() is None, read.decode()
            if select.select([self.terminal], [], [], 1)[0]:
                read += os.read(self.terminal, 65536)
        return read.decode().replace("\r", "")

    def close(self):
        self.shell.kill()
        self.shell.wait()
        os.close(self.terminal)


class OnTerminal:
    """Types a line and the key that puts in everything that is offered; returns the words that are then there."""

    def __init__(self, home, command, commands):
        self.start = lambda: Terminal(home, command, commands)

    def offers(self, line, key=ALL) -> list[str]:
        terminal = self.start()
        try:
            terminal.type(f"jdcdn-stats {line}{key}\n")
            printed = terminal.read_until("end of line")
        finally:
            terminal.close()
        words = [word[1:-1] for word in printed.split("\n") if word.startswith("<")]
        typed = line.split(" ")[:-1]
        assert words[: len(typed)] == typed, printed
        return words[len(typed) :]


class Fish:
    """Asks fish for what it would offer."""

    def __init__(self, home):
        self.home = home

    def offers(self, line) -> list[str]:
        path = f"{self.home}/bin:{os.environ['PATH']}"
        ended = subprocess.run(
            ["fish", "--no-config", "-c", "source script.fish; complete -C $argv", f"jdcdn-stats {line}"],
            cwd=self.home,
            env={"PATH": path, "HOME": str(self.home), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
        )
        assert (ended.returncode, ended.stderr) == (0, ""), ended
        return [offer.split("\t")[0] for offer in ended.stdout.splitlines()]


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, home):
    if request.param == "bash":
        return OnTerminal(home, ["bash", "--norc", "--noprofile", "-i"], BASH)
    if request.param == "zsh":
        return OnTerminal(home, ["zsh", "-f", "-i"], ZSH)
    return Fish(home)


COMMANDS = [
    ("sn", ["snapshot"]),
    ("--config any.toml sn", ["snapshot"]),
    ("-v sn", ["snapshot"]),
    ("rejects d", ["discard"]),
    ("help sn", ["snapshot"]),
    ("help rejects d", ["discard"]),
    ("completions f", ["fish"]),
]
OPTIONS = [
    ("--no-p", ["--no-progress"]),
    ("backfill --newest", ["--newest-first"]),
    ("--config any.toml backfill --newest", ["--newest-first"]),
    ("rejects list --ra", ["--raw"]),
    ("sync --no-pro", ["--no-progress"]),
]
VALUES = [
    ("query --format ", ["table", "json", "ndjson", "csv", "tsv", "markdown"]),
    ("query --format m", ["markdown"]),
    ("export --format ", ["parquet", "csv"]),
    ("--log-format j", ["json"]),
    ("sync --log-format ", ["text", "json"]),
    ("-v status --db figures.db --format h", ["human"]),
]


@pytest.mark.parametrize(("line", "expected"), COMMANDS + OPTIONS + VALUES)
def test_a_line_is_completed(shell, line, expected):
    assert sorted(shell.offers(line)) == sorted(expected)


@pytest.mark.parametrize("line", ["query --format=m", "--log-format=j"])
def test_a_value_is_completed_after_an_equals_sign(shell, line):
    option = line.split(" ")[-1].split("=")[0]
    value = {"--format": "markdown", "--log-format": "json"}[option]
    # Bash replaces only what stands after the sign.
    assert shell.offers(line) == [f"{option}={value}"]


@pytest.mark.parametrize("line", ["--db fig", "status --db fig", "restore fig"])
def test_a_file_is_completed(shell, line):
    assert sorted(shell.offers(line)) == sorted(FILES)


@pytest.mark.parametrize("line", ["--db fol", "export fol", "report fol"])
def test_a_directory_is_completed_so_that_the_path_goes_on(shell, line):
    if isinstance(shell, Fish):
        assert shell.offers(line) == [f"{FOLDER}/"]
    else:
        assert shell.offers(line, key="\tout") == [f"{FOLDER}/out"]


@pytest.mark.parametrize(("line", "word"), [("snaps", "snapshot"), ("query --format markd", "markdown"), ("backfill --newest", "--newest-first")])
@pytest.mark.parametrize("shell", ["bash", "zsh"], indirect=True)
def test_the_next_word_follows_a_completed_one(shell, line, word):
    assert shell.offers(line, key="\tnext") == [word, "next"]


@pytest.mark.parametrize("line", ["sync -d fig", "backfill --from fig"])
def test_no_file_is_offered_for_a_domain_or_a_time(shell, line):
    assert not set(FILES) & set(shell.offers(line))
