#!/bin/bash
# bench.sh [GROUP|ROUNDS|OPTION]...: measures gaoler against its peers on the same inputs, in one run.
# Installs the peers that can be had, once; who cannot be is left out, and that is said.
# UPDATE=1 makes the tables of docs/performance.md anew. GAOLER=path names another binary.
#
#   bench.sh --help            the groups, and what can be chosen
#   bench.sh auth start 3      two groups, three rounds
#   bench.sh parts scrape      each part by itself; or those whose names contain a word
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"
place=target/bench
cargo=${CARGO:-cargo}
fail2ban_rs=1.5.4
# Its whole file, so that an earlier version's is not taken for it.
export FAIL2BAN_RS=$repo/$place/fail2ban-rs-$fail2ban_rs/bin/fail2ban-rs

install_peers() {
    local package missing=()
    for package in ripgrep sshguard fail2ban python3-systemd systemd-journal-remote; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    if ((${#missing[@]})); then
        scripts/apt-install.sh "${missing[@]}" || echo "without: ${missing[*]}" >&2
    fi
    if [[ ! -x $FAIL2BAN_RS ]]; then
        scripts/progress.sh "installing fail2ban-rs $fail2ban_rs, for comparison" \
            "$cargo" install --quiet --locked "fail2ban-rs" --version "$fail2ban_rs" \
            --root "${FAIL2BAN_RS%/bin/*}" || echo "without: fail2ban-rs" >&2
    fi
}

# Builds a bench, and says how long that took: some minutes, the first time.
built() {
    scripts/progress.sh "building what measures ($1), optimised" "$cargo" bench --quiet --locked --no-run --bench "$1"
}

# Prints what it measures, and keeps it for the document.
parts() {
    mkdir -p "$place"
    built parts
    "$cargo" bench --quiet --locked --bench parts -- "$@" | tee "$place/parts.txt"
    if [[ ${UPDATE:-} ]]; then
        update_parts
    fi
}

update_parts() {
    local document=docs/performance.md new
    new=$(mktemp)
    awk -v file="$place/parts.txt" '
        /^<!-- measured: parts -->$/ {
            print; print "\n```text"
            while ((getline line < file) > 0) { sub(/ +$/, "", line); print line }
            print "```\n"; skip = 1
        }
        /^<!-- end -->$/ { skip = 0 }
        !skip' "$document" >"$new"
    cat "$new" >"$document"
    rm -f "$new"
}

if [[ ${1:-} == parts ]]; then
    shift
    parts "$@"
    exit
fi
with_parts=
(($# == 0)) && with_parts=1
words=() help=
for word in "$@"; do
    case $word in
    parts) with_parts=1 ;;
    -h | --help) help=1 words+=(--help) ;;
    *) words+=("$word") ;;
    esac
done
[[ $help ]] || install_peers
built performance
"$cargo" bench --quiet --locked --bench performance -- "${words[@]}" ${UPDATE:+--update docs/performance.md}
if [[ $with_parts && ! $help ]]; then
    parts
fi
