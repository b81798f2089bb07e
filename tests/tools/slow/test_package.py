"""`make dist`: what it writes, and the life of the Debian package in a Debian system: install, run, upgrade, remove, purge."""

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from chroot import Chroot, copy
from conftest import DAY, NOW, environment, iso

ROOT = Path(__file__).parents[3]
CONFIG = "/etc/jdcdn-stats/jdcdn-stats.toml"
STATE = "/var/lib/jdcdn-stats"
DATABASE = f"{STATE}/jdcdn-stats.db"
UNITS = ["jdcdn-stats.service", "jdcdn-stats.timer", "jdcdn-stats-watch.service"]
DOMAINS = ["www.example.com", "img.example.com"]
OLDER = "0.0.9"
MAINTAINER = "Ada Example <ada@company.test>"
# The schema before the last migrations: an earlier version left this.
OLD_SCHEMA = 14


@pytest.fixture(scope="session")
def binary(program, tmp_path_factory) -> Path:
    """The program as a package contains it: without symbols."""
    stripped = tmp_path_factory.mktemp("binary") / "jdcdn-stats"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    return stripped


def dist(binary, out, **more) -> dict[str, Path]:
    """What `make dist` writes, by the end of its name."""
    subprocess.run(
        [ROOT / "deploy/package/dist.sh"],
        env=os.environ | {"BINARY": str(binary), "OUT": str(out), "SOURCE_DATE_EPOCH": str(NOW), "LEVEL": "1"} | more,
        check=True,
        capture_output=True,
    )
    return {"".join(path.suffixes[-1:]) or path.name: path for path in out.iterdir()}


@pytest.fixture(scope="session")
def written(binary, tmp_path_factory) -> dict[str, Path]:
    return dist(binary, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def package(written) -> Path:
    return written[".deb"]


@pytest.fixture(scope="session")
def older(binary, tmp_path_factory) -> Path:
    """The same package with an earlier version number, and with a maintainer."""
    return dist(binary, tmp_path_factory.mktemp("older"), VERSION=OLDER, MAINTAINER=MAINTAINER)[".deb"]


@pytest.fixture
def debian():
    with copy() as system:
        yield system


def install(debian: Chroot, package: Path) -> str:
    shutil.copyfile(package, debian.path("/tmp/package.deb"))
    printed = debian.run("dpkg", "--install", "/tmp/package.deb")
    debian.path("/tmp/package.deb").unlink()
    return printed


# --- The files


def test_lintian_finds_no_error(package):
    found = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", package], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_maintainer_is_marked_as_a_placeholder_unless_one_is_given(package, older):
    def maintainer(package):
        return subprocess.run(["dpkg-deb", "--field", package, "Maintainer"], capture_output=True, text=True).stdout.strip()

    assert maintainer(package).startswith("PLACEHOLDER")
    assert maintainer(older) == MAINTAINER


def test_the_checksums_are_those_of_the_two_files(written):
    lines = [line.split() for line in written["SHA256SUMS"].read_text().splitlines()]
    expected = [[hashlib.sha256(path.read_bytes()).hexdigest(), path.name] for path in (written[".deb"], written[".gz"])]
    assert lines == expected


def test_the_same_input_gives_the_same_bytes(binary, written, tmp_path):
    elsewhere = tmp_path / "another place"
    elsewhere.mkdir()
    again = dist(binary, tmp_path / "out", TMPDIR=str(elsewhere), TZ="Asia/Tokyo", LANG="zh_CN.UTF-8")
    assert again["SHA256SUMS"].read_text() == written["SHA256SUMS"].read_text()


def test_the_tarball_contains_the_program_its_pages_and_what_the_documents_link_to(written, tmp_path):
    subprocess.run(["tar", "--extract", "--file", written[".gz"], "--directory", tmp_path], check=True)
    (top,) = tmp_path.iterdir()
    printed = subprocess.run([top / "jdcdn-stats", "--version"], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("jdcdn-stats ")
    for name in ["man/jdcdn-stats-sync.1", "completions/_jdcdn-stats", "LICENSE-MIT", "THIRD-PARTY.txt", "SECURITY.md"]:
        assert (top / name).stat().st_size > 0
    for page in [top / "README.md", *top.glob("docs/**/*.md"), *top.glob("deploy/**/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            target = (page.parent / link).resolve()
            assert target.exists() or target.name in ("ARCHITECTURE.md", "CONTRIBUTING.md"), f"{page}: {link}"


def test_the_licences_of_the_crates_are_named_and_their_texts_are_there(written):
    names = subprocess.run(
        ["tar", "--extract", "--to-stdout", "--wildcards", "--file", written[".gz"], "*/THIRD-PARTY.txt"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for crate in ["rusqlite", "ring", "zstd-sys", "rustls"]:
        assert re.search(rf"(?m)^{crate} [0-9.+a-z]+: ", names), crate
        assert re.search(rf"(?m)^{crate}-[0-9.+a-z]+/", names), crate
    assert "uPlot/LICENSE" in names


# --- The life of the package


def test_installed_files_are_where_debian_expects_them_and_nothing_is_started(debian, package):
    printed = install(debian, package)
    assert f"jdcdn-stats init --config {CONFIG} --db {DATABASE}" in printed
    assert debian.run("jdcdn-stats", "--version").startswith("jdcdn-stats ")
    owner = debian.run("stat", "--format=%U:%G %a", STATE).strip()
    assert owner == "jdcdn-stats:jdcdn-stats 750"
    shell = debian.run("getent", "passwd", "jdcdn-stats").strip().split(":")
    assert shell[5:] == [STATE, "/usr/sbin/nologin"]
    conffiles = debian.run("dpkg-query", "--show", "--showformat=${Conffiles}", "jdcdn-stats").split()
    assert conffiles[0] == f"{CONFIG}.sample" and not debian.path(CONFIG).exists()
    for unit in UNITS:
        text = debian.path(f"/usr/lib/systemd/system/{unit}").read_text()
        assert "/usr/local" not in text and (unit.endswith(".timer") or "ExecStart=/usr/bin/jdcdn-stats " in text)
        # It finds the program, the users and the other units.
        assert debian.run("systemd-analyze", "verify", unit) == ""
    assert debian.run("systemctl", "is-enabled", "jdcdn-stats.timer", code=1).strip() == "disabled"
    assert "run jdcdn-stats with" not in printed
    sample = debian.run("jdcdn-stats", "--config", f"{CONFIG}.sample", "status", code=5)
    assert DATABASE in sample


class Simulated:
    """The packaged simulator, on this machine's loopback address."""

    def __init__(self, debian, now):
        domains = [f"--domain={domain}" for domain in DOMAINS]
        command = debian.command("jdcdn-stats", "simulate", *domains, env={"JDCDN_TEST_NOW": str(now)})
        self.process = subprocess.Popen(**command, stdout=subprocess.PIPE)
        lines = [self.process.stdout.readline() for _ in range(3)]
        self.settings = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)

    def __enter__(self):
        return self.settings

    def __exit__(self, *_):
        # Its parent passes on no other signal.
        self.process.kill()
        self.process.wait()


def configure(debian, settings):
    """Writes the configuration and the key, as root, by the command that the installation prints."""
    printed = debian.run(
        "jdcdn-stats",
        *["init", "--config", CONFIG, "--db", DATABASE],
        *["--yes", "--username", settings["JDCDN_USERNAME"], "--all-domains", "--start", iso(NOW - 2 * DAY)],
        env={
            "JDCDN_TEST_NOW": str(NOW),
            "JDCDN_ENDPOINT": settings["JDCDN_ENDPOINT"],
            "JDCDN_SECRET_KEY": settings["JDCDN_SECRET_KEY"],
        },
    )
    # The database must not belong to root, so `sync` is not among the next commands.
    commands = [line.strip() for line in printed.split("Next:")[1].split("\n\n")[0].strip().splitlines()]
    assert commands == [f"jdcdn-stats --config {CONFIG} check", "systemctl enable --now jdcdn-stats.timer"]
    assert debian.run("stat", "--format=%U %a", CONFIG).strip() == "root 644"
    assert debian.run("stat", "--format=%U %a", "/etc/jdcdn-stats/secret.key").strip() == "root 600"


def run_unit(debian, settings, now) -> str:
    """Runs the command of the service as its user, with the key as systemd gives it."""
    unit = debian.path("/usr/lib/systemd/system/jdcdn-stats.service").read_text()
    command = re.search(r"(?m)^ExecStart=(.*)$", unit).group(1).split()
    credentials = debian.path("/run/credentials")
    credentials.mkdir(exist_ok=True)
    shutil.copyfile(debian.path("/etc/jdcdn-stats/secret.key"), credentials / "secret.key")
    debian.run("chown", "jdcdn-stats", "/run/credentials/secret.key")
    debian.run("chmod", "0400", "/run/credentials/secret.key")
    return debian.run(
        "setpriv",
        "--reuid=jdcdn-stats",
        "--regid=jdcdn-stats",
        "--init-groups",
        *command,
        env={
            "JDCDN_TEST_NOW": str(now),
            "JDCDN_ENDPOINT": settings["JDCDN_ENDPOINT"],
            "JDCDN_SECRET_KEY_FILE": "/run/credentials/secret.key",
            "CREDENTIALS_DIRECTORY": "/run/credentials",
        },
    )


def points(debian) -> list:
    """Every point that is stored."""
    database = sqlite3.connect(f"file:{debian.path(DATABASE)}?mode=ro", uri=True)
    try:
        return database.execute("SELECT domain, ts, bandwidth, pv FROM origin_stats ORDER BY 1, 2").fetchall()
    finally:
        database.close()


def with_old_schema(debian) -> int:
    """Puts a database of an earlier schema, with the same points, in the place of the database; returns its newest schema."""
    current, old = debian.path(DATABASE), debian.path(f"{STATE}/old.db")
    database = sqlite3.connect(old, isolation_level=None)
    database.execute("ATTACH ? AS today", (str(current),))
    history = database.execute("SELECT version, name, applied_on, checksum FROM today.refinery_schema_history").fetchall()
    (application,) = database.execute("PRAGMA today.application_id").fetchone()
    database.execute(f"PRAGMA main.application_id = {application}")
    database.execute("PRAGMA main.journal_mode = wal")
    (table,) = database.execute("SELECT sql FROM today.sqlite_schema WHERE name = 'refinery_schema_history'").fetchone()
    database.executescript(table)
    for version, name, applied, checksum in sorted(history):
        if version <= OLD_SCHEMA:
            database.executescript((ROOT / f"migrations/V{version}__{name}.sql").read_text())
            database.execute("INSERT INTO main.refinery_schema_history VALUES (?, ?, ?, ?)", (version, name, applied, checksum))
    kept = {"refinery_schema_history", "origin_dictionary"}
    shared = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' \
        AND name IN (SELECT name FROM today.sqlite_schema)"
    for (table,) in database.execute(shared).fetchall():
        if table not in kept:
            names = [name for (name,) in database.execute("SELECT name FROM pragma_table_info(?, 'main')", (table,))]
            columns = ", ".join(names)
            database.execute(f"DELETE FROM main.{table}")
            database.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}")
    database.close()
    for path in current.parent.glob("jdcdn-stats.db*"):
        path.unlink()
    old.rename(current)
    debian.run("chown", "--recursive", "jdcdn-stats:jdcdn-stats", STATE)
    return max(version for version, *_ in history)


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_runs_is_upgraded_over_an_older_database_and_leaves_only_the_figures(debian, package, older):
    before = debian.files()
    install(debian, older)
    with Simulated(debian, NOW) as settings:
        configure(debian, settings)
        run_unit(debian, settings, NOW)
    stored = points(debian)
    # Two days, without the slot that is too young.
    assert len(stored) == len(DOMAINS) * (2 * DAY // 300 - 1)
    debian.run("systemctl", "enable", "jdcdn-stats.timer")
    newest = with_old_schema(debian)
    assert newest > OLD_SCHEMA and points(debian) == stored
    kept = {path: digest(debian.path(path)) for path in (DATABASE, CONFIG, "/etc/jdcdn-stats/secret.key")}

    # The upgrade itself changes none of these.
    install(debian, package)
    version = debian.run("dpkg-query", "--show", "--showformat=${Version}", "jdcdn-stats")
    assert not version.startswith(OLDER)
    assert kept == {path: digest(debian.path(path)) for path in kept}
    assert debian.run("systemctl", "is-enabled", "jdcdn-stats.timer").strip() == "enabled"
    # The next run does: it brings the schema up to date, and goes on where the last one stopped.
    with Simulated(debian, NOW + 3600) as settings:
        run_unit(debian, settings, NOW + 3600)
    after = points(debian)
    assert len(after) == len(stored) + len(DOMAINS) * 12
    assert [point[:2] for point in after if point[1] <= NOW - 600] == [point[:2] for point in stored]
    debian.run("jdcdn-stats", "--config", CONFIG, "migrate", "--list")
    debian.run("jdcdn-stats", "--config", CONFIG, "status", "--fail-if-gaps", env={"JDCDN_TEST_NOW": str(NOW + 3600)})
    database = sqlite3.connect(f"file:{debian.path(DATABASE)}?mode=ro", uri=True)
    assert database.execute("SELECT max(version) FROM refinery_schema_history").fetchone() == (newest,)
    database.close()

    # Without the program, everything that it wrote stays.
    debian.run("dpkg", "--remove", "jdcdn-stats")
    assert not debian.path("/usr/bin/jdcdn-stats").exists()
    assert points(debian) == after and debian.path(CONFIG).exists()

    # A purge takes the configuration, and leaves what people are billed by.
    printed = debian.run("dpkg", "--purge", "jdcdn-stats")
    assert f"kept {STATE}" in printed and "user and group jdcdn-stats" in printed
    assert points(debian) == after
    left = debian.files() - before
    assert {name for name in left if name != STATE and not name.startswith(f"{STATE}/")} == set()
    assert debian.run("getent", "passwd", "jdcdn-stats")


def test_a_purge_without_a_database_leaves_nothing(debian, package):
    before, users = debian.files(), debian.path("/etc/passwd").read_text()
    install(debian, package)
    debian.path(CONFIG).write_text("username = 'x'\n")
    debian.path("/etc/jdcdn-stats/secret.key").write_text("not a real key\n")
    printed = debian.run("dpkg", "--purge", "jdcdn-stats")
    assert debian.files() == before and "kept" not in printed
    assert debian.path("/etc/passwd").read_text() == users


def test_files_of_others_next_to_the_configuration_stay_and_are_named(debian, package):
    install(debian, package)
    debian.path("/etc/jdcdn-stats/notes.txt").write_text("mine\n")
    assert "kept /etc/jdcdn-stats" in debian.run("dpkg", "--purge", "jdcdn-stats")
    assert debian.path("/etc/jdcdn-stats/notes.txt").read_text() == "mine\n"
