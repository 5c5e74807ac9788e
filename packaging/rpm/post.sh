# After an installation or an upgrade, by /bin/sh. Nothing here may fail the transaction.
if [ -x /usr/bin/systemd-sysusers ]; then
    systemd-sysusers gaoler.conf || :
fi
if [ -x /usr/bin/systemd-tmpfiles ]; then
    systemd-tmpfiles --create gaoler.conf || :
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
fi
if [ "$1" -eq 1 ] && [ -x /usr/bin/systemctl ]; then
    # The host's policy decides whether it is enabled; it starts when somebody says so.
    systemctl --no-reload preset gaoler.service || :
fi
