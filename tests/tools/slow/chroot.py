"""A Debian system in a directory, made once by debootstrap and kept in `target/tools`, and a copy of it for each use."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = ["adduser", "ca-certificates", "systemd"]
# Processes of the copy see its own /proc, and no mount outlives them.
ENTER = 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$0" "$@"'
# These change with every installation of any package, or are empty after a start of the machine.
OTHERS = ("/run/", "/var/lib/dpkg/", "/var/log/", "/var/cache/", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")


class Chroot:
    """A Debian system that programs of this machine cannot harm, and that harms none."""

    def __init__(self, root):
        self.root = root

    def command(self, *command, env=None) -> dict:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        return {
            "args": ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, self.root, *map(str, command)],
            "env": environment | (env or {}),
            "text": True,
        }

    def run(self, *command, env=None, code=0) -> str:
        """Runs a command to this exit code; returns everything that it printed."""
        ended = subprocess.run(**self.command(*command, env=env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert ended.returncode == code, f"{command}: {ended.returncode}\n{ended.stdout}"
        return ended.stdout

    def path(self, path) -> Path:
        return Path(self.root) / path.lstrip("/")

    def files(self) -> set[str]:
        """Every file and directory but those that any package changes."""
        found = set()
        for folder, folders, files in os.walk(self.root):
            inside = f"/{os.path.relpath(folder, self.root)}/".replace("/./", "/")
            found |= {inside + name for name in folders + files}
        return {name for name in found if not name.startswith(OTHERS)}


def system() -> Path:
    """The directory of the kept system; makes it if it is missing."""
    assert os.geteuid() == 0, "this test makes a Debian system in a directory: run it as root"
    codename = subprocess.run(
        ["sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"'], capture_output=True, text=True, check=True
    ).stdout.strip()
    kept = Path(os.environ["JDCDN_TOOLS"]) / f"debian-{codename}"
    if not kept.exists():
        # From where this machine gets its own packages.
        targets = ["apt-get", "indextargets", "--format", "$(SITE)", f"Codename: {codename}", "Created-By: Packages"]
        mirror = subprocess.run(targets, capture_output=True, text=True, check=True).stdout.split()[0]
        unfinished = kept.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        include = f"--include={','.join(PACKAGES)}"
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", include, codename, unfinished, mirror], capture_output=True, text=True
        )
        assert made.returncode == 0, made.stdout + made.stderr
        unfinished.rename(kept)
    return kept


@contextlib.contextmanager
def copy():
    """A copy of the kept system, next to it, until the end of the block."""
    kept = system()
    directory = Path(tempfile.mkdtemp(prefix="system-", dir=kept.parent))
    try:
        subprocess.run(["cp", "--archive", "--reflink=auto", kept, directory / "root"], check=True)
        yield Chroot(directory / "root")
    finally:
        shutil.rmtree(directory)
