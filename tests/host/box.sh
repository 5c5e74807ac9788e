#!/bin/bash
# A host in a box: systemd, journald, D-Bus, polkit, firewalld, sshd and httpd with their RHEL names,
# booted by systemd-nspawn on a throw-away overlay of this machine's root, in a network namespace of
# its own, with a client in another. Nothing outside is changed or reachable. Needs root and Debian 12.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
boxes=/run/gaoler-box

usage() {
    cat <<EOF
usage: box.sh install          the packages that a box needs, if any are missing
       box.sh up NAME [BINARY]  boot a box; with BINARY, gaoler is installed in it, not yet started
       box.sh srv NAME CMD...   run CMD as root in the box (192.0.2.16, 2001:db8::16)
       box.sh cli NAME CMD...   run CMD at the client (192.0.2.213 and .100-.199, 2001:db8::213 ...)
       box.sh far NAME CMD...   run CMD at the host behind the box (203.0.113.9, 2001:db8:5::9)
       box.sh logs NAME         what went wrong: the journals of gaoler, firewalld and polkit
       box.sh down NAME         end the box and remove every trace of it
BOX_OWNER=PID at 'up' ends the box when that process ends, however it ends.
BOX_ROUTER=yes at 'up' has the box forward to a host behind it: eth1, zone internal, policy to-far;
there is a zone lab too, as open as public.
EOF
}

fail() {
    echo "box.sh: $*" >&2
    exit 1
}

# What 'up' remembers of box $1.
box() {
    name=$1 dir=$boxes/$1 root=$boxes/$1/root
    [[ $name =~ ^[a-z][a-z0-9]{0,8}$ ]] || fail "'$name' is no name for a box: 1 to 9 of a-z and 0-9"
}

leader() { cat "$dir/leader" 2>/dev/null || fail "there is no box '$name': box.sh up $name"; }

# --- the network -------------------------------------------------------------------------------

wire() {
    ip netns add "$name-srv"
    ip netns add "$name-cli"
    ip link add eth0 netns "$name-srv" type veth peer name eth0 netns "$name-cli"
    {
        echo "addr add 192.0.2.16/24 dev eth0"
        echo "addr add 2001:db8::16/64 dev eth0 nodad"
        echo "link set lo up"
        echo "link set eth0 up"
    } | ip -n "$name-srv" -batch -
    {
        for host in 213 {100..199}; do
            echo "addr add 192.0.2.$host/24 dev eth0"
            echo "addr add 2001:db8::$host/64 dev eth0 nodad"
        done
        echo "link set lo up"
        echo "link set eth0 up"
    } | ip -n "$name-cli" -batch -
}

# A third host, that the client reaches through the box alone.
wire_far() {
    ip netns add "$name-far"
    ip link add eth1 netns "$name-srv" type veth peer name eth0 netns "$name-far"
    {
        echo "addr add 203.0.113.1/24 dev eth1"
        echo "addr add 2001:db8:5::1/64 dev eth1 nodad"
        echo "link set eth1 up"
    } | ip -n "$name-srv" -batch -
    {
        echo "addr add 203.0.113.9/24 dev eth0"
        echo "addr add 2001:db8:5::9/64 dev eth0 nodad"
        echo "link set lo up"
        echo "link set eth0 up"
        echo "route add default via 203.0.113.1"
        echo "route add default via 2001:db8:5::1"
    } | ip -n "$name-far" -batch -
    {
        echo "route add 203.0.113.0/24 via 192.0.2.16"
        echo "route add 2001:db8:5::/64 via 2001:db8::16"
    } | ip -n "$name-cli" -batch -
    ip netns exec "$name-srv" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# --- the root file system ----------------------------------------------------------------------

overlay() {
    mount -t tmpfs -o size=4g "box-$name" "$dir"
    mkdir "$dir"/{upper,work,root}
    mount -t overlay "box-$name" -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$root"
}

# Nothing that this machine happens to run runs in the box: only what a RHEL server would.
furnish() {
    rm -rf "$root"/etc/systemd/{system,network} "$root"/etc/{machine-id,resolv.conf,gaoler} \
        "$root"/usr/sbin/policy-rc.d "$root"/var/log/{journal,httpd} "$root"/var/lib/gaoler
    mkdir -p "$root"/etc/systemd/system/multi-user.target.wants "$root"/etc/systemd/network \
        "$root"/etc/httpd "$root"/var/www/html "$root"/var/log/journal
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
    echo "$name" >"$root/etc/hostname"
    : >"$root/etc/resolv.conf"
    echo Hello >"$root/var/www/html/index.html"
    install -d -m 0700 "$root/var/log/httpd" # as RHEL has it

    cp "$here"/box/{sshd,httpd}.service "$root/etc/systemd/system/"
    cp "$here/box/httpd.conf" "$root/etc/httpd/"
    rm -rf "$root"/etc/firewalld/{zones,policies,ipsets,services,direct.xml}
    install -D -m 0644 -t "$root/etc/firewalld/zones" "$here/box/public.xml"
    if [[ -n ${BOX_ROUTER:-} ]]; then
        install -D -m 0644 -t "$root/etc/firewalld/zones" "$here"/box/{internal,lab}.xml
        install -D -m 0644 -t "$root/etc/firewalld/policies" "$here/box/to-far.xml"
    fi

    local units=$root/etc/systemd/system unit
    ln -s /lib/systemd/system/multi-user.target "$units/default.target"
    ln -s /lib/systemd/system/firewalld.service "$units/dbus-org.fedoraproject.FirewallD1.service"
    ln -s /lib/systemd/system/firewalld.service "$units/multi-user.target.wants/"
    ln -s ../sshd.service ../httpd.service "$units/multi-user.target.wants/"
    # What Debian starts without being asked to, or what would touch the machine or the network.
    for unit in getty.target console-getty.service systemd-{networkd,resolved,timesyncd,logind,modules-load}.service \
        {apache2,ssh,apache-htcacheclean,docker,rsyslog,cron,networking,nftables,unattended-upgrades}.service \
        {ssh,docker}.socket apt-daily{,-upgrade}.timer e2scrub_all.timer fstrim.timer man-db.timer \
        dpkg-db-backup.timer; do
        ln -s /dev/null "$units/$unit"
    done
}

# alice logs in, mallory is an unprivileged user of the host, watcher may look, warden may ban.
people() {
    local user
    for user in alice mallory watcher warden; do
        chroot "$root" useradd -m "$user" 2>/dev/null || true
    done
    printf '%s:correct-horse\n' alice root | chroot "$root" chpasswd
    if chroot "$root" getent group gaoler-admin >/dev/null; then
        chroot "$root" usermod -aG gaoler watcher
        chroot "$root" usermod -aG gaoler,gaoler-admin warden
    fi
}

install_gaoler() {
    make --no-print-directory -s -C "$repo" install DESTDIR="$root" PREFIX=/usr BIN="$(realpath "$1")"
    systemd-sysusers --root="$root" gaoler.conf
    cp "$here/seed.yaml" "$root/etc/gaoler/gaoler.yaml"
}

# --- the machine -------------------------------------------------------------------------------

# A control group for each box: without, two boxes would share one, and their systemds fight.
own_cgroup() {
    local tree
    for tree in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [[ -e $tree/cgroup.procs ]] || continue
        mkdir -p "$tree/gaoler-box-$name"
        echo "$1" >"$tree/gaoler-box-$name/cgroup.procs"
    done
}

start() {
    (
        own_cgroup "$BASHPID"
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        exec setsid systemd-nspawn -q -D "$root" -b -M "$name" --console=pipe --register=no \
            --keep-unit --link-journal=no --capability=all \
            --network-namespace-path="/run/netns/$name-srv"
    ) >"$dir/console.log" 2>&1 </dev/null &
    echo $! >"$dir/nspawn"
}

# Ready when systemd, firewalld (on D-Bus, not just started), sshd and httpd are.
ready() {
    local pid unit
    pid=$(pgrep -P "$(cat "$dir/nspawn")" -x systemd) || return 1
    echo "$pid" >"$dir/leader"
    for unit in dbus firewalld sshd httpd; do # one by one: is-active with several means any
        inside "$pid" systemctl is-active -q "$unit" 2>/dev/null || return 1
    done
    inside "$pid" firewall-cmd -q --state 2>/dev/null
}

inside() {
    local pid=$1
    shift
    # Its root too: where this machine is itself a chroot, the namespace alone has another.
    nsenter -t "$pid" -a -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
        LANG=C.UTF-8 "$@"
}

watch_owner() {
    # In a session of its own, so that a Ctrl-C at the owner does not reach it.
    setsid "$here/box.sh" outlive "$BOX_OWNER" "$name" >/dev/null 2>&1 </dev/null &
    echo $! >"$dir/watcher"
}

# --- the commands ------------------------------------------------------------------------------

cmd_install() {
    local need=() package
    for package in systemd-container firewalld openssh-server openssh-client sshpass apache2 iproute2 \
        curl jq dbus polkitd nftables procps bsdutils libfaketime; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            need+=("$package")
    done
    if ((${#need[@]})); then
        "$repo/scripts/apt-install.sh" "${need[@]}"
    fi
}

give_up() {
    trap - EXIT
    if (($1 != 0)); then
        cat "$dir/console.log" >&2 || true
        cmd_down "$name"
    fi
    exit "$1"
}

cmd_up() {
    box "$1"
    [[ $EUID == 0 ]] || fail "needs root: it makes network namespaces and boots a container"
    mkdir -p "$boxes"
    mkdir "$dir" 2>/dev/null || fail "there is a box '$name' already: box.sh down $name"
    trap 'give_up $?' EXIT
    overlay
    if [[ -n ${BOX_OWNER:-} ]]; then watch_owner; fi
    wire
    if [[ -n ${BOX_ROUTER:-} ]]; then wire_far; fi
    furnish
    if [[ -n ${2:-} ]]; then install_gaoler "$2"; fi
    people
    start
    local deadline=$((SECONDS + 60))
    until ready; do
        ((SECONDS < deadline)) || fail "box '$name' did not boot within 60 s"
        sleep 0.1
    done
}

cmd_srv() {
    box "$1"
    shift
    inside "$(leader)" "$@"
}

cmd_cli() {
    box "$1"
    shift
    exec ip netns exec "$name-cli" "$@"
}

cmd_far() {
    box "$1"
    shift
    exec ip netns exec "$name-far" "$@"
}

cmd_logs() {
    box "$1"
    local unit
    for unit in gaoler firewalld polkit; do
        echo "--- journal of $unit"
        inside "$(leader)" journalctl -u "$unit" -o short-precise --no-pager -n 200
    done
}

cmd_down() {
    box "$1"
    [[ -d $dir ]] || return 0
    local pid tree
    # Its pid 1: the kernel ends the others.
    for pid in leader nspawn; do
        if [[ -s $dir/$pid ]]; then kill -KILL "$(cat "$dir/$pid")" 2>/dev/null || true; fi
    done
    if [[ -s $dir/nspawn ]]; then tail -s 0.1 --pid="$(cat "$dir/nspawn")" -f /dev/null; fi
    # Not when it is the watcher that tears down.
    pid=$(cat "$dir/watcher" 2>/dev/null || echo $$)
    [[ $pid == "$$" ]] || kill -- "-$pid" 2>/dev/null || true
    umount -l "$root" 2>/dev/null || true
    umount -l "$dir" 2>/dev/null || true
    rmdir "$dir"
    local end
    for end in srv cli far; do
        ip netns del "$name-$end" 2>/dev/null || true
    done
    for tree in /sys/fs/cgroup{,/unified,/systemd}; do
        [[ -d $tree/gaoler-box-$name ]] || continue
        find "$tree/gaoler-box-$name" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
}

command=${1:-}
shift || true
case $command in
install) cmd_install ;;
outlive) # $1: a process; $2: the box that ends with it
    tail -s 0.1 --pid="$1" -f /dev/null
    cmd_down "$2"
    ;;
up | srv | cli | far | logs | down)
    [[ -n ${1:-} ]] || {
        usage >&2
        exit 2
    }
    "cmd_$command" "$@"
    ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
