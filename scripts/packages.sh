#!/bin/bash
# The packages, from a binary that is there: gaoler, gaoler-selinux (RPM) and gaoler-fail2ban.
#
#   packages.sh [rpm|deb]...    both, into target/packages
#
# BIN=target/portable/gaoler   the binary: one of this machine's own runs on machines like it alone
# OUT=target/packages          where they are left
# RELEASE=1                    what is told apart of packages of one version
# CONFIG=config/gaoler.yaml    the configuration in them
# QUICK=1                      packages that are to be tried at once: hardly compressed
#
# What lies where is the Makefile's to say (`make install`), the version Cargo.toml's.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(realpath "${BIN:-target/portable/gaoler}")
out=${OUT:-target/packages}
release=${RELEASE:-1}
mkdir -p "$out"
out=$(realpath "$out")
# A version such as 1.0.0-rc.1 comes before 1.0.0.
version=$(scripts/version.sh | tr - '~')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

# All that `make install` lays out, as both formats want it.
stage() {
    local stage=$work/stage
    [[ ! -d $stage ]] || return 0
    make -s --no-print-directory install DESTDIR="$stage" PREFIX=/usr BIN="$bin" CONFIG="${CONFIG:-config/gaoler.yaml}"
    gzip -9n "$stage"/usr/share/man/man?/*
}

# One line of a spec's %files for each file, and for each directory that is gaoler's alone.
list() {
    (cd "$work/stage" && {
        find etc/gaoler usr/share/gaoler usr/lib/systemd/system/gaoler.service.d -type d -printf '%%dir /%p\n'
        find . -type f -printf '/%P\n' | sed 's|^/etc/gaoler/gaoler.yaml$|%config(noreplace) &|'
    }) | sort
}

# The SELinux module in CIL, which older policies than the one that compiled it load as well.
selinux() {
    local build=target/packages/selinux
    mkdir -p "$build"
    cp --update packaging/selinux/gaoler.* "$build"
    make -s -C "$build" -f /usr/share/selinux/devel/Makefile gaoler.pp >"$build/log" 2>&1 || {
        cat "$build/log" >&2
        exit 1
    }
    /usr/libexec/selinux/hll/pp "$build/gaoler.pp" "$work/gaoler.cil"
}

rpm() {
    local payload=w6.xzdio
    [[ -z ${QUICK:-} ]] || payload=w1.gzdio
    stage
    list >"$work/list"
    selinux
    rpmbuild -bb --quiet --target "$(uname -m)" packaging/rpm/gaoler.spec \
        --define "_topdir $work/rpmbuild" --define "_rpmdir $out" \
        --define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
        --define "_buildhost reproducible" --define "use_source_date_epoch_as_buildtime 1" \
        --define "clamp_mtime_to_source_date_epoch 1" \
        --define "gaoler_version $version" --define "gaoler_release $release" \
        --define "gaoler_day $(date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" \
        --define "source $PWD" --define "stage $work/stage" --define "list $work/list" \
        --define "payload $payload" --define "cil $work/gaoler.cil"
}

# debian NAME: what every Debian package has beside its files; its control file comes on standard input.
debian() {
    local name=$1 root=$work/$1 squeeze=(-Zxz)
    [[ -z ${QUICK:-} ]] || squeeze=(-Zgzip -z1)
    install -D -m 0644 packaging/deb/copyright "$root/usr/share/doc/$name/copyright"
    printf '%s (%s) unstable; urgency=medium\n\n  * What changed is in changelog.gz of gaoler.\n\n -- %s  %s\n' \
        "$name" "$version-$release" "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" |
        gzip -9n >"$root/usr/share/doc/$name/changelog.Debian.gz"
    install -d "$root/DEBIAN"
    {
        printf 'Package: %s\nVersion: %s\nMaintainer: %s\n' "$name" "$version-$release" "$maintainer"
        printf 'Installed-Size: %s\n' "$(du -k -s --exclude DEBIAN "$root" | cut -f1)"
        cat
    } >"$root/DEBIAN/control"
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) \
        >"$root/DEBIAN/md5sums"
    dpkg-deb --root-owner-group "${squeeze[@]}" --build "$root" \
        "$out/${name}_$version-${release}_$(sed -n 's/^Architecture: //p' "$root/DEBIAN/control").deb" >/dev/null
}

# A script with what it includes.
script() {
    awk '$1 == "#INCLUDE" { while ((getline line < $2) > 0) print line; next } { print }' "$1"
}

deb() {
    local root=$work/gaoler name glibc
    local maintainer="The authors of gaoler <gaoler@localhost.localdomain>"
    stage
    cp -a "$work/stage" "$root"
    # Debian's names of what RHEL has under others.
    sed -i 's/_SYSTEMD_UNIT=sshd\.service/_SYSTEMD_UNIT=ssh.service/; s|/var/log/httpd/access_log|/var/log/apache2/access.log|' \
        "$root/etc/gaoler/gaoler.yaml"
    install -D -m 0644 -t "$root/usr/share/doc/gaoler" README.md
    gzip -9nc CHANGELOG.md >"$root/usr/share/doc/gaoler/changelog.gz"
    install -D -m 0644 packaging/deb/lintian-overrides "$root/usr/share/lintian/overrides/gaoler"
    install -d "$root/DEBIAN"
    echo /etc/gaoler/gaoler.yaml >"$root/DEBIAN/conffiles"
    install -m 0644 packaging/deb/triggers "$root/DEBIAN/triggers"
    for name in postinst prerm postrm; do
        script "packaging/deb/$name" >"$root/DEBIAN/$name"
        chmod 0755 "$root/DEBIAN/$name"
    done
    # As the binary has it: dpkg-shlibdeps would ask for the glibc that this machine has.
    glibc=$(readelf --version-info --wide "$bin" | grep -oE 'GLIBC_[0-9.]+' | sort -V | tail -n 1)
    debian gaoler <<EOF
Architecture: $(dpkg --print-architecture)
Section: admin
Priority: optional
Depends: libc6 (>= ${glibc#GLIBC_}), libsystemd0, systemd
Recommends: firewalld, polkitd
Description: Bans attackers through firewalld, and shows that they are banned
 gaoler does the work of fail2ban on hosts that firewalld manages: it follows
 the systemd journal and log files, recognises failures, counts them in jails,
 and has firewalld (or a table of its own in nftables) refuse the addresses
 that failed too often.
 .
 It runs as a user of its own, puts bans back after a reload or a restart of
 firewalld, says why somebody is banned, and is made to be watched: metrics
 for Prometheus, traces over OTLP, a status page, alerts and dashboards.
EOF

    root=$work/gaoler-fail2ban
    install -d "$root"/usr/{bin,share/man/man1}
    for name in fail2ban-client fail2ban-regex; do
        ln -s gaoler "$root/usr/bin/$name"
        ln -s ../man8/gaoler.8.gz "$root/usr/share/man/man1/$name.1.gz"
    done
    debian gaoler-fail2ban <<EOF
Architecture: all
Section: admin
Priority: optional
Depends: gaoler (= $version-$release)
Conflicts: fail2ban
Description: Names of fail2ban's programs for gaoler
 Called by one of these names, gaoler answers in fail2ban's words and formats,
 so that scripts and tools that were made for it go on working. Not to be
 installed beside fail2ban itself.
EOF
}

(($#)) || set -- rpm deb
for format; do
    case $format in
    rpm | deb) "$format" ;;
    *)
        echo "packages.sh: \`$format\` is neither rpm nor deb" >&2
        exit 2
        ;;
    esac
done
