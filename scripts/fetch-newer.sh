#!/bin/bash
# Newer packages than this machine's, out of a newer Debian, unpacked and not installed: for such as are
# all Python. Prints where they are; what it says on the other channel is why they cannot be had.
set -euo pipefail

suite=${1:?usage: fetch-newer.sh SUITE PACKAGE..., such as: sid firewalld python3-firewall}
shift
repo=$(cd "$(dirname "$0")/.." && pwd)
there=${CARGO_TARGET_DIR:-$repo/target}/newer/$suite/$1
if [[ ! -e $there/version ]]; then
    mirror=$(apt-cache policy | grep -oE 'https?://[^ ]+ bookworm/main' | cut -d' ' -f1 | head -n 1 || true)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    chmod 755 "$work"
    mkdir -p "$work"/{lists/partial,cache/archives/partial,root}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "${mirror:-http://deb.debian.org/debian} $suite main" >"$work/sources.list"
    # Beside this machine's own lists, which stay as they are.
    apt=(apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o Acquire::Languages=none
        -o "APT::Sandbox::User=root" -o Acquire::Retries=1 -o Acquire::http::Timeout=20)
    "${apt[@]}" update >&2
    (cd "$work/cache" && "${apt[@]}" download "$@" >&2)
    for package in "$work"/cache/*.deb; do
        dpkg-deb -x "$package" "$work/root"
    done
    rm -rf "$there"
    mkdir -p "$there"
    cp -a "$work/root/." "$there/"
    dpkg-deb -f "$work/cache/$1"_*.deb Version >"$there/version"
fi
echo "$there"
