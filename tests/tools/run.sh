#!/usr/bin/env bash
# Installs what the tests of other programs need, as far as it is missing; builds this one; runs pytest.
# `run.sh` runs the quick tests, `run.sh DIRECTORY|FILE|OPTION…` what is named.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/tools
tools=${CARGO_TARGET_DIR:-target}/tools

python=/usr/bin/python3   # with the system's SQLite, which is the old one that is to be tested
packages=(bash chromium fish libsqliteodbc libxerial-sqlite-jdbc-java mandoc openjdk-17-jdk-headless python3 python3-venv sqlite3 unixodbc
    util-linux zsh)
slow_packages=(debootstrap dpkg-dev lintian golang-github-mattn-go-sqlite3-dev golang-go r-cran-dbplyr r-cran-hms r-cran-rsqlite)
case " $* " in *"$here/slow"*) packages+=("${slow_packages[@]}") ;; esac
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# promtool judges the alerts. It is unpacked and not installed, because the package would start a server.
if [ ! -x "$tools/prometheus/usr/bin/promtool" ]; then
    echo "unpacking promtool from the package prometheus"
    apt-cache show prometheus >/dev/null 2>&1 || "${as_root[@]}" apt-get update -qq
    mkdir -p "$tools/prometheus"
    (cd "$tools/prometheus" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb usr/bin/prometheus)
fi

venv() { # DIRECTORY REQUIREMENTS: a virtual environment that holds exactly these
    cmp -s "$2" "$1/installed.txt" && return
    echo "installing the packages of $2"
    "$python" -m venv --clear "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
    cp "$2" "$1/installed.txt"
}
venv "$tools/venv" "$here/requirements.txt"
venv "$tools/sqlalchemy-1.4" "$here/sqlalchemy-1.4.txt"
case " $* " in *"$here/slow"*)
    for requirements in "$here"/slow/*.txt; do
        venv "$tools/$(basename "$requirements" .txt)" "$requirements"
    done ;;
esac
# The oldest SQLite that the published statements are written for, without any optional part. `LD_LIBRARY_PATH` puts it in the
# place of the system's.
old=$tools/sqlite-3.35
if ! cmp -s "$here/sqlite-3.35/Cargo.lock" "$old/Cargo.lock"; then
    echo "building SQLite 3.35"
    source=$(cargo metadata --locked --format-version 1 --manifest-path "$here/sqlite-3.35/Cargo.toml" |
        "$python" -c 'import json, pathlib, sys
(crate,) = (p for p in json.load(sys.stdin)["packages"] if p["name"] == "libsqlite3-sys")
print(pathlib.Path(crate["manifest_path"]).parent / "sqlite3/sqlite3.c")')
    mkdir -p "$old"
    # Python wants the second option. JSON functions were an option, too, and most systems had them.
    cc -O1 -shared -fPIC -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_DESERIALIZE -DSQLITE_ENABLE_JSON1 -DSQLITE_ENABLE_LOAD_EXTENSION \
        -DSQLITE_ENABLE_COLUMN_METADATA -o "$old/libsqlite3.so.0" "$source" -lpthread -ldl -lm
    cp "$here/sqlite-3.35/Cargo.lock" "$old/Cargo.lock"
fi
JDCDN_TOOLS=$(realpath "$tools")
export JDCDN_TOOLS

# The binary as the other tests build it, so that nothing is compiled twice.
cargo test --locked --quiet --no-run --test cli
export JDCDN_STATS="$PWD/target/debug/jdcdn-stats"
[ -z "${CARGO_TARGET_DIR:-}" ] || JDCDN_STATS="$(realpath "$CARGO_TARGET_DIR")/debug/jdcdn-stats"

[ $# -gt 0 ] || set -- "$here" --ignore="$here/slow"
exec "$tools/venv/bin/python" -m pytest -p no:cacheprovider -q --durations=5 "$@"
