#!/bin/bash
# All that a release is made of, in target/dist: archives, packages, the site, what is in the binary
# (SBOM), and SHA256SUMS.
#
#   dist.sh                   of the commit that is checked out
#   dist.sh archives BINARY   the archives alone, of a binary at hand
#   dist.sh archive BINARY    the archive of the program alone; prints its path
#
# TAGGED=yes holds it to what a release is: a clean tree, a tag, a section in CHANGELOG.md.
# Archives are the same, byte by byte, whenever they are made of the same commit: names in order, the
# commit's own time, no owner.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(scripts/version.sh)
machine=$(uname -m)
dist=target/dist
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
# Modes are what they are told to be, whoever runs this.
umask 022

# archive NAME DIRECTORY [tar's options]: files and links of a directory. Directories have no entry of
# their own, so that unpacking below / changes none that is there.
archive() {
    local name=$1 directory=$2
    shift 2
    (cd "$directory" && find . \( -type f -o -type l \) -printf '%P\0') | LC_ALL=C sort --zero-terminated |
        tar --create --directory="$directory" --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
            --numeric-owner --mode=u=rwX,go=rX "$@" --null --no-recursion --files-from=- |
        gzip --no-name -9 >"$dist/$name"
    echo "  $name" >&2
}

# The program as `make install` lays it. Its configuration is an example in it: one that is in force
# must outlive the next unpacking.
program() {
    local binary=$1 tree=$2
    make --no-print-directory --silent install DESTDIR="$tree" PREFIX=/usr BIN="$binary"
    rm -r "${tree:?}/etc"
    archive "gaoler-$version-linux-$machine.tar.gz" "$tree"
}

# As Helm itself packs it, links followed and what .helmignore names left out, and then once more: Helm
# writes down when it was.
chart() {
    local python
    python=$(scripts/venv.sh chart tests/chart/requirements.txt)/bin/python
    mkdir "$work/helm" "$work/chart"
    "$python" -c 'import sys, helm_python as helm
helm.disable_logging()
helm.Chart.load("helm/gaoler").save(sys.argv[1])' "$work/helm" 2>/dev/null
    tar --extract --file "$work/helm/gaoler-$version.tgz" --directory "$work/chart"
    archive "gaoler-$version.tgz" "$work/chart"
}

# Every crate that is linked, and those that build them, with versions, licences and hashes: CycloneDX.
sbom() {
    local tool=target/tools/bin/cargo-cyclonedx wanted=0.5.9
    if [[ $($tool cyclonedx --version 2>/dev/null) != *" $wanted" ]]; then
        echo "  installing cargo-cyclonedx $wanted (once, some minutes)" >&2
        cargo install --locked --quiet --version "$wanted" --root target/tools cargo-cyclonedx
    fi
    $tool cyclonedx --format json --spec-version 1.5 --target "$machine-unknown-linux-gnu" \
        --override-filename "gaoler-$version.cdx" --quiet
    # Not where this was built.
    sed "s|path+file://$PWD|path+file:///gaoler|g" "gaoler-$version.cdx.json" >"$dist/gaoler-$version.cdx.json"
    # One is made for each package of the workspace; what is linked of the core is in the program's.
    rm -f "gaoler-$version.cdx.json" "core/gaoler-$version.cdx.json"
    local missing
    missing=$(cargo tree --locked --edges normal --target "$machine-unknown-linux-gnu" --prefix none --format '{p}' |
        sed -e 's/ (.*//' -e 's/ v/ /' | sort -u | grep -v '^gaoler ' |
        comm -23 - <(jq -r '.components[] | "\(.name) \(.version)"' "$dist/gaoler-$version.cdx.json" | sort -u))
    [[ -z $missing ]] || { echo "dist.sh: the SBOM has not: $missing" >&2; exit 1; }
    echo "  gaoler-$version.cdx.json" >&2
}

# What a section of CHANGELOG.md says; nothing where there is none.
news() {
    awk -v wanted="$1" '/^## / {ours = ($2 == wanted)} ours && !/^## / {print}' CHANGELOG.md | sed -e '/./,$!d'
}

# What is a release, and what is only like one.
examine() {
    local wrong=()
    [[ -z $(git status --porcelain) ]] || wrong+=("there are changes that are not committed")
    [[ $(git tag --points-at HEAD) == *"v$version"* ]] || wrong+=("the commit has no tag v$version")
    [[ -n $(news "$version") ]] || wrong+=("CHANGELOG.md has no section \`## $version\`")
    ((${#wrong[@]})) || return 0
    printf "no release of $version: %s\n" "${wrong[@]}" >&2
    [[ ${TAGGED:-} != yes ]] || exit 1
}

# All but the packages and the SBOM.
archives() {
    local name
    program "$1" "$work/program"
    archive "gaoler-$version-man.tar.gz" "$work/program/usr/share/man"
    mkdir "$work/completions"
    cp -r "$work"/program/usr/share/{bash-completion,zsh,fish} "$work/completions/"
    archive "gaoler-$version-completions.tar.gz" "$work/completions"
    for name in dashboards alerts; do
        mkdir "$work/$name"
        cp $name/*.* "$work/$name/"
        archive "gaoler-$version-$name.tar.gz" "$work/$name"
    done
    archive "gaoler-$version-ansible.tar.gz" docs/ansible
    chart
    scripts/book.sh >/dev/null
    archive "gaoler-$version-book.tar.gz" target/book
    git archive --format=tar --prefix="gaoler-$version/" HEAD | gzip --no-name -9 >"$dist/gaoler-$version.tar.gz"
    echo "  gaoler-$version.tar.gz" >&2
    news "$version" >"$dist/NEWS.md"
    [[ -s $dist/NEWS.md ]] || news Unreleased >"$dist/NEWS.md"
}

# The program of this machine for every Linux, and what is made of it by others.
packages() {
    rm -rf target/packages
    make --no-print-directory rpm deb >&2
    cp target/packages/*.rpm target/packages/*.deb "$dist/"
}

sums() {
    (cd "$dist" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum) >"$work/sums"
    install -m 0644 "$work/sums" "$dist/SHA256SUMS"
    cat "$dist/SHA256SUMS"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$dist"
case ${1:-} in
archive)
    program "$(realpath "$2")" "$work/program"
    echo "$dist/gaoler-$version-linux-$machine.tar.gz"
    ;;
archives)
    rm -f "$dist"/*
    archives "$(realpath "$2")"
    sums
    ;;
"")
    examine
    rm -f "$dist"/*
    scripts/portable.sh
    archives target/portable/gaoler
    sbom
    packages
    sums
    ;;
*)
    echo "dist.sh: \`$1\` is neither archives nor archive" >&2
    exit 2
    ;;
esac
