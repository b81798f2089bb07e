"""Superset recognises the times and the types. Only its metadata is looked at: no chart is drawn."""

import json
import os
import subprocess
from pathlib import Path

from conftest import relations, sums

SCRIPT = Path(__file__).with_name("superset_metadata.py")
# By default it refuses SQLite, "for security reasons".
CONFIG = 'SECRET_KEY = "nothing listens"\nPREVENT_UNSAFE_DB_CONNECTIONS = False\n'


def test_superset_reads_every_relation(varied_snapshot, tmp_path):
    (tmp_path / "superset_config.py").write_text(CONFIG)
    bin = Path(os.environ["JDCDN_TOOLS"]) / "superset" / "bin"
    environment = {
        "PATH": os.environ["PATH"],
        "SUPERSET_CONFIG_PATH": str(tmp_path / "superset_config.py"),
        "SUPERSET_HOME": str(tmp_path),
        "FLASK_APP": "superset.app:create_app",
    }

    def run(*command, input=None):
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, input=input)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    expected = relations(varied_snapshot)
    run(bin / "superset", "db", "upgrade")
    printed = run(bin / "python", SCRIPT, varied_snapshot, input=json.dumps(list(expected)))
    found = json.loads(printed.split("RESULT", 1)[1])
    assert found.keys() == expected.keys()
    rows = {relation: rows for relation, (rows, _) in sums(varied_snapshot).items()}
    for relation, columns in expected.items():
        as_superset = {name: {"DOUBLE": "FLOAT"}.get(type, type) for name, type in columns.items()}
        assert found[relation]["types"] == as_superset, relation
        times = sorted(name for name, type in columns.items() if type in ("TIMESTAMP", "DATE"))
        assert found[relation]["times"] == times, relation
        assert found[relation]["rows"] == rows[relation], relation
    assert found["origin_stats"]["main"] == "time_utc"
    assert found["origin_daily"]["main"] == "date_cst"
