//! gaoler-fail2ban: fail2ban's names for gaoler, and never beside fail2ban.

use anyhow::Result;

use crate::format::Format;
use crate::host::Host;
use crate::journey::{end, nothing_is_left};

/// The names lead to gaoler, have their pages, and keep fail2ban out.
pub(crate) fn are_links(host: &Host, format: Format) -> Result<()> {
    format.install(host, "gaoler", 1)?;
    format.install(host, "gaoler-fail2ban", 1)?;
    for name in ["fail2ban-client", "fail2ban-regex"] {
        assert_eq!(host.sh(&format!("readlink -f /usr/bin/{name}"))?, "/usr/bin/gaoler\n");
        let page = host.sh(&format!("zcat /usr/share/man/man1/{name}.1.gz"))?;
        assert!(page.contains(".TH GAOLER 8"), "{page}");
    }
    host.sh("systemctl start gaoler")?;
    assert_eq!(host.sh("fail2ban-client ping")?, "Server replied: pong\n");
    let refused = format.install_other(host, "fail2ban", "/var/lib/fail2ban-other")?;
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.stderr.contains("conflicts with"), "{}", refused.stderr);
    format.remove(host, "gaoler-fail2ban")?;
    host.sh("test ! -e /usr/bin/fail2ban-client; test ! -e /usr/bin/fail2ban-regex")?;
    format.remove(host, "gaoler")?;
    nothing_is_left(host)?;
    end(host, format)
}
