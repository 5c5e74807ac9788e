# shellcheck shell=sh
# What removal does once gaoler's files are gone: the sets and policies that the package brought stay
# loaded until firewalld reads its configuration anew, which is done only where there are any.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if command -v firewall-cmd >/dev/null && firewall-cmd -q --state >/dev/null 2>&1; then
        case " $(firewall-cmd --get-ipsets 2>/dev/null) $(firewall-cmd --get-policies 2>/dev/null) " in
        *" gaoler"*) firewall-cmd -q --reload || : ;;
        esac
    fi
fi
