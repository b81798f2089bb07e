#!/usr/bin/env bash
# Prints the crates that are part of the program, with their licences, and the text of each licence once.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C

sources=(${CARGO_HOME:-$HOME/.cargo}/registry/src/*)
# `name vVERSION (proc-macro)|LICENCE`
crates=$(cargo tree --locked --edges normal --prefix none --format '{p}|{l}' | grep -v '^jdcdn-stats v' | sed 's/ (\*)$//; s/ (proc-macro)//' | sort -u)

echo "The program contains these crates, each under one of its licences, at your option. The texts follow."
echo
echo "$crates" | sed 's/ v/ /; s/|/: /'
texts=$(mktemp -d)
trap 'rm -rf "$texts"' EXIT
keep() { # DIRECTORY NAME: the texts in a directory, and in those below it for the C sources of a crate
    find "$1" -maxdepth 2 -type f \( -iname 'licen[cs]e*' -o -iname 'unlicense*' -o -name 'COPYING*' -o -name 'NOTICE*' -o -name 'COPYRIGHT*' \) |
        sort | while read -r text; do
        sum=$(sha256sum < "$text" | cut -d' ' -f1)
        [ -e "$texts/$sum" ] || cp "$text" "$texts/$sum"
        echo "$2${text#"$1"}" >> "$texts/$sum.names"
    done
}
while IFS='|' read -r crate _; do
    directory=${crate/ v/-}
    for source in "${sources[@]}"; do
        [ ! -d "$source/$directory" ] || keep "$source/$directory" "$directory"
    done
done <<< "$crates"
keep src/report/assets/uplot uPlot
for names in "$texts"/*.names; do
    printf '\n%s\n' "================================================================================"
    cat "$names"
    echo "--------------------------------------------------------------------------------"
    cat "${names%.names}"
done
