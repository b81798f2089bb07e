"""Runs inside Superset's environment: `superset_ranges.py QUESTIONS` asks Superset as its charts do, and prints the answers,
with the number of rows of each chart.

A question is `{dataset, axis, grain, range, metric}`: the sums of a column by the grain of a time column, in a range of it.
"""

import json
import sys

from superset.app import create_app

with create_app().app_context():
    from superset import db, security_manager
    from superset.charts.schemas import ChartDataQueryContextSchema
    from superset.commands.chart.data.get_data_command import ChartDataCommand
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.slice import Slice
    from superset.utils.core import override_user

    def ask(table, columns, metrics, filters, raw=False):
        query = {"columns": columns, "filters": filters, "row_limit": 10_000}
        query |= {} if raw else {"metrics": metrics}
        wanted = {"datasource": {"id": table.id, "type": "table"}, "queries": [query], "result_format": "json"}
        command = ChartDataCommand(ChartDataQueryContextSchema().load(wanted | {"result_type": "full"}))
        command.validate()
        (answer,) = command.run()["queries"]
        return answer

    def axis(name, grain):
        column = {"columnType": "BASE_AXIS", "expressionType": "SQL", "isColumnReference": True}
        return column | {"sqlExpression": name, "label": name, "timeGrain": grain}

    def answer(question):
        table = db.session.query(SqlaTable).filter_by(table_name=question["dataset"]).one()
        metric = {"expressionType": "SQL", "sqlExpression": question["metric"], "label": "metric"}
        filter = {"col": question["axis"], "op": "TEMPORAL_RANGE", "val": question["range"]}
        found = ask(table, [axis(question["axis"], question["grain"])], [metric], [filter])
        rows = {str(row[question["axis"]]): row["metric"] for row in found["data"]}
        return {"sql": found["query"], "rows": rows}

    def rows_of(chart):
        """How many rows a chart gets from the days of the demo."""
        params = json.loads(chart.params)
        columns = [*params.get("all_columns", []), *params.get("groupby", [])]
        columns += [axis(params["x_axis"], params["time_grain_sqla"])] if "x_axis" in params else []
        filters = [
            {"col": filter["subject"], "op": filter["operator"], "val": "2026-05-01 : 2026-07-01"}
            for filter in params["adhoc_filters"]
        ]
        found = ask(chart.table, columns, params.get("metrics", []), filters, raw="all_columns" in params)
        return len(found["data"])

    with override_user(security_manager.find_user("admin")):
        answers = [answer(question) for question in json.loads(sys.argv[1])]
        charts = {chart.slice_name: rows_of(chart) for chart in db.session.query(Slice)}
    print("RESULT", json.dumps({"answers": answers, "charts": charts}, default=str))
