#!/usr/bin/env bash
# Installs the other programs, as far as they are missing, and measures them with the same points.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=benches/peers
venv=${CARGO_TARGET_DIR:-target}/peers

command -v sqlite3 >/dev/null || { echo "sqlite3, the shell of SQLite, is missing: install it first" >&2; exit 1; }
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    echo "installing the packages of $here/requirements.txt"
    "${PYTHON:-python3}" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
JDCDN_PEERS=$(realpath "$venv")
export JDCDN_PEERS
exec cargo bench --locked --bench bench -- peers
