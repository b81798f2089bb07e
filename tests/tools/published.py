"""Every statement that this project publishes for SQLite, with where it stands."""

import json
import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BI = ROOT / "deploy/bi"
# Its statements are for other engines.
NOT_SQLITE = {"docs/lake.md"}
DOMAINS = "'www.example.com', 'img.example.com', 'download.example.com'"
# The clock of the demo, in milliseconds, and a week before.
GRAFANA = {"${domain:sqlstring}": DOMAINS, "$__from": "1780891200000", "$__to": "1781496000000"}
SQL = re.compile(r"^```sql\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def statements() -> dict[str, str]:
    found = {}
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]):
        name, text = str(page.relative_to(ROOT)), page.read_text()
        if name in NOT_SQLITE:
            continue
        for block in SQL.findall(text):
            for sql in filter(str.strip, block.split(";\n")):
                found[f"{name}: {first_line(sql)}"] = sql
        for block in SHELL.findall(text):
            for sql in typed(block):
                found[f"{name}: query {first_line(sql)}"] = sql
    for others in [datasette(), grafana(), superset()]:
        found.update(others)
    return found


def first_line(sql) -> str:
    return " ".join(sql.split())[:70]


def typed(block):
    """The statements of the `query` commands of a block."""
    for line in re.sub(r"\\\n", "", block).splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if "query" in words and words[0].endswith("jdcdn-stats"):
            yield from (word for word in words if re.match(r"(?i)(select|with|pragma)\b(?!.*…)", word))


def datasette():
    written = yaml.safe_load((BI / "metadata.yaml").read_text())
    for name, query in written["databases"]["jdcdn"]["queries"].items():
        yield f"Datasette, query {name}", query["sql"]
    for slug, dashboard in written["plugins"]["datasette-dashboards"].items():
        for name, chart in dashboard["charts"].items():
            # What stands in [[ ]] is left out while its parameter is empty.
            for kind, inner in [("all domains", ""), ("one domain", r"\1")]:
                yield f"Datasette, {slug}, {name}, {kind}", re.sub(r"\[\[(.*?)\]\]", inner, chart["query"])


def grafana():
    board = json.loads((BI / "grafana/jdcdn-origin.json").read_text())
    yield "Grafana, variable", board["templating"]["list"][0]["query"]
    for panel in board["panels"]:
        for target in panel["targets"]:
            sql = target["rawQueryText"]
            for variable, value in GRAFANA.items():
                sql = sql.replace(variable, value)
            yield f"Grafana, {panel['title']}", sql


def superset():
    tables = {}
    for path in sorted((BI / "superset/datasets").rglob("*.yaml")):
        dataset = yaml.safe_load(path.read_text())
        tables[dataset["uuid"]] = dataset["table_name"]
        for column in dataset["columns"]:
            if "expression" in column:
                yield f"Superset, {path.stem}, {column['column_name']}", f"SELECT {column['expression']} FROM {path.stem}"
    for path in sorted((BI / "superset/charts").glob("*.yaml")):
        chart = yaml.safe_load(path.read_text())
        for metric in chart["params"].get("metrics", []):
            if metric["expressionType"] == "SQL":
                sql = f"SELECT {metric['sqlExpression']} FROM {tables[chart['dataset_uuid']]}"
                yield f"Superset, {path.stem}", sql
