#!/bin/bash
# gaoler at work on a host in a box, step by step: an attacker guesses passwords, then hammers the web
# server; each is refused, looked at, and let in again. KEEP=1 leaves the box up at the end.
#
#   demo.sh BINARY
set -euo pipefail

binary=$1
name=demo
box=$(cd "$(dirname "$0")/.." && pwd)/tests/host/box.sh
server=192.0.2.16
attacker=192.0.2.213
work=$(mktemp -d)

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' blue=$'\e[34m' plain=$'\e[0m'
else
    bold='' dim='' red='' green='' yellow='' blue='' plain=''
fi

# --- telling -----------------------------------------------------------------------------------

step=0
chapter() {
    step=$((step + 1))
    printf '\n%s%s  %s%s\n' "$bold" "$step" "$1" "$plain"
    if [[ -n ${2:-} ]]; then printf '   %s%s%s\n' "$dim" "$2" "$plain"; fi
    sleep 1
}
say() { printf '   %s\n' "$*"; }
indent() { sed 's/^/     /'; }

# on_host CMD...: the command as an administrator would type it, and what it prints.
on_host() {
    printf '   %sserver #%s %s\n' "$blue" "$plain" "$*"
    "$box" srv $name "$@" | indent
    sleep 0.5
}

# attack WHAT EXPECTED CMD...: one try of the attacker's; shows how it ended and insists on it.
attack() {
    local what=$1 expected=$2 said colour=$yellow
    shift 2
    said=$("$box" cli $name "$@" 2>&1 | tr -d '\r') || true
    case $said in
    *"Connection refused"* | *"Failed to connect"*) said="Connection refused" colour=$red ;;
    *"Permission denied"*) said="Permission denied" ;;
    *) colour=$green ;;
    esac
    printf '   %s%s $%s %-38s %s%s%s\n' "$yellow" "$attacker" "$plain" "$what" "$colour" "$said" "$plain"
    if [[ $said != *"$expected"* ]]; then
        printf '   %sthat should have been: %s%s\n' "$red" "$expected" "$plain" >&2
        exit 1
    fi
    sleep 0.5
}

login() { # PASSWORD EXPECTED
    attack "ssh root@$server  ($1)" "$2" timeout 30 sshpass -p "$1" ssh -n -F none -l root \
        -o BindAddress=$attacker -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o PreferredAuthentications=password -o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1 \
        -o LogLevel=ERROR $server echo "logged in"
}

fetch() { # EXPECTED [curl options]
    local expected=$1
    shift
    attack "curl ${*:+$* }http://$server/" "$expected" curl -sS -m 20 --interface $attacker "$@" \
        -o /dev/null -w '%{http_code} OK\n' "http://$server/"
}

# What gaoler logs, as it logs it.
follow() {
    "$box" srv $name journalctl -q -f --no-tail -o cat _SYSTEMD_UNIT=gaoler.service 2>/dev/null |
        while IFS= read -r line; do
            case $line in
            *"] Ban "* | *"] Restore Ban "*) colour=$red ;;
            *"] Unban "*) colour=$green ;;
            *) colour=$dim ;;
            esac
            printf '     %sgaoler │%s %s%s%s\n' "$dim" "$plain" "$colour" "$line" "$plain"
        done &
    follower=$!
}

metrics() {
    "$box" srv $name curl -sSf http://127.0.0.1:9642/metrics |
        grep -E '^gaoler_(source_records|filter_matches|failures|bans|unbans|ban_enforcement_duration_seconds_count)'
}

# The series that changed since the last `metrics >$work/metrics`, from what to what.
changed() {
    # shellcheck disable=SC2016  # awk's fields, not ours
    metrics | awk -v bold="$bold" -v plain="$plain" '
        { value = $NF; series = $0; sub(/ [^ ]*$/, "", series) }
        NR == FNR { before[series] = value; next }
        before[series] != value { printf "     %3s → %s%-3s%s %s\n", before[series], bold, value, plain, series }' \
        "$work/metrics" -
}

# took JAIL: how long gaoler took, by its own stop-watch, from the deciding line to the rule in force.
took() {
    "$box" srv $name curl -sSf http://127.0.0.1:9642/metrics |
        awk -v jail="jail=\"$1\"" -v bold="$bold" -v plain="$plain" \
            '/^gaoler_ban_enforcement_duration_seconds_sum/ && index($0, jail) {
                printf "   From the line that decided to the rule in the kernel: %s%.1f ms%s.\n", bold, $NF * 1000, plain }'
}

# until_refused PORT: the rule is in the kernel, within 20 s.
until_refused() {
    local tries=0
    until "$box" srv $name nft list ruleset | grep -q "saddr $attacker tcp dport $1 "; do
        tries=$((tries + 1))
        if ((tries > 200)); then
            echo "$attacker was not banned within 20 s" >&2
            "$box" logs $name >&2
            exit 1
        fi
        sleep 0.1
    done
    sleep 0.3 # for the log line to be shown
}

over() {
    local code=$?
    rm -rf "$work"
    if [[ -n ${follower:-} ]]; then kill "$follower" 2>/dev/null || true; fi
    if [[ -n ${KEEP:-} && $code == 0 ]]; then
        look_around
    else
        "$box" down $name
    fi
    exit $code
}

look_around() {
    local short=tests/host/box.sh
    cat <<EOF

${bold}The box is still up.${plain} From the top of this repository, as root:
   $short srv $name bash                                a shell on the host
   $short srv $name gaoler status sshd                  what the jail knows
   $short srv $name journalctl -f -u gaoler             what gaoler says
   $short srv $name curl -s 127.0.0.1:9642/metrics      what Prometheus sees
   $short srv $name gaoler ban sshd 192.0.2.150         ban somebody
   $short cli $name ssh -b 192.0.2.150 alice@$server  be somebody (password: correct-horse)
   $short cli $name curl http://$server/              fetch a page, three times
   $short down $name                                    and remove it all
EOF
}

# --- the play ----------------------------------------------------------------------------------

if [[ -e /run/gaoler-box/$name ]]; then
    echo "a box '$name' is still up from an earlier KEEP=1; ending it"
    "$box" down $name
fi
trap over EXIT
trap 'exit 130' INT TERM
if [[ -z ${KEEP:-} ]]; then export BOX_OWNER=$$; fi

printf '%s· booting a host in a box: systemd, journald, firewalld, sshd, httpd%s\n' "$dim" "$plain"
"$box" up $name "$binary" 2>"$work/up" || {
    cat "$work/up" >&2
    exit 1
}
printf '%s  up: the server is %s, the attacker %s, each in a network of its own%s\n' \
    "$dim" $server $attacker "$plain"

chapter "gaoler starts" "A systemd unit, its own user, no root. It watches sshd's journal and httpd's log."
follow
"$box" srv $name sed -n "/^jails:/,\$p" /etc/gaoler/gaoler.yaml | indent
on_host systemctl start gaoler
on_host gaoler status
metrics >"$work/metrics"

chapter "Somebody guesses passwords" "The jail allows two failures in 30 s."
login wrong "Permission denied"
login secret "Permission denied"
until_refused 22
login correct-horse "Connection refused"
say "${dim}The third try is refused, though the password was right: port 22 is closed to this address.${plain}"

chapter "What gaoler knows, and what the kernel does"
on_host gaoler status sshd
printf '   %sserver #%s nft list ruleset | grep %s\n' "$blue" "$plain" $attacker
"$box" srv $name nft list ruleset | grep $attacker | sed 's/^[[:space:]]*/     /'
took sshd
say "What Prometheus sees change:"
changed

chapter "Why, and how it went" "The failures and their ban share a trace: one name leads from one to all."
on_host gaoler explain $attacker
trace=$("$box" srv $name gaoler banned sshd --format json | sed -n 's/.*"trace_id": *"\([0-9a-f]*\)".*/\1/p')
on_host journalctl -q -o cat "GAOLER_TRACE_ID=$trace"

chapter "The administrator lets him in again"
on_host gaoler unban $attacker
login correct-horse "logged in"
metrics >"$work/metrics"

chapter "Somebody hammers the web server" "The jail allows two requests in 10 s."
fetch "200 OK"
fetch "200 OK"
until_refused 80
fetch "Connection refused"
took http-get-dos
on_host gaoler status http-get-dos
say "What Prometheus sees change:"
changed
on_host gaoler unban $attacker
fetch "200 OK" -I

printf '\n%sThat was gaoler.%s %sBanned in the kernel, counted, and let go again.%s\n' "$bold" "$plain" "$dim" "$plain"
