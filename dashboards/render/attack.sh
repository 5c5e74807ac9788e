#!/bin/bash
# A host in a box that is really attacked, and a real Prometheus that scrapes it: what the pictures of
# the dashboards show. The data stay in DATA. Needs root and what `make deps` installs.
#
#   attack.sh DATA MINUTES BINARY
set -euo pipefail

data=$1 minutes=$2 binary=$3
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
box=$repo/tests/host/box.sh
name=pic
server=192.0.2.16

srv() { "$box" srv $name "$@"; }
cli() { "$box" cli $name "$@"; }

end() {
    # shellcheck disable=SC2046 # several processes
    kill $(jobs -p) 2>/dev/null || true
    wait
    "$box" down $name
}

configure() {
    srv sh -c 'cat >/etc/gaoler/gaoler.yaml' <"$here/attacked.yaml"
    srv systemctl start gaoler
}

watch() {
    rm -rf "$data"
    mkdir -p "$data"
    cp "$here/prometheus.yaml" "$data/"
    cp "$repo/alerts/gaoler.rules.yaml" "$data/rules.yaml"
    ip netns exec $name-srv prometheus --config.file="$data/prometheus.yaml" --storage.tsdb.path="$data/tsdb" \
        --web.listen-address=127.0.0.1:9090 --enable-feature=exemplar-storage >"$data/log" 2>&1 &
}

# guess ADDRESS: a wrong password, from there.
guess() {
    cli timeout 20 sshpass -p wrong ssh -n -F none -l "$2" -o BindAddress="$1" -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o PreferredAuthentications=password -o PubkeyAuthentication=no \
        -o NumberOfPasswordPrompts=1 -o LogLevel=ERROR -o ConnectTimeout=2 $server true >/dev/null 2>&1 || true
}

# flood ADDRESS COUNT: as many requests, until it is refused.
flood() {
    local wanted=() request
    for ((request = 0; request < $2; request++)); do wanted+=("http://$server/"); done
    cli curl -sS -o /dev/null --interface "$1" --connect-timeout 1 -m 4 "${wanted[@]}" >/dev/null 2>&1 || true
}

# One of the client's addresses; not the one that is never banned.
address() { echo "192.0.2.$((100 + RANDOM % 99))"; }

guesses() {
    local user users=(root admin oracle alice)
    while sleep $((1 + RANDOM % 4)); do
        from=$(address) user=${users[RANDOM % 4]}
        for _ in 1 2 3; do guess "$from" "$user"; done
    done
}

floods() {
    while sleep $((2 + RANDOM % 6)); do flood "$(address)" $((3 + RANDOM % 6)); done
}

# Who may do anything does, too.
friends() {
    while sleep 20; do flood 192.0.2.199 6; done
}

# What an administrator does on such a day.
administer() {
    local event=0
    while sleep 40; do
        event=$((event + 1))
        case $((event % 6)) in
        1) srv gaoler unban --all ;;
        2) srv gaoler ban sshd 198.51.100.7 198.51.100.8 ;;
        3) srv firewall-cmd --reload ;;
        4) srv systemctl reload gaoler ;;
        5) srv systemctl restart firewalld ;;
        0) srv sh -c 'conntrack -F; firewall-cmd --ipset=gaoler4-01 --get-entries' ;;
        esac >/dev/null 2>&1 || true
    done
}

trap end EXIT
"$box" up $name "$binary"
configure
watch
sleep 20
guesses &
guesses &
floods &
friends &
administer &
sleep "${minutes}m"
