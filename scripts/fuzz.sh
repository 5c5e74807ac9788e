#!/bin/bash
# Fuzzing: fuzz/fuzz_targets by libFuzzer, from the inputs kept in fuzz/corpus.
#
#   fuzz.sh [SECONDS [TARGET...]]   runs targets, so long in all (60), as many at once as there are cores
#   fuzz.sh keep TARGET...          adds to fuzz/corpus what earlier runs found to reach new code
#   fuzz.sh try TARGET FILE...      runs inputs once, such as a find
#
# It needs nothing but the toolchain and a C++ compiler: the flags of scripts/fuzz-rustc.sh are stable. A
# find ends the run, and is kept in fuzz/artifacts. Mend the code, give the input a unit test and a name in
# fuzz/corpus.
set -euo pipefail
cd "$(dirname "$0")/.."

corpus=target/fuzz/corpus
logs=target/fuzz/logs

build() {
    RUSTC_WRAPPER=$PWD/scripts/fuzz-rustc.sh ${CARGO:-cargo} build --locked --quiet \
        --manifest-path fuzz/Cargo.toml --target-dir target --bins
}

all() {
    for target in fuzz/fuzz_targets/*.rs; do
        basename "$target" .rs
    done
}

# Runs one target for so many seconds, and says in a line what it did.
run() {
    local target=$1 seconds=$2 log=$logs/$1.log stats options=()
    mkdir -p "$corpus/$target" "fuzz/artifacts/$target"
    [[ ! -e fuzz/dict/$target ]] || options+=("-dict=fuzz/dict/$target")
    if ! target/debug/"$target" "$corpus/$target" "fuzz/corpus/$target" "${options[@]}" \
        -artifact_prefix="fuzz/artifacts/$target/" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 </dev/null >"$log" 2>&1; then
        {
            echo "$target: a find; target/fuzz/logs/$target.log has more:"
            grep -E 'panicked|ERROR|Test unit written|^thread' -A 2 "$log" | tail -20
        } >&2
        return 1
    fi
    stats=$(awk '/^stat::number_of_executed_units/ {runs = $2} /^stat::average_exec_per_sec/ {rate = $2}
        / cov: / {for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1)}
        END {printf "%d executions, %d a second, %d edges", runs, rate, edges}' "$log")
    printf '%-8s %s\n' "$target" "$stats"
}

# Runs targets for so many seconds in all.
run_all() {
    local seconds=$1 cores each failed=0
    shift
    cores=$(nproc)
    each=$((seconds * cores / $#))
    ((each > 0)) || each=1
    mkdir -p "$logs"
    export -f run
    export corpus logs
    printf '%s\n' "$@" | xargs -P "$cores" -I{} bash -c "run {} $each" || failed=1
    return "$failed"
}

# Puts into the kept corpus the fewest of the found inputs that reach all that they reach.
keep() {
    local target=$1
    target/debug/"$target" -set_cover_merge=1 -max_len=512 "fuzz/corpus/$target" \
        "$corpus/$target" </dev/null 2>&1 | tail -1
}

# Configurations are written to be read: into memory.
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm

case ${1:-60} in
-h | --help)
    sed -n '2,/^set /s/^# \?//p' "$0"
    ;;
keep)
    build
    for target in "${@:2}"; do
        keep "$target"
    done
    ;;
try)
    build
    exec target/debug/"$2" "${@:3}"
    ;;
*)
    seconds=${1:-60}
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "fuzz.sh: \`$seconds\` is no number of seconds; see --help" >&2; exit 2; }
    build
    (($# <= 1)) || targets=("${@:2}")
    [[ -n ${targets[*]-} ]] || mapfile -t targets < <(all)
    run_all "$seconds" "${targets[@]}"
    ;;
esac
