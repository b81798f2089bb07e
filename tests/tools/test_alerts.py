"""The alerts for Prometheus, judged by its own tool."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parents[2] / "deploy/prometheus"
RULES = yaml.safe_load((HERE / "alerts.yml").read_text())["groups"][0]["rules"]
ALERTS = [rule["alert"] for rule in RULES if "alert" in rule]
TESTS = yaml.safe_load((HERE / "alerts.test.yml").read_text())["tests"]


def promtool(*arguments, cwd=HERE):
    program = Path(os.environ["JDCDN_TOOLS"]) / "prometheus/usr/bin/promtool"
    return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True)


def firing(test):
    """The names of the alerts that fire somewhere in a test."""
    samples = [sample["labels"] for query in test["promql_expr_test"] for sample in query["exp_samples"]]
    return {re.search(r'alertname="(\w+)"', labels)[1] for labels in samples}


def test_the_files_are_valid():
    for arguments in (["check", "rules", "alerts.yml"], ["check", "config", "prometheus.yml"]):
        checked = promtool(*arguments)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_fires_in_its_test_and_only_there():
    tested = promtool("test", "rules", "alerts.test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    healthy, *others = TESTS
    assert firing(healthy) == set()
    alone = {name for test in others for name in firing(test) if len(firing(test)) == 1}
    assert alone == set(ALERTS)
    for test in TESTS:
        # Which alerts fire is asked for all of them at once.
        for query in test["promql_expr_test"]:
            assert query["expr"] == 'count by (alertname) (ALERTS{alertstate="firing"})'


@pytest.mark.parametrize("name", ALERTS)
def test_without_its_rule_or_with_one_that_is_always_true_the_test_of_an_alert_fails(tmp_path, name):
    text = (HERE / "alerts.yml").read_text()
    (rule,) = [part for part in re.split(r"\n(?=      - )", text) if part.startswith(f"      - alert: {name}\n")]
    # The tests that can tell, because all of them take seconds.
    tests = [test for test in TESTS if test is TESTS[0] or name in firing(test)]
    few = {"rule_files": ["alerts.yml"], "evaluation_interval": "5m", "tests": tests}
    (tmp_path / "alerts.test.yml").write_text(yaml.safe_dump(few))
    (tmp_path / "alerts.yml").write_text(text)
    assert promtool("test", "rules", "alerts.test.yml", cwd=tmp_path).returncode == 0
    never, always = "expr: vector(0) > 1", "expr: vector(1)"
    for expression in (never, always):
        changed = re.sub(r"expr: (\|\n(          .*\n)+|.*\n)", lambda _: expression + "\n", rule, count=1)
        assert changed != rule
        (tmp_path / "alerts.yml").write_text(text.replace(rule, changed))
        assert promtool("check", "rules", "alerts.yml", cwd=tmp_path).returncode == 0
        assert promtool("test", "rules", "alerts.test.yml", cwd=tmp_path).returncode != 0, expression


def test_every_alert_has_a_severity_and_says_what_to_do():
    for rule in RULES:
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("critical", "warning", "info")
            assert set(rule["annotations"]) == {"summary", "description"}


def test_the_dashboard_can_be_provisioned():
    dashboard = json.loads((HERE / "jdcdn-stats.json").read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    cells = set()
    for panel in dashboard["panels"]:
        assert panel["description"] and panel["targets"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        covered = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & covered, panel["title"]
        cells |= covered
    (provider,) = yaml.safe_load((HERE / "dashboards.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    (source,) = yaml.safe_load((HERE / "datasource.yaml").read_text())["datasources"]
    assert source["type"] == dashboard["panels"][0]["datasource"]["type"]
