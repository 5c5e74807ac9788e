# shellcheck shell=sh
# What removal does while gaoler is still there, RPM and deb alike: whoever is banned is let go, by
# whichever backend, and so is what `gaoler provision` made. Nothing here may fail the removal.
shipped=/usr/share/gaoler/gaoler.yaml
if [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now gaoler.service gaoler-httpd-acl.path >/dev/null 2>&1 || :
else
    systemctl disable gaoler.service gaoler-httpd-acl.path >/dev/null 2>&1 || :
fi
if [ -d /run/systemd/system ]; then
    # A configuration that is wrong by now must not keep bans in the firewall.
    gaoler flush || {
        table=$(mktemp -d) && echo 'enforcement: {backend: nftables}' >"$table/gaoler.yaml" &&
            gaoler flush --config "$table/gaoler.yaml"
        rm -rf "$table"
    } || :
    gaoler flush --config "$shipped" || :
    gaoler provision --remove --apply --config "$shipped" || :
fi
# Where firewalld does not run, and what it keeps of files that are gone: it would start without the
# sets that these policies name, and fail.
rm -f /etc/firewalld/policies/gaoler-in.xml /etc/firewalld/policies/gaoler-in.xml.old \
    /etc/firewalld/policies/gaoler-fwd.xml /etc/firewalld/policies/gaoler-fwd.xml.old \
    /etc/firewalld/ipsets/gaoler[46]-*.xml /etc/firewalld/ipsets/gaoler[46]-*.xml.old
