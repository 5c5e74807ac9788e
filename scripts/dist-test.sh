#!/bin/bash
# What `make dist` packs: the same sums twice, whoever and wherever; each archive has in it what it says.
#
#   dist-test.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Without what debuggers read: it is compressed, twice.
strip -o "$work/gaoler" "$1"
chmod 0755 "$work/gaoler"
scripts/dist.sh archives "$work/gaoler" >"$work/once" 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
}
(umask 077 && TZ=Asia/Tokyo LC_ALL=C scripts/dist.sh archives "$work/gaoler") >"$work/again" 2>/dev/null
diff "$work/once" "$work/again"
(cd target/dist && sha256sum --quiet --check SHA256SUMS)

# holds KIND FILE...: so the archive does, and no file that anybody but root may write.
holds() {
    local archive file
    archive=$(find target/dist -name "gaoler-$1")
    shift
    tar --list --verbose --file "$archive" >"$work/list"
    for file; do
        grep -q " $file$" "$work/list" || { echo "$archive: no $file" >&2; exit 1; }
    done
    if grep -vE '^-rw[x-]r-[x-]r-[x-] 0/0 ' "$work/list"; then exit 1; fi
}
holds '*-linux-*.tar.gz' usr/bin/gaoler usr/lib/systemd/system/gaoler.service usr/share/gaoler/gaoler.yaml
if grep ' etc/' "$work/list"; then exit 1; fi
holds '*-man.tar.gz' man8/gaoler.8 man5/gaoler.yaml.5
holds '*-completions.tar.gz' bash-completion/completions/gaoler zsh/site-functions/_gaoler
holds '*-dashboards.tar.gz' gaoler-overview.json
holds '*-alerts.tar.gz' gaoler.rules.yaml gaoler.tmpl
holds '*-ansible.tar.gz' playbook.yml roles/gaoler/tasks/main.yml
holds '*-book.tar.gz' index.html configuration.html
holds '?.?.?.tgz' gaoler/Chart.yaml gaoler/files/gaoler.rules.yaml
[[ -s target/dist/NEWS.md ]]
tar --extract --file target/dist/gaoler-*-linux-*.tar.gz --directory "$work" usr/bin/gaoler
"$work/usr/bin/gaoler" --version
echo "$(wc -l <"$work/once") files, the same twice"
