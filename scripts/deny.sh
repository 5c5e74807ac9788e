#!/bin/bash
# The dependencies: licences, sources and bans always; known vulnerabilities where the database of
# them can be reached (it is a git repository, not part of the crates registry).
set -euo pipefail

if ! cargo deny --version >/dev/null 2>&1; then
    echo "installing cargo-deny (once, some minutes)"
    cargo install --locked --quiet cargo-deny
fi

cargo deny --locked --log-level error check licenses bans sources

if cargo deny fetch db >/dev/null 2>&1; then
    cargo deny --locked --offline --log-level error check advisories
else
    cat >&2 <<'EOF'
*********************************************************************************
 NOT CHECKED: known vulnerabilities of the dependencies. The RustSec advisory
 database cannot be reached from here. Run `make deny` where it can be.
*********************************************************************************
EOF
fi
