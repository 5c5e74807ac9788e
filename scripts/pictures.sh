#!/bin/bash
# docs/pictures/dashboard-*.png: a host in a box is attacked for a while, a real Prometheus scrapes it,
# and every dashboard is drawn from what it has. Needs root; chromium, npm and pngquant are installed if
# they are missing, Grafana's packages come by npm.
#
#   pictures.sh BINARY [MINUTES]
set -euo pipefail

binary=$1 minutes=${2:-14}
repo=$(cd "$(dirname "$0")/.." && pwd)
render=$repo/dashboards/render
address=127.0.0.1:19090
data=$(mktemp -d)

end() {
    # shellcheck disable=SC2046 # several processes
    kill $(jobs -p) 2>/dev/null || true
    wait
    rm -rf "$data"
}
trap end EXIT

need=()
for package in chromium npm pngquant; do
    command -v "$package" >/dev/null || need+=("$package")
done
if ((${#need[@]})); then "$repo/scripts/apt-install.sh" "${need[@]}"; fi
[[ -e $render/node_modules ]] || npm --prefix "$render" install --no-audit --no-fund --no-package-lock

echo "a host in a box is attacked for $minutes minutes"
from=$(($(date +%s) + 30))
"$render/attack.sh" "$data/attacked" "$minutes" "$binary"
to=$(($(date +%s) - 15))

# The box has gone; what its Prometheus has seen has not.
prometheus --config.file=/dev/null --storage.tsdb.path="$data/attacked/tsdb" --web.listen-address=$address \
    --enable-feature=exemplar-storage 2>"$data/log" &
for ((tried = 0; tried < 60; tried++)); do
    if curl -sSf "http://$address/-/ready" >/dev/null 2>&1; then break; fi
    sleep 0.5
done
node "$render/render.mjs" "http://$address" "$from" "$to" "$repo/docs/pictures"
ls -l "$repo"/docs/pictures/dashboard-*.png
