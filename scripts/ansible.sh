#!/bin/bash
# Plays the example role of docs/ansible on a host in a box, and lints it. Needs root.
#
#   ansible.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$(scripts/venv.sh ansible tests/ansible/requirements.txt)
export ANSIBLE=$venv/bin PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Without what debuggers read: it is compressed, and sent.
strip -o "$work/gaoler" "$1"
chmod 0755 "$work/gaoler"
ARCHIVE=$PWD/$(scripts/dist.sh archive "$work/gaoler" 2>/dev/null)
QUICK=1 BIN=$work/gaoler OUT=$work/packages scripts/packages.sh deb
DEB=$(find "$work/packages" -name 'gaoler_*.deb')
export ARCHIVE DEB
(cd docs/ansible && PATH=$venv/bin:$PATH "$venv/bin/ansible-lint" --offline --strict --profile production -q)
python3 -m unittest discover --start-directory tests/ansible --verbose
