//! The backends under test: how each is set up, and whom the firewall refuses because of it, as the
//! kernel or firewalld tells, not gaoler.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use ipnet::IpNet;
use serde_json::Value;

use crate::host::{EVENTUALLY, Host};
use crate::observe::await_metric;

/// How bans are enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// firewalld, one rule each.
    RichRule,
    /// firewalld, entries of provisioned sets.
    Ipset,
    /// A table of gaoler's own.
    Nftables,
}

/// What lets gaoler change the kernel's tables itself.
const NFTABLES_DROP_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/10-nftables.conf");

/// Addresses and networks.
pub(crate) type Addresses = BTreeSet<IpNet>;

impl Backend {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::RichRule, Self::Ipset, Self::Nftables];

    /// The box's `gaoler.yaml`.
    pub(crate) fn config(self) -> String {
        include_str!("firewalls.yaml").replace("ENFORCEMENT", self.enforcement())
    }

    /// Its `enforcement`, in a `gaoler.yaml`.
    pub(crate) fn enforcement(self) -> &'static str {
        match self {
            Self::RichRule => "{backend: firewalld, firewalld: {mode: rich-rule}}",
            Self::Ipset => "{backend: firewalld, firewalld: {mode: ipset}}",
            Self::Nftables => "{backend: nftables}",
        }
    }

    /// What an administrator does before gaoler starts.
    pub(crate) fn prepare(self, host: &Host) -> Result<()> {
        host.sh("touch /var/log/load.log")?;
        match self {
            Self::RichRule => {}
            Self::Ipset => {
                host.gaoler_ok(&["provision", "--apply"])?;
                host.sh("firewall-cmd -q --reload")?;
            }
            Self::Nftables => {
                let drop_in = std::fs::read(NFTABLES_DROP_IN)?;
                host.feed(
                    "cat >/usr/lib/systemd/system/gaoler.service.d/10-nftables.conf
                     systemctl daemon-reload",
                    &drop_in,
                )?;
            }
        }
        Ok(())
    }

    /// Whether firewalld holds the bans, and loses them with its other runtime state.
    pub(crate) fn needs_firewalld(self) -> bool {
        self != Self::Nftables
    }

    /// How fast bans may come that are to be in force soon: a rich rule takes firewalld tens of
    /// milliseconds in each zone.
    pub(crate) fn pace(self) -> Duration {
        Duration::from_millis(if self == Self::RichRule { 300 } else { 60 })
    }

    /// Ends every ban, and waits until nobody is refused any more.
    pub(crate) fn release_all(self, host: &Host, zone: &str) -> Result<()> {
        host.gaoler(&["unban", "--all"])?; // It may have to wait longer than it likes.
        await_metric(host, "gaoler_enforcement_pending", &[], |pending| pending < 0.5)?;
        // Many are released one by one, after the command has given up waiting.
        host.until("nobody is refused any more", EVENTUALLY, || {
            Ok(self.holds_nobody(host, zone)?.then_some(()))
        })?;
        self.assert_exact(host, zone, &Addresses::new())
    }

    /// Whether nobody is refused, by what [`Self::assert_exact`] looks at.
    fn holds_nobody(self, host: &Host, zone: &str) -> Result<bool> {
        Ok(match self {
            Self::RichRule => zones(host)?.values().all(|zone| zone.banned.is_empty()),
            Self::Ipset | Self::Nftables => self.in_kernel(host, zone)?.is_empty(),
        })
    }

    /// Whether packets that the host forwards are refused too.
    pub(crate) fn stops_forwarded(self) -> bool {
        self != Self::RichRule
    }

    /// Whether packets to published ports (DNAT) are refused too.
    pub(crate) fn stops_published(self) -> bool {
        self == Self::Nftables
    }

    /// Whom the kernel refuses, of those who come through `zone`.
    pub(crate) fn in_kernel(self, host: &Host, zone: &str) -> Result<Addresses> {
        match self {
            Self::RichRule => {
                // -31007 is before all that administrators commonly write.
                let chain = format!("filter_IN_{zone}_pre");
                let script = format!("nft -nn list chain inet firewalld {chain} 2>&1 || true");
                Ok(host.sh(&script)?.lines().filter_map(refused).collect())
            }
            Self::Ipset => elements(host, "firewalld"),
            Self::Nftables => elements(host, "gaoler"),
        }
    }

    /// Asserts that exactly `desired` are refused, in every zone where they should be, and that
    /// firewalld thinks the same.
    pub(crate) fn assert_exact(self, host: &Host, zone: &str, desired: &Addresses) -> Result<()> {
        let kernel = self.in_kernel(host, zone)?;
        assert!(kernel.is_superset(desired), "not refused: {:?}", lacks(&kernel, desired));
        if self == Self::RichRule {
            // firewalld 1.3.3 leaves in the kernel what one that was killed had put there, until
            // its next reload; so what it holds itself is what must be exact.
            let default = host.sh("firewall-cmd --get-default-zone")?;
            for (zone, is) in zones(host)? {
                let none = Addresses::new();
                let wanted = if is.active || zone == default.trim() { desired } else { &none };
                assert_eq!(&is.banned, wanted, "zone {zone}");
            }
        } else {
            assert_eq!(&kernel, desired);
        }
        Ok(())
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RichRule => "rich-rule",
            Self::Ipset => "ipset",
            Self::Nftables => "nftables",
        })
    }
}

/// Whom gaoler says it bans.
pub(crate) fn desired(host: &Host) -> Result<Addresses> {
    let banned: Value = serde_json::from_str(&host.gaoler_ok(&["banned", "--format", "json"])?)?;
    let bans = banned["bans"].as_array().context("bans")?.iter();
    bans.map(|ban| network(ban["address"].as_str().context("an address")?)).collect()
}

/// `192.0.2.7`, `2001:db8::/64`.
pub(crate) fn network(text: &str) -> Result<IpNet> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).with_context(|| format!("an address: {text}"))
}

/// What of `desired` is not among `are`.
pub(crate) fn lacks<'a>(are: &'a Addresses, desired: &'a Addresses) -> Vec<&'a IpNet> {
    desired.difference(are).collect()
}

/// What firewalld says of a zone.
struct Zone {
    active: bool,
    banned: Addresses,
}

fn zones(host: &Host) -> Result<BTreeMap<String, Zone>> {
    let text = host.sh("firewall-cmd --list-all-zones")?;
    let mut zones = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if line.starts_with(|first: char| first.is_alphanumeric()) {
            let (name, active) =
                line.split_once(" (").map_or((line, false), |(name, _)| (name, true));
            zones.insert(name.to_owned(), Zone { active, banned: Addresses::new() });
            current = Some(name.to_owned());
        } else if line.contains(r#"rule priority="-31007""#) {
            let zone = current.as_ref().and_then(|name| zones.get_mut(name)).context("a zone")?;
            let address = line.split(r#"source address=""#).nth(1).context("a source")?;
            zone.banned.insert(network(address.split('"').next().context("an address")?)?);
        }
    }
    Ok(zones)
}

/// `ip saddr 192.0.2.7 tcp dport 22 reject with icmp 3`.
fn refused(rule: &str) -> Option<IpNet> {
    let verdict = rule.contains(" reject") || rule.contains(" drop");
    let source = rule.split("saddr ").nth(1)?.split(' ').next()?;
    network(source).ok().filter(|_| verdict)
}

/// The elements of all sets that are gaoler's, in a table of family inet.
fn elements(host: &Host, table: &str) -> Result<Addresses> {
    let listed: Value = serde_json::from_str(&host.sh("nft -j list sets inet")?)?;
    let sets = listed["nftables"].as_array().context("a ruleset")?.iter().map(|one| &one["set"]);
    let mut all = Addresses::new();
    for set in sets.filter(|set| set["table"] == table) {
        let name = set["name"].as_str().context("a name")?;
        if table == "firewalld" && !name.starts_with("gaoler") {
            continue;
        }
        for one in set["elem"].as_array().into_iter().flatten() {
            let net = element(one)?;
            // A hash set of IPv6 has the masked addresses of networks of the default length.
            let masked = table == "gaoler" && name.ends_with("-6");
            all.insert(if masked { IpNet::new(net.addr(), 64)? } else { net });
        }
    }
    Ok(all)
}

/// `"192.0.2.7"`, `{"elem": {"val": …, "timeout": …}}`, `{"prefix": {"addr": …, "len": …}}`.
fn element(element: &Value) -> Result<IpNet> {
    let value = element.get("elem").map_or(element, |element| &element["val"]);
    match &value["prefix"] {
        Value::Null => network(value.as_str().with_context(|| format!("an element: {element}"))?),
        prefix => {
            let address = prefix["addr"].as_str().context("addr")?;
            network(&format!("{address}/{}", prefix["len"]))
        }
    }
}
