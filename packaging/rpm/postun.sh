# After an upgrade took the old version away, or the last one went, by /bin/sh.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ "$1" -ge 1 ]; then
        # Bans stay in the firewall meanwhile, and the new version takes them up.
        systemctl try-restart gaoler.service || :
    fi
fi
