#!/bin/bash
# The dependencies.
#
#   deny.sh                licences, sources, bans: what `make test` holds
#   deny.sh advisories     known vulnerabilities; needs the RustSec database, a git repository that
#                          is not part of the crates registry
set -euo pipefail

if ! cargo deny --version >/dev/null 2>&1; then
    echo "installing cargo-deny (once, some minutes)"
    cargo install --locked --quiet cargo-deny
fi

case ${1:-} in
"") exec cargo deny --locked --log-level error check licenses bans sources ;;
advisories) exec cargo deny --locked --log-level error check advisories ;;
*)
    echo "deny.sh: what is \`$1\`? Nothing, or advisories" >&2
    exit 2
    ;;
esac
