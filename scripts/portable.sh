#!/bin/bash
# A gaoler for RHEL 8, 9, 10 and all that is not older: it asks for no glibc above 2.28 and for no symbol
# of libsystemd above 239, and links the host's own libsystemd when it starts.
#
#   portable.sh [PROFILE]   leaves target/portable/gaoler (release; a debug one, `dev`, in
#                           target/portable/dev/gaoler)
#
# zig links against any glibc (cargo-zigbuild, from PyPI with hashes); libsystemd is stood in for at link
# time by a library of the same name that has those symbols alone. tests/packages holds what was promised.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-release}
glibc=2.28 systemd=239
triple=$(uname -m)-unknown-linux-gnu
work=$PWD/target/portable
stub=$work/libsystemd
built=${CARGO_TARGET_DIR:-target}/$triple

# SYMBOL VERSION lines of this machine's libsystemd, oldest versions first; a version stays what it is.
symbols() {
    local library
    library=$(pkg-config --variable=libdir libsystemd)/libsystemd.so
    readelf --dyn-syms --wide "$library" | awk -v newest="$systemd" '
        match($8, /@@LIBSYSTEMD_[0-9]+$/) {
            version = substr($8, RSTART + 13)
            if (version <= newest + 0) print version, substr($8, 1, RSTART - 1)
        }' | sort -n
}

# An empty function for each symbol, under the version that the real library gives it.
stand_in() {
    mkdir -p "$stub"
    symbols >"$stub/symbols.new"
    [[ -s $stub/symbols.new ]] || { echo "portable.sh: this machine's libsystemd has no symbols" >&2; exit 1; }
    if cmp -s "$stub/symbols.new" "$stub/symbols" && [[ -e $stub/libsystemd.so ]]; then return; fi
    awk '{ print "void " $2 "(void) {}" }' "$stub/symbols.new" >"$stub/stub.c"
    awk '$1 != version {
            if (version) print "}" (before ? " LIBSYSTEMD_" before : "") ";"
            before = version; version = $1; print "LIBSYSTEMD_" version " { global:"
        }
        { print "    " $2 ";" }
        END { print "    local: *;\n}" (before ? " LIBSYSTEMD_" before : "") ";" }' \
        "$stub/symbols.new" >"$stub/stub.map"
    gcc -shared -nostdlib -Wl,-soname,libsystemd.so.0 -Wl,--version-script="$stub/stub.map" \
        -o "$stub/libsystemd.so" "$stub/stub.c"
    mv "$stub/symbols.new" "$stub/symbols"
}

venv=$(scripts/venv.sh portable packaging/portable/requirements.txt)
stand_in
export PATH=$venv/bin:$PATH SYSTEMD_LIB_DIR=$stub SYSTEMD_LIBS=systemd
export CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_DEV_STRIP=debuginfo CARGO_PROFILE_DEV_DEBUG=0
export GAOLER_REVISION=${GAOLER_REVISION:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
export GAOLER_DATE=${GAOLER_DATE-$(git log -1 --format=%cs 2>/dev/null || true)}
cargo zigbuild --locked --profile "$profile" --bin gaoler --target "$triple.$glibc"

case $profile in
release) install -D "$built/release/gaoler" "$work/gaoler" ;;
dev) install -D "$built/debug/gaoler" "$work/dev/gaoler" ;;
*) echo "portable.sh: \`$profile\` is neither release nor dev" >&2; exit 2 ;;
esac
