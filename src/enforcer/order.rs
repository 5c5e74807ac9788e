//! What the daemon asks of the firewall, and what it hears back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ipnet::IpNet;
use jiff::SignedDuration;

use crate::jail::ban::{BanKey, JailName};
use crate::jail::scope::Scope;
use crate::moment::{Boot, Moment};

/// What must be refused for one ban.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    /// Whose packets; host bits zero.
    pub address: IpNet,
    /// To which ports.
    pub scope: Scope,
}

/// One ban, as the firewall must hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Which ban.
    pub key: BanKey,
    /// What is refused.
    pub block: Block,
    /// When the ban ends; never when `None`. The daemon releases it then. It is said here for
    /// backends that can let a ban end although nobody is there to release it.
    pub until: Option<Boot>,
}

/// What an earlier run has left to do.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    /// Its bans that should still be in force, oldest first.
    pub bans: Vec<Demand>,
    /// Whether there may have been others, which nobody can tell of: then what the firewall holds of
    /// ours is spared and [told of](Report::Found), until an [`Order::Clear`].
    pub spare: bool,
}

/// What the daemon asks.
#[derive(Clone, Debug)]
pub enum Order {
    /// This ban must be in force. Asking twice is asking once; a later end counts.
    Enforce(Demand),
    /// This ban must not be in force. Other bans may still need its rule.
    Release(BanKey),
    /// These are the jails, and what a ban of each refuses: for what is said of the backend.
    Jails(BTreeMap<JailName, Scope>),
    /// Remove what is found of ours and nobody wants: all that will be wanted has been said. Only
    /// an enforcer that was started to spare it waits for this.
    Clear,
    /// Look now whether all is as it should be.
    Look,
    /// Do what was asked so far, then end; bans stay.
    Stop,
}

/// What the enforcer says.
#[derive(Clone, Debug)]
pub enum Report {
    /// The ban is in force: the firewall confirmed it, or was seen to have it.
    Enforced {
        /// Which.
        key: BanKey,
        /// When that was known.
        at: Moment,
    },
    /// The ban's rules are gone, or only others' bans need them. Not said of a release that an
    /// [`Order::Enforce`] has overtaken.
    Released {
        /// Which.
        key: BanKey,
    },
    /// A ban that was in force was found not to be (and is being put back).
    Lost {
        /// Which.
        key: BanKey,
    },
    /// It could not be done now; it is tried again unless `gives_up`.
    Failed {
        /// Which.
        key: BanKey,
        /// Why, in words for an operator. Bounded; never a blob.
        why: String,
        /// Whether this ban is refused for good (capacity, an invalid rule).
        gives_up: bool,
    },
    /// One call to the firewall, for the metrics.
    Operation {
        /// Such as `add_rich_rule`.
        operation: &'static str,
        /// How it went.
        outcome: Outcome,
        /// How long it took.
        took: SignedDuration,
        /// When it ended.
        ended: Moment,
        /// The bans that it was made for, or for whose end; none for a mere look.
        bans: Vec<BanKey>,
    },
    /// The firewall's state changed.
    Condition(Condition),
    /// A comparison of what is with what should be has ended well.
    Reconciled {
        /// What started it: `start`, `owner`, `reloaded`, `panic_off`, `zones`, `policies`,
        /// `rule_removed`, `entry_removed`, `changed`, `retry`, `asked`, `periodic`.
        trigger: &'static str,
        /// Rules that were missing and have been put back.
        missing: u64,
        /// Rules of ours that nobody asked for and have been removed.
        unexpected: u64,
    },
    /// Ours was found that nobody has asked for, and it is spared: said by an enforcer that was
    /// started to do so, once.
    Found {
        /// Who is refused.
        address: IpNet,
        /// The jails whose bans refuse what this does.
        jails: Vec<JailName>,
        /// What is left of it; `None`: the firewall cannot tell.
        left: Option<SignedDuration>,
    },
    /// That was all that was found.
    FoundAll,
    /// How many rules are in place, and how many this backend takes at most.
    Capacity {
        /// In place.
        used: u64,
        /// At most.
        limit: u64,
    },
    /// Somebody made rules or entries of ours permanent; they outlive their bans at each reload.
    MadePermanent {
        /// How many came back.
        count: u64,
        /// The command that removes the first of them for good.
        remedy: String,
    },
    /// What a ban stops, as the backend works now; said when it is known and when it changes.
    Coverage(Coverage),
    /// The firewall's own count of refused packets, where it keeps one for each jail.
    Refused {
        /// The jail.
        jail: JailName,
        /// Whether of IPv6.
        ipv6: bool,
        /// Packets since the last report of them.
        packets: u64,
        /// Bytes since the last report of them.
        bytes: u64,
    },
}

/// Which packets of a banned address a backend really stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// How bans become rules: `rich-rule`, `ipset`, `nftables`.
    pub mode: &'static str,
    /// Packets of connections that were open before the ban.
    pub established: bool,
    /// Packets that the host forwards.
    pub forwarded: bool,
    /// Packets to ports that are forwarded elsewhere, such as a container's published ones (DNAT).
    pub published: bool,
    /// The jails whose bans fall back to rich rules, because what the mode needs is not provisioned
    /// for their ports.
    pub unprovisioned: BTreeSet<JailName>,
}

impl Coverage {
    /// Each kind of traffic by its word in metrics, and whether a ban stops it.
    #[must_use]
    pub fn traffic(&self) -> [(&'static str, bool); 3] {
        [
            ("established", self.established),
            ("forwarded", self.forwarded),
            ("published", self.published),
        ]
    }
}

impl fmt::Display for Coverage {
    /// `ipset: stops new connections and forwarded packets; not connections that are open, nor …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.forwarded, "forwarded packets"),
            (self.established, "connections that are open already"),
            (self.published, "published (DNAT) ports"),
        ];
        let of = |stopped| kinds.iter().filter(move |kind| kind.0 == stopped).map(|kind| kind.1);
        let stopped: Vec<&str> = ["new connections"].into_iter().chain(of(true)).collect();
        write!(f, "{}: stops {}", self.mode, stopped.join(", "))?;
        let rest: Vec<&str> = of(false).collect();
        if !rest.is_empty() {
            write!(f, "; not {}", rest.join(", "))?;
        }
        if self.unprovisioned.is_empty() || self.mode == "rich-rule" {
            return Ok(());
        }
        let jails: Vec<&str> = self.unprovisioned.iter().map(JailName::as_str).collect();
        write!(f, "; rich rules for {}, whose ports are not provisioned", jails.join(", "))
    }
}

/// How a call to the firewall went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Done, or already so.
    Ok,
    /// Refused.
    Error,
    /// No answer in time: nobody knows.
    Unknown,
}

/// What state the firewall is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nobody owns its bus name.
    Absent,
    /// It is there, and not yet ready.
    Starting,
    /// It does what is asked.
    Ready,
    /// Panic mode: it refuses every packet, and every rule.
    Panic,
    /// It is there and does not work; in words an operator can act on.
    Broken(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_in_words_says_what_is_not_stopped() {
        let mut coverage = Coverage {
            mode: "rich-rule",
            established: false,
            forwarded: false,
            published: false,
            unprovisioned: BTreeSet::new(),
        };
        let check = |coverage: &Coverage, expected| assert_eq!(coverage.to_string(), expected);
        check(
            &coverage,
            "rich-rule: stops new connections; not forwarded packets, connections that are open \
             already, published (DNAT) ports",
        );
        coverage.forwarded = true;
        check(
            &coverage,
            "rich-rule: stops new connections, forwarded packets; not connections that are open \
             already, published (DNAT) ports",
        );
        (coverage.established, coverage.published) = (true, true);
        check(
            &coverage,
            "rich-rule: stops new connections, forwarded packets, connections that are open \
             already, published (DNAT) ports",
        );
        coverage.mode = "ipset";
        coverage.unprovisioned = [JailName::new("sshd")].into();
        check(
            &coverage,
            "ipset: stops new connections, forwarded packets, connections that are open already, \
             published (DNAT) ports; rich rules for sshd, whose ports are not provisioned",
        );
    }
}
