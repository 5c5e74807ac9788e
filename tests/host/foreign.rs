//! What is in the firewall and not gaoler's: rules and sets of the administrator, in firewalld and
//! beside it. gaoler must never touch it.

use anyhow::Result;

use crate::host::Host;

/// Somebody else's table.
const TABLE: &str = "nft -f - <<'END'
table inet foreign {
    set known {
        type ipv4_addr
        flags interval
        elements = { 198.51.100.0/24, 203.0.113.77 }
    }
    chain gate {
        type filter hook input priority -5; policy accept;
        ip saddr @known tcp dport 7 drop
    }
}
END";

/// All of it, as it was when it was placed.
pub(crate) struct Foreign(String);

impl Foreign {
    /// What is there, placed if it was not.
    pub(crate) fn placed(host: &Host) -> Result<Self> {
        host.sh(&format!(
            "nft list table inet foreign >/dev/null 2>&1 || {TABLE}
            if [ ! -e /etc/firewalld/ipsets/foreign.xml ]; then
                firewall-cmd -q --permanent --new-ipset=foreign --type=hash:net
                firewall-cmd -q --permanent --ipset=foreign --add-entry=198.51.100.9
                firewall-cmd -q --permanent --zone=public --add-rich-rule='{RULE}'
                firewall-cmd -q --reload
            fi"
        ))?;
        Self::seen(host).map(Self)
    }

    /// The script that makes the table that is not firewalld's.
    pub(crate) fn table() -> &'static str {
        TABLE
    }

    /// Fails if any of it has changed.
    pub(crate) fn assert_unchanged(&self, host: &Host) -> Result<()> {
        assert_eq!(Self::seen(host)?, self.0, "of what is not gaoler's");
        Ok(())
    }

    fn seen(host: &Host) -> Result<String> {
        host.sh(r#"nft list table inet foreign
            firewall-cmd --list-all-zones | grep -v 'priority="-31007"' | sed 's/ (active)//' | grep -v interfaces: | sort
            firewall-cmd --ipset=foreign --get-entries
            nft list set inet firewalld foreign
            cd /etc/firewalld && find zones policies ipsets -name '*.xml' | sort | xargs sha256sum"#)
    }
}

const RULE: &str = r#"rule family="ipv4" source ipset="foreign" service name="ssh" drop"#;
