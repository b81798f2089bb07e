#!/usr/bin/env bash
# Installs what the tests of other programs need, as far as it is missing; builds this one; runs pytest.
# `run.sh` runs the quick tests, `run.sh DIRECTORY|FILE|OPTION…` what is named.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/tools
tools=${CARGO_TARGET_DIR:-target}/tools

python=/usr/bin/python3   # with the system's SQLite, which is the old one that is to be tested
packages=(chromium libsqliteodbc python3 python3-venv sqlite3 unixodbc util-linux)
missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

venv() { # DIRECTORY REQUIREMENTS: a virtual environment that holds exactly these
    cmp -s "$2" "$1/installed.txt" && return
    echo "installing the packages of $2"
    "$python" -m venv --clear "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
    cp "$2" "$1/installed.txt"
}
venv "$tools/venv" "$here/requirements.txt"
case " $* " in *"$here/slow"*)
    for requirements in "$here"/slow/*.txt; do
        venv "$tools/$(basename "$requirements" .txt)" "$requirements"
    done ;;
esac
JDCDN_TOOLS=$(realpath "$tools")
export JDCDN_TOOLS

# The binary as the other tests build it, so that nothing is compiled twice.
cargo test --locked --quiet --no-run --test cli
export JDCDN_STATS="$PWD/target/debug/jdcdn-stats"
[ -z "${CARGO_TARGET_DIR:-}" ] || JDCDN_STATS="$(realpath "$CARGO_TARGET_DIR")/debug/jdcdn-stats"

[ $# -gt 0 ] || set -- "$here" --ignore="$here/slow"
exec "$tools/venv/bin/python" -m pytest -p no:cacheprovider -q --durations=5 "$@"
