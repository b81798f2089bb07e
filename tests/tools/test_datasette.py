"""`deploy/bi/metadata.yaml` in Datasette: what is described is there, every saved query and every chart has rows."""

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import yaml
from datasette.app import Datasette

METADATA = Path(__file__).parents[2] / "deploy/bi/metadata.yaml"
WRITTEN = yaml.safe_load(METADATA.read_text())
(NAME,) = WRITTEN["databases"]
QUERIES = WRITTEN["databases"][NAME]["queries"]
TABLES = WRITTEN["databases"][NAME]["tables"]
DASHBOARDS = WRITTEN["plugins"]["datasette-dashboards"]
CHARTS = [(slug, name) for slug, dashboard in DASHBOARDS.items() for name in dashboard["charts"]]
DOMAIN = "www.example.com"
MONTH = "2026-06"
PARAMETERS = {"domain": DOMAIN, "month": MONTH}
# The demo has no gaps, no rejects, and, having run once, nothing that was changed later.
WITHOUT_ROWS = {
    "which-slots-are-missing-and-why",
    "what-has-changed-since-the-invoice",
    "which-days-differ-from-those-of-the-last-closing",
    "what-was-rejected-and-why",
}


@pytest.fixture(scope="module")
def database(snapshot, tmp_path_factory) -> Path:
    """The snapshot under the name that the metadata speaks of."""
    named = tmp_path_factory.mktemp("datasette") / f"{NAME}.db"
    named.symlink_to(snapshot)
    return named


@pytest.fixture(scope="module")
def datasette(database) -> Datasette:
    """As the command of deploy/bi/README.md; a loaded machine gets more time than a user would wait."""
    settings = {"max_returned_rows": 20_000, "sql_time_limit_ms": 60_000}
    return Datasette([str(database)], metadata=WRITTEN, plugins_dir=str(METADATA.parent / "plugins"), settings=settings)


def get(datasette, path):
    response = asyncio.run(datasette.client.get(path, follow_redirects=True))
    assert response.status_code == 200, (path, response.text)
    return response


def rows(datasette, path, **arguments):
    answer = get(datasette, f"{path}.json?{urlencode({'_shape': 'objects', **arguments})}").json()
    assert not answer.get("truncated"), path
    return answer["rows"]


def test_what_is_described_is_what_there_is(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        relations = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name LIKE 'origin~_%' ESCAPE '~'"
        )
        assert set(TABLES) == {name for (name,) in relations}
        for name, table in TABLES.items():
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
            assert set(table["columns"]) == columns, name
            assert set(table.get("units", {})) | set(table.get("facets", [])) <= columns, name
            assert table.get("sort_desc", "domain") in columns | {"domain"}, name
    connection.close()


def test_all_questions_are_saved_queries():
    assert len(QUERIES) == 25
    assert WITHOUT_ROWS <= set(QUERIES)


@pytest.mark.parametrize("slug", QUERIES)
def test_a_saved_query_has_the_rows_that_sqlite_finds(datasette, database, slug):
    # Without a month it is the newest one.
    found = rows(datasette, f"/{NAME}/{slug}", domain=DOMAIN)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        expected = [dict(row) for row in connection.execute(QUERIES[slug]["sql"], PARAMETERS)]
    connection.close()
    assert found == expected
    assert bool(found) != (slug in WITHOUT_ROWS)


def test_the_bill_is_that_of_the_monthly_table(datasette, database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        sql = "SELECT {} FROM {} WHERE month_cst = ?"
        monthly = connection.execute(sql.format("domain, bandwidth_95", "origin_monthly"), [MONTH]).fetchall()
        ((account,),) = connection.execute(sql.format("bandwidth_95", "origin_account_monthly"), [MONTH]).fetchall()
    connection.close()
    bill = rows(datasette, f"/{NAME}/what-is-each-domains-part-of-the-bill", month=MONTH)
    assert {row["domain"]: row["mbps_95"] for row in bill} == {
        domain: round(bandwidth / 1e6, 1) for domain, bandwidth in monthly
    }
    (bill,) = rows(datasette, f"/{NAME}/what-will-the-account-be-billed-by", month=MONTH)
    assert bill["mbps_95"] == round(account / 1e6, 1)


@pytest.mark.parametrize("table", TABLES)
def test_the_page_of_a_table_opens_with_its_words(datasette, table):
    page = get(datasette, f"/{NAME}/{table}").text
    assert TABLES[table]["description"].split("'")[0][:60] in page
    assert "facet results timed out" not in page.lower()


def test_bandwidth_is_shown_with_its_unit(datasette):
    page = get(datasette, f"/{NAME}/origin_monthly").text
    assert re.search(r"\d&nbsp;(M|G)bit/s", page), "no scaled bandwidth"
    assert re.search(r"\d&nbsp;(G|T|P)B", page), "no scaled traffic"


@pytest.mark.parametrize("slug", DASHBOARDS)
@pytest.mark.parametrize("arguments", ["", f"?domain={DOMAIN}"])
def test_a_dashboard_opens_with_all_of_its_charts(datasette, slug, arguments):
    page = get(datasette, f"/-/dashboards/{slug}{arguments}").text
    for name, chart in DASHBOARDS[slug]["charts"].items():
        assert f"chart-{name}" in page, name
        assert chart["title"].replace("'", "&#39;") in page, name


@pytest.mark.parametrize(("slug", "name"), CHARTS)
@pytest.mark.parametrize("domain", ["", DOMAIN])
def test_a_chart_has_rows_with_what_it_draws(datasette, slug, name, domain):
    chart = DASHBOARDS[slug]["charts"][name]
    # As the plugin does: what stands in [[ ]] is left out while its parameter is empty.
    sql = re.sub(r"\[\[(.*?)\]\]", r"\1" if domain else "", chart["query"])
    found = rows(datasette, f"/{NAME}", sql=sql, domain=domain)
    assert found, name
    drawn = {channel["field"] for channel in chart.get("display", {}).get("encoding", {}).values()}
    assert drawn <= set(found[0]), name
    assert None not in {row[field] for row in found for field in drawn}, name


def test_the_table_of_the_month_begins_with_the_account_and_adds_up_to_it(datasette, database):
    chart = DASHBOARDS["account"]["charts"]["billing"]
    account, *domains = rows(datasette, f"/{NAME}", sql=chart["query"])
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        month = "SELECT points, bandwidth_95, traffic_bytes FROM origin_account_monthly ORDER BY month_cst DESC LIMIT 1"
        points, bandwidth, traffic = connection.execute(month).fetchone()
    connection.close()
    assert account["domain"] == f"all {len(domains)} domains"
    assert (account["points"], account["mbps_95"]) == (points, round(bandwidth / 1e6, 1))
    assert account["traffic_gb"] == round(traffic / 1e9, 1)
    assert sum(row["points"] for row in domains) == points
    assert abs(sum(row["traffic_gb"] for row in domains) - traffic / 1e9) < 0.05 * (len(domains) + 1)


def test_no_text_of_the_server_goes_into_a_page_as_html():
    for slug, name in CHARTS:
        chart = DASHBOARDS[slug]["charts"][name]
        if chart["library"] == "table":
            assert not re.search(r"\b(code|reason|raw|message|failures)\b", chart["query"]), name


@pytest.mark.parametrize("path", ["/-/dashboards/account", "/jdcdn/when-was-the-peak.json", "/jdcdn"])
def test_the_command_line_of_the_page_works(database, path):
    command = [sys.executable, "-m", "datasette", database, "-m", METADATA, "--plugins-dir", METADATA.parent / "plugins"]
    command += ["--setting", "max_returned_rows", "20000", "--setting", "sql_time_limit_ms", "60000"]
    command += ["--get", quote(path)]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    if path.endswith(".json"):
        assert len(json.loads(ended.stdout)["rows"]) == 5
    else:
        assert "<html" in ended.stdout
