#!/bin/bash
# venv.sh NAME REQUIREMENTS: Python programs from PyPI, each file of a known hash, in target/venv/NAME,
# made once. Prints that directory.
set -euo pipefail

name=$1 requirements=$2
repo=$(cd "$(dirname "$0")/.." && pwd)
venv=$repo/target/venv/$name
wanted=$(sha256sum <"$requirements")
if [[ $(cat "$venv/made-of" 2>/dev/null) != "$wanted" ]]; then
    echo "Making target/venv/$name, once" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$requirements" >&2
    echo "$wanted" >"$venv/made-of"
fi
echo "$venv"
