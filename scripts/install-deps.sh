#!/bin/bash
# The Debian packages that building, testing and the host in a box need; does nothing when all are
# there. Cargo itself is taken as given.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
need=()
for package in gcc binutils libc6-dev libsystemd-dev pkg-config shellcheck prometheus prometheus-alertmanager jsonnet \
    systemd-journal-remote mandoc chromium chromium-driver python3-venv openssl fail2ban \
    rpm rpmlint lintian policycoreutils selinux-policy-dev semodule-utils checkpolicy \
    buildah podman runc mmdebstrap python3-apt; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || need+=("$package")
done
if ((${#need[@]})); then
    "$repo/scripts/apt-install.sh" "${need[@]}"
fi
"$repo/tests/host/box.sh" install
