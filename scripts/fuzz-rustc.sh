#!/bin/bash
# rustc, for `scripts/fuzz.sh`: what is fuzzed counts its edges for libFuzzer, all else is as always.
#
# The flags are cargo-fuzz's, and stable. They are not given as RUSTFLAGS, as cargo-fuzz does, since
# libsystemd-sys links a probe of its own with those, which has no libFuzzer to link to. There is no
# sanitizer: gaoler has no unsafe code, and without one the toolchain needs nothing unstable.
set -euo pipefail

case ${CARGO_PKG_NAME:-} in
gaoler | gaoler-core | gaoler-fuzz | fancy-regex | serde-saphyr | serde_json) ;;
*) exec "$@" ;;
esac
[[ ${CARGO_CRATE_NAME:-} != build_script_build ]] || exec "$@"
exec "$@" \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
