# Before the last version goes, by /bin/sh: whoever is banned is let go, and so are the sets.
if [ "$1" -eq 0 ]; then
    if [ -d /run/systemd/system ]; then
        systemctl --no-reload disable --now gaoler.service || :
        /usr/bin/gaoler flush || :
        /usr/bin/gaoler provision --remove --apply || :
    fi
fi
