#!/bin/bash
# Plays the example role of docs/ansible on a host in a box, and lints it. Needs root.
#
#   ansible.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(scripts/venv.sh ansible tests/ansible/requirements.txt)
export ANSIBLE=$venv/bin PYTHONDONTWRITEBYTECODE=1
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
# Without what debuggers read: it is compressed, and sent.
strip -o "$binary" "$1"
chmod 0755 "$binary"
ARCHIVE=$PWD/$(scripts/dist.sh archive "$binary" 2>/dev/null)
export ARCHIVE
(cd docs/ansible && PATH=$venv/bin:$PATH "$venv/bin/ansible-lint" --offline --strict --profile production -q)
python3 -m unittest discover --start-directory tests/ansible --verbose
