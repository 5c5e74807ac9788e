#!/bin/bash
# Lines a second of `gaoler test` over a million lines of sshd's and two million of httpd's: made once,
# the same every time, one in ten a failure.
#
#   bench-parse.sh BINARY
set -euo pipefail

binary=$1
logs=$(cd "$(dirname "$0")/.." && pwd)/target/bench
mkdir -p "$logs"

auth() {
    awk 'BEGIN {
        for (n = 0; n < 1000000; n++) {
            address = sprintf("%d.%d.%d.%d", 1 + n % 223, n * 7 % 256, n * 13 % 256, 1 + n * 31 % 254)
            time = sprintf("Nov 22 %02d:%02d:%02d host sshd[%d]:", n / 41667, n / 695 % 60, n / 12 % 60, 1000 + n % 30000)
            if (n % 10 == 0) print time, "Failed password for root from", address, "port", 1024 + n % 60000, "ssh2"
            else if (n % 3 == 0) print time, "Connection closed by", address, "port", 1024 + n % 60000
            else if (n % 3 == 1) print time, "Accepted publickey for deploy from", address, "port", 1024 + n % 60000, "ssh2: ED25519 SHA256:x"
            else print time, "pam_unix(sshd:session): session opened for user deploy(uid=1000) by (uid=0)"
        }
    }'
}

access() {
    awk 'BEGIN {
        for (n = 0; n < 2000000; n++) {
            address = sprintf("%d.%d.%d.%d", 1 + n % 223, n * 7 % 256, n * 13 % 256, 1 + n * 31 % 254)
            time = sprintf("[22/Nov/2026:%02d:%02d:%02d +0000]", n / 83334, n / 1389 % 60, n / 24 % 60)
            request = n % 10 == 0 ? "\"GET / HTTP/1.1\" 200 6" : "\"POST /api/v1/items/" n " HTTP/1.1\" 201 512"
            print address, "- -", time, request, "\"-\" \"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\""
        }
    }'
}

measure() { # FILTER FILE LINES
    local begun ended
    cat "$2" >/dev/null # in memory, so that no disk is measured
    begun=$(date +%s%N)
    "$binary" test --filter "$1" "$2" >"$logs/$1.out"
    ended=$(date +%s%N)
    awk -v what="$1" -v lines="$3" -v took=$((ended - begun)) -v bytes="$(stat -c %s "$2")" 'BEGIN {
        seconds = took / 1e9
        printf "%-13s %8d lines %7.2f s %12.0f lines/s %8.0f MiB/s\n",
            what, lines, seconds, lines / seconds, bytes / seconds / 1048576 }'
}

[[ -s $logs/auth.log ]] || auth >"$logs/auth.log"
[[ -s $logs/access_log ]] || access >"$logs/access_log"
measure sshd "$logs/auth.log" 1000000
measure http-get-dos "$logs/access_log" 2000000
