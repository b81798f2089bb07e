"""The Containerfile and the samples for Kubernetes, without an engine: read by parsers, and run in a Debian system as they say."""

import contextlib
import fnmatch
import json
import os
import shlex
import shutil
import socket
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest
import yaml
from chroot import copy
from conftest import DAY, NOW, iso

ROOT = Path(__file__).parents[3]
SAMPLES = ["cronjob.yaml", "deployment.yaml"]
DOMAIN = "www.example.com"
# The root read-only and /data writable, in a private view of the mounts; then the user of the image, without capabilities.
ENTER = """
set -e
mount --bind "$0" "$0"
mount --bind "$0/data" "$0/data"
mount -o remount,ro,bind "$0"
mount -t proc proc "$0/proc"
cd "$0/data"
exec chroot "$0" setpriv --reuid={user} --regid={user} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \\
    env --chdir=/data "$@"
"""
PARSE = "import json, sys; from dockerfile_parse import DockerfileParser; print(json.dumps(DockerfileParser(fileobj=open(sys.argv[1], 'rb+')).structure))"


def tool(name) -> Path:
    return Path(os.environ["JDCDN_TOOLS"]) / "container/bin" / name


# --- The Containerfile


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The instructions of the Containerfile and what follows each."""
    parsed = subprocess.run([tool("python"), "-c", PARSE, ROOT / "Containerfile"], capture_output=True, text=True, check=True)
    return [(step["instruction"], step["value"]) for step in json.loads(parsed.stdout) if step["instruction"] != "COMMENT"]


@pytest.fixture(scope="module")
def last_stage(steps) -> list[tuple[str, str]]:
    """What the image is made of."""
    starts = [at for at, (instruction, _) in enumerate(steps) if instruction == "FROM"]
    assert len(starts) == 2
    return steps[starts[-1] + 1 :]


@pytest.fixture(scope="module")
def user(last_stage) -> int:
    """The number of the image's user and group."""
    ((user, group),) = [value.split(":") for instruction, value in last_stage if instruction == "USER"]
    assert user == group and int(user) > 0
    return int(user)


def test_the_image_is_one_program_with_one_volume_and_a_health_check(last_stage):
    def only(name):
        (value,) = [value for instruction, value in last_stage if instruction == name]
        return value

    assert json.loads(only("VOLUME")) == [only("WORKDIR")] == ["/data"]
    assert json.loads(only("ENTRYPOINT")) == ["jdcdn-stats"] and json.loads(only("CMD")) == ["watch"]
    assert health_check(last_stage)[:2] == ["jdcdn-stats", "status"]
    text = (ROOT / "Containerfile").read_text()
    assert "Mount the directory, never the file" in text and "Not tested" in text


def health_check(last_stage) -> list[str]:
    (value,) = [value for instruction, value in last_stage if instruction == "HEALTHCHECK"]
    return json.loads(value.split(" CMD ")[1])


def test_the_files_for_the_build_are_enough_and_hold_no_key(steps, program, tmp_path):
    """The build context is what `.dockerignore` leaves; cargo takes it."""
    left = [line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    context = [name for name in tracked if any(name == kept or name.startswith(f"{kept}/") for kept in left)]
    for name in context:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    assert not any(fnmatch.fnmatch(name, pattern) for name in context for pattern in ("*.key", "*.db", "*.toml.local"))
    ((build),) = [shlex.split(value) for instruction, value in steps if instruction == "RUN" and "cargo" in value]
    assert build == ["cargo", "build", "--locked", "--profile", "dist"]
    # The same without generating code.
    target = program.parents[1]
    check = ["cargo", "check", "--quiet", "--locked", "--bins", "--target-dir", target]
    subprocess.run(check, cwd=tmp_path, check=True)


class Container:
    """The image's last stage in a Debian system."""

    def __init__(self, debian, program, last_stage, user):
        self.debian, self.user = debian, user
        for instruction, value in last_stage:
            if instruction == "COPY":
                _, source, target = value.split()
                # The first stage is this machine: the program as it was built here, and its certificates.
                source = program if source.endswith("/jdcdn-stats") else Path(source)
                shutil.copy(source, self.debian.path(target))
            if instruction == "RUN":
                self.debian.run("sh", "-c", value)

    def command(self, *command, env=None) -> dict:
        enter = ENTER.format(user=self.user)
        return {
            "args": ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, self.debian.root, *command],
            "env": {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} | (env or {}),
            "text": True,
        }

    def run(self, *command, env=None, code=0) -> str:
        ended = subprocess.run(**self.command(*command, env=env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert ended.returncode == code, f"{command}: {ended.returncode}\n{ended.stdout}"
        return ended.stdout

    def write(self, path, text, mode, group=0):
        """Writes a file that belongs to root and to this group."""
        file = self.debian.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        os.chown(file, 0, group)
        return file


@pytest.fixture
def container(program, last_stage, user):
    with copy() as debian:
        yield Container(debian, program, last_stage, user)


@contextlib.contextmanager
def simulated(program, now):
    """The settings of a simulator as of `now`."""
    command = [program, "simulate", "--domain", DOMAIN]
    environment = {"PATH": os.environ["PATH"], "JDCDN_TEST_NOW": str(now)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        yield dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
    finally:
        process.kill()
        process.wait()


def test_the_root_is_read_only_and_the_user_has_no_privileges(container, user):
    container.run("touch", "/file", code=1)
    container.run("touch", "/data/file")
    assert container.debian.path("/data/file").stat().st_uid == user
    status = container.run("cat", "/proc/self/status")
    assert "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status and "NoNewPrivs:\t1" in status


def test_it_works_on_its_volume_alone_and_the_health_check_notices_old_figures(container, program, last_stage, user):
    healthy = health_check(last_stage)
    with simulated(program, NOW) as settings:
        given = {"JDCDN_TEST_NOW": str(NOW), "JDCDN_ENDPOINT": settings["JDCDN_ENDPOINT"]}
        container.run(
            "jdcdn-stats",
            *["init", "--yes", "--username", settings["JDCDN_USERNAME"], "--all-domains", "--start", iso(NOW - DAY)],
            env=given | {"JDCDN_SECRET_KEY": settings["JDCDN_SECRET_KEY"]},
        )
        container.run("jdcdn-stats", "check", env=given)
        container.run("jdcdn-stats", "sync", env=given)
    points = container.run("jdcdn-stats", "query", "--format", "csv", "SELECT count(*) AS points FROM origin_stats").split()[-1]
    assert int(points) == DAY // 300 - 1
    container.run(*healthy, env={"JDCDN_TEST_NOW": str(NOW)})
    container.run(*healthy, env={"JDCDN_TEST_NOW": str(NOW + 7200)}, code=6)


# --- Kubernetes


def resources(sample) -> dict[str, dict]:
    """The resources of a sample by their kind."""
    text = (ROOT / "deploy/kubernetes" / sample).read_text()
    return {resource["kind"]: resource for resource in yaml.safe_load_all(text)}


def pod(sample) -> dict:
    """The specification of the pod."""
    found = resources(sample)
    if "CronJob" in found:
        return found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found["Deployment"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_fits_the_schema_of_kubernetes(sample):
    command = [tool("kubernetes-validate"), "--strict", ROOT / "deploy/kubernetes" / sample]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_pod_has_no_privileges_and_mounts_directories(sample, user):
    found, spec = resources(sample), pod(sample)
    (container,) = spec["containers"]
    assert {key: spec["securityContext"][key] for key in ("runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup")} == {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["key"]["secret"]["defaultMode"] == 0o440
    assert all("subPath" not in mount for mount in container["volumeMounts"])
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/data"]
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    text = (ROOT / "deploy/kubernetes" / sample).read_text()
    assert "Mount the directory, never the file" in text and "Not tested" in text


def test_there_is_never_a_second_writer():
    assert resources("deployment.yaml")["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    assert resources("deployment.yaml")["Deployment"]["spec"]["replicas"] == 1
    assert resources("cronjob.yaml")["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"


class Pod:
    """A sample's pod in a container: configuration and key where it mounts them, as Kubernetes writes them."""

    def __init__(self, container, sample, settings):
        spec = pod(sample)
        (self.spec,) = spec["containers"]
        self.container, group = container, spec["securityContext"]["fsGroup"]
        mounts = {mount["name"]: mount["mountPath"] for mount in self.spec["volumeMounts"]}
        (config,) = resources(sample)["ConfigMap"]["data"].values()
        config = config.replace("jcloud_00", settings["JDCDN_USERNAME"]).replace("2026-01-01", iso(NOW - DAY))
        self.mount(mounts["configuration"], "jdcdn-stats.toml", config, 0o644, 0)
        (mode,) = [volume["secret"]["defaultMode"] for volume in spec["volumes"] if "secret" in volume]
        self.mount(mounts["key"], "secret.key", settings["JDCDN_SECRET_KEY"], mode, group)
        self.env = {"JDCDN_TEST_NOW": str(NOW), "JDCDN_ENDPOINT": settings["JDCDN_ENDPOINT"]}

    def mount(self, path, name, text, mode, group):
        """A file is a link into a directory that is replaced as a whole."""
        self.container.write(f"{path}/..2026_06_15/{name}", text, mode, group)
        folder = self.container.debian.path(path)
        (folder / "..data").symlink_to("..2026_06_15")
        (folder / name).symlink_to(f"..data/{name}")


def test_the_cronjob_fetches_everything(container, program):
    with simulated(program, NOW) as settings:
        pod = Pod(container, "cronjob.yaml", settings)
        container.run("jdcdn-stats", *pod.spec["args"], env=pod.env)
    database = ["--db", "/data/jdcdn-stats.db"]
    points = container.run("jdcdn-stats", *database, "query", "--format", "csv", "SELECT count(*) AS points FROM origin_stats")
    assert int(points.split()[-1]) == DAY // 300 - 1


def test_the_probes_of_the_deployment_succeed_once_the_history_is_there(container, program):
    with simulated(program, NOW) as settings:
        pod = Pod(container, "deployment.yaml", settings)
        args = pod.spec["args"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        named = {port["name"]: port["containerPort"] for port in pod.spec["ports"]}
        probe = pod.spec["livenessProbe"]["httpGet"]
        assert args[-1].endswith(f":{named[probe['port']]}")
        ready = pod.spec["readinessProbe"]["exec"]["command"]
        container.run(*ready, env=pod.env, code=5)
        watch = container.command("jdcdn-stats", *args[:-1], f"127.0.0.1:{port}", env=pod.env)
        process = subprocess.Popen(**watch, stderr=subprocess.PIPE)
        # Only a process that hangs needs it.
        patience = threading.Timer(300, process.kill)
        patience.start()
        try:
            log = []
            while not log or " up to date " not in log[-1]:
                log.append(process.stderr.readline())
                assert log[-1], log
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{probe['path']}", timeout=60) as answer:
                assert answer.status == 200
            container.run(*ready, env=pod.env)
        finally:
            patience.cancel()
            process.kill()
            process.wait()
