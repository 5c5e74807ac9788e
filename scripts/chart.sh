#!/bin/bash
# Tests the Helm chart: chart.sh [unittest's arguments]. Needs no cluster and no helm: helm-python-sdk
# is Helm's own library, from PyPI. UPDATE=1 makes anew what is generated, and takes the renders.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
tests=$repo/tests/chart
venv=$("$repo/scripts/venv.sh" chart "$tests/requirements.txt")
gaoler=${GAOLER:-$repo/target/debug/gaoler}
[[ -x $gaoler ]] || { echo "$gaoler is not there: cargo build" >&2; exit 1; }
export GAOLER=$gaoler PYTHONDONTWRITEBYTECODE=1

cd "$tests"
if [[ ${UPDATE:-} ]]; then
    "$venv/bin/python" generate.py
fi
"$venv/bin/yamllint" --strict -c yamllint.yaml "$repo/helm/gaoler"
shellcheck --shell=sh "$repo/helm/gaoler/files/test.sh"
unittest=("$venv/bin/python" -m unittest --verbose)
if (($#)); then
    exec "${unittest[@]}" "$@"
fi
# Pods wait most of the time; the rest goes on beside them.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${unittest[@]}" test_pods >"$log" 2>&1 &
pods=$!
done=0
"${unittest[@]}" test_contents test_manifests test_values || done=1
wait "$pods" || done=1
cat "$log" >&2
exit "$done"
