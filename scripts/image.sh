#!/bin/bash
# The container image, by packaging/Containerfile.
#
#   image.sh build [BINARY]   gaoler:VERSION, in the storage of who runs this; compiled in the image's own
#                             first stage, or of a binary within this repository (make image BIN=...)
#   image.sh test BINARY      the same of such a binary, on a base made of Debian's packages in place of the
#                             registry's; builds it twice, runs it (tests/image). Needs root.
#
# BUILDER and BASE name other base images; a release gives them by digest (name@sha256:...).
set -euo pipefail
cd "$(dirname "$0")/.."

suite=trixie
version=$(scripts/version.sh)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
revision=${GAOLER_REVISION:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
export SOURCE_DATE_EPOCH

# build NAME [buildah's options]
build() {
    local name=$1 options=() argument
    shift
    for argument in ${BUILDER:+BUILDER=$BUILDER} ${BASE:+BASE=$BASE} ${binary:+BINARY=$binary}; do
        options+=(--build-arg "$argument")
    done
    # The format of Docker has a place for the health check; OCI's has not.
    buildah "${storage[@]}" build --format docker --timestamp "$SOURCE_DATE_EPOCH" "${options[@]}" \
        --build-arg VERSION="$version" --build-arg REVISION="$revision" \
        --build-arg CREATED="$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" \
        "$@" --tag "$name" --file packaging/Containerfile .
}

# What the registry's image of this Debian is, too: its required packages and apt.
base() {
    local tar=target/image/$suite.tar mirror image container
    if [[ ! -e $tar ]]; then
        mirror=$(apt-cache policy | grep -oE 'https?://[^ ]+ bookworm/main' | cut -d' ' -f1 | head -n 1 || true)
        mmdebstrap --quiet --variant=minbase --mode=root "$suite" "$tar.new" \
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main"
        mv "$tar.new" "$tar"
    fi
    image=localhost/debian:$suite
    if ! buildah "${storage[@]}" inspect --type image "$image" >/dev/null 2>&1; then
        container=$(buildah "${storage[@]}" from scratch)
        buildah "${storage[@]}" add --quiet "$container" "$tar" / >/dev/null
        buildah "${storage[@]}" commit --quiet --rm "$container" "$image" >/dev/null
    fi
    BASE=$image BUILDER=$image
}

try() {
    local made=target/image log
    mkdir -p "$made"
    log=$made/build.log
    # A binary without what debuggers read: it is copied some times.
    strip -o "$made/gaoler" "$binary"
    binary=$made/gaoler
    storage=(--root "$PWD/$made/storage" --runroot "$PWD/$made/run" --storage-driver overlay)
    base
    local name
    for name in gaoler again; do
        build "localhost/$name:$version" --isolation chroot --no-cache >"$log" 2>&1 || {
            cat "$log" >&2
            return 1
        }
    done
    buildah "${storage[@]}" rmi --prune >/dev/null
    # No systemd has to be here, whose control groups and timers podman would take.
    PYTHONDONTWRITEBYTECODE=1 PODMAN="podman ${storage[*]} --cgroup-manager cgroupfs --runtime runc" VERSION=$version \
        python3 -m unittest discover --start-directory tests/image --verbose
}

storage=() binary=
case ${1:-} in
build)
    binary=${2:-}
    build "gaoler:$version"
    ;;
test)
    binary=$2
    try
    ;;
*)
    echo "image.sh: build [BINARY], or test BINARY" >&2
    exit 2
    ;;
esac
