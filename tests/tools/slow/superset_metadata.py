"""Runs inside Superset's environment: `superset_metadata.py DATABASE` prints what it makes of the public relations."""

import json
import sys

from superset.app import create_app

uri, relations = f"sqlite:///file:{sys.argv[1]}?mode=ro&uri=true", json.loads(sys.stdin.read())
with create_app().app_context():
    from superset import db
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database

    database = Database(database_name="stats", sqlalchemy_uri=uri)
    db.session.add(database)
    found = {}
    for relation in relations:
        table = SqlaTable(table_name=relation, database=database)
        db.session.add(table)
        table.fetch_metadata()
        rows = database.get_df(f"SELECT count(*) AS n FROM {relation}")["n"][0]
        found[relation] = {
            "types": {column.column_name: column.type for column in table.columns},
            "times": sorted(column.column_name for column in table.columns if column.is_dttm),
            "main": table.main_dttm_col,
            "rows": int(rows),
        }
    print("RESULT", json.dumps(found))
