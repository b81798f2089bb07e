"""The dashboards of Grafana and Superset, as far as they can be judged without either: form, and every statement.

Grafana cannot be installed here. What it would put in the place of its variables is put there, and the statement run.
"""

import json
import re
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
import yaml

BI = Path(__file__).parents[2] / "deploy/bi"
GRAFANA = json.loads((BI / "grafana/jdcdn-origin.json").read_text())
PANELS = {panel["title"]: panel for panel in GRAFANA["panels"]}
SUPERSET = BI / "superset"


def load(folder):
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((SUPERSET / folder).rglob("*.yaml"))}


@pytest.fixture
def connection(snapshot):
    connection = sqlite3.connect(f"file:{snapshot}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


def filled(connection, sql):
    """`sql` as Grafana sends it for the last seven days of all domains."""
    (end,) = connection.execute("SELECT max(end_ts) FROM origin_coverage").fetchone()
    domains = [name for (name,) in connection.execute(GRAFANA["templating"]["list"][0]["query"])]
    assert len(domains) == 3
    sql = sql.replace("$__from", str(1000 * (end - 7 * 86_400))).replace("$__to", str(1000 * end))
    sql = sql.replace("${domain:sqlstring}", ", ".join(f"'{name}'" for name in domains))
    assert "$" not in sql, sql
    return sql


def test_grafana_finds_the_source_that_its_panels_name():
    (source,) = yaml.safe_load((BI / "grafana/datasource.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((BI / "grafana/dashboards.yaml").read_text())["providers"]
    assert provider["options"]["path"].startswith("/")
    assert source["jsonData"]["pathOptions"] == "mode=ro"
    named = {"type": source["type"], "uid": source["uid"]}
    assert GRAFANA["templating"]["list"][0]["datasource"] == named
    for title, panel in PANELS.items():
        (target,) = panel["targets"]
        assert panel["datasource"] == target["datasource"] == named, title
        assert target["queryText"] == target["rawQueryText"], title
    assert len({panel["id"] for panel in GRAFANA["panels"]}) == len(GRAFANA["panels"]) == 9


@pytest.mark.parametrize("title", PANELS)
def test_a_panel_of_grafana_has_rows_in_its_range(connection, title):
    (target,) = PANELS[title]["targets"]
    rows = connection.execute(filled(connection, target["rawQueryText"])).fetchall()
    if title == "Gaps":
        assert rows == []
        return
    assert rows
    if target["queryType"] == "time series":
        # Seconds, in order, one label and one figure.
        times = [row["time"] for row in rows]
        assert times == sorted(times) and all(isinstance(time, int) for time in times)
        label, figure = rows[0].keys()[1:]
        assert {type(row[label]) for row in rows} == {str}
        assert {type(row[figure]) for row in rows} <= {int, float}
        assert f"labels.{label}" in PANELS[title]["fieldConfig"]["defaults"]["displayName"]


def test_a_panel_of_points_shows_every_point_of_the_range_once(connection):
    for title in ["Bandwidth", "Requests in each 5-minute slot"]:
        rows = connection.execute(filled(connection, PANELS[title]["targets"][0]["rawQueryText"])).fetchall()
        assert len(rows) == 3 * 7 * 288 == len({(row["time"], row["domain"]) for row in rows})


def test_panels_of_points_read_by_the_key(connection):
    plan = "EXPLAIN QUERY PLAN " + filled(connection, PANELS["Bandwidth"]["targets"][0]["rawQueryText"])
    steps = [row["detail"] for row in connection.execute(plan)]
    assert any(re.match(r"SEARCH p USING PRIMARY KEY \(domain_id=\? AND ts>\? AND ts<\?\)", step) for step in steps), steps


def test_the_bundle_of_superset_holds_together():
    metadata = yaml.safe_load((SUPERSET / "metadata.yaml").read_text())
    assert (metadata["type"], metadata["version"]) == ("Dashboard", "1.0.0")
    databases, datasets, charts, dashboards = map(load, ["databases", "datasets", "charts", "dashboards"])
    pieces = [*databases.values(), *datasets.values(), *charts.values(), *dashboards.values()]
    assert len({piece["uuid"] for piece in pieces}) == len(pieces) == 1 + 6 + 8 + 1
    assert {piece["version"] for piece in pieces} == {"1.0.0"}
    assert {dataset["database_uuid"] for dataset in datasets.values()} == {databases["jdcdn"]["uuid"]}
    assert {chart["dataset_uuid"] for chart in charts.values()} == {dataset["uuid"] for dataset in datasets.values()}
    position = dashboards["origin"]["position"]
    placed = {piece["meta"]["uuid"] for piece in position.values() if isinstance(piece, dict) and piece["type"] == "CHART"}
    assert placed == {chart["uuid"] for chart in charts.values()}
    for name, piece in position.items():
        if isinstance(piece, dict):
            assert set(piece.get("children", [])) <= set(position), name


def test_the_datasets_of_superset_are_the_tables(connection):
    for name, dataset in load("datasets").items():
        assert dataset["table_name"] == name
        types = {row["name"]: row["type"] for row in connection.execute(f"PRAGMA table_info({name})")}
        told = {column["column_name"]: column for column in dataset["columns"]}
        computed = {name for name, column in told.items() if "expression" in column}
        assert computed == ({"month_start"} if "month_cst" in types else set())
        assert {name: column["type"] for name, column in told.items() if name not in computed} == types
        times = {name for name, column in told.items() if column["is_dttm"]}
        assert times == computed | {name for name, type in types.items() if type in ("DATE", "TIMESTAMP")}
        assert dataset["main_dttm_col"] in times | {None}
        # Without the format, a range begins a day late.
        days = {name for name, column in told.items() if column["type"] == "DATE"}
        assert {name for name in told if told[name].get("python_date_format") == "%Y-%m-%d"} == days
        for column in computed:
            expression, format = told[column]["expression"], told[column]["python_date_format"]
            rows = connection.execute(f"SELECT {expression} AS day FROM {name}").fetchall()
            assert rows and all(datetime.strptime(row["day"], format) for row in rows)


@pytest.mark.parametrize("name", load("charts"))
def test_a_chart_of_superset_draws_columns_that_have_figures(connection, name):
    chart = load("charts")[name]
    params = chart["params"]
    assert params["viz_type"] == chart["viz_type"]
    (dataset,) = [dataset for dataset in load("datasets").values() if dataset["uuid"] == chart["dataset_uuid"]]
    computed = {column["column_name"]: column["expression"] for column in dataset["columns"] if "expression" in column}
    filters = params["adhoc_filters"]
    columns = [*params.get("groupby", []), *params.get("all_columns", []), *(computed.get(filter["subject"], filter["subject"]) for filter in filters)]
    columns += [params["x_axis"]] if "x_axis" in params else []
    for metric in params.get("metrics", []):
        if metric["expressionType"] == "SQL":
            # Superset refuses statements within expressions.
            assert "SELECT" not in metric["sqlExpression"].upper()
            columns.append(metric["sqlExpression"])
        else:
            columns.append(f"{metric['aggregate']}({metric['column']['column_name']})")
    group = f"GROUP BY {', '.join([params['x_axis'], *params['groupby']])}" if "x_axis" in params else ""
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM {dataset['table_name']} {group}").fetchall()
    assert rows and all(value is not None for row in rows for value in row)
