#!/bin/bash
# The documentation as a site, target/book: built from docs/ by mdBook, without a warning, and every
# link in it looked up.
set -euo pipefail
cd "$(dirname "$0")/.."

mdbook=$(scripts/venv.sh book scripts/book-requirements.txt)/bin/mdbook
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rm -rf target/book
if ! "$mdbook" build >"$log" 2>&1 || grep -qE 'WARN|ERROR' "$log"; then
    cat "$log" >&2
    exit 1
fi
python3 scripts/book-check.py target/book
