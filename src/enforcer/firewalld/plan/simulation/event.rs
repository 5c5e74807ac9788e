//! What can happen.

use proptest::prelude::*;

use crate::enforcer::testing::key;
use crate::jail::ban::BanKey;

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// Time passes, and calls are made.
    Run(u8),
    /// A call is made and its answer stays away for a while; `true`: its work is done at once.
    Begin(bool),
    /// The call under way fares badly, `true`: with its work done.
    Fail(Bad, bool),
    Enforce(u8, Vec<u16>),
    /// A ban from all ports; 6 to 17: one of the networks that overlap.
    Net(u8),
    /// A ban of one of many hosts, from all ports.
    Host(u8),
    /// The same of a dozen at once.
    Crowd(u8),
    Release(u8),
    /// The end of as many, from this on.
    Disperse(u8),
    Reload,
    /// Rules and entries vanish and nobody says so.
    Wipe,
    /// The kernel's rules vanish; firewalld knows nothing of it.
    Flush,
    /// Somebody adds a rule with our mark, or one of their own.
    Foreign(bool),
    /// Somebody adds an entry to a set of ours, spelled as we do or not.
    ForeignEntry(bool),
    /// `firewall-cmd --runtime-to-permanent`.
    MakePermanent,
    Restart,
    /// We are ended, and started again with the bans as they are.
    Again,
    /// Sets are provisioned, or are no longer, and firewalld is reloaded; `true`: entries stay.
    Provision(Option<u8>, bool),
    Panic(bool),
    /// A zone becomes active, or ceases to be.
    Zone(bool),
    /// A zone is made, or unmade.
    Exists(bool),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Bad {
    Unknown,
    Silent,
    Absent,
}

impl Event {
    /// Whether it changes the firewall, and nobody says so.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Wipe | Self::Flush | Self::MakePermanent | Self::ForeignEntry(_))
    }
}

/// Two jails and three hosts, so that bans share rules; then one jail a network, and others.
pub(super) fn ban_key(ban: u8) -> BanKey {
    match ban {
        0..6 => key(["one", "two"][usize::from(ban / 3)], ban % 3),
        ban => key(&format!("net-{}", ban % 13), ban),
    }
}

pub(super) fn any_event() -> impl Strategy<Value = Event> {
    let ports = || proptest::collection::vec(1u16..4, 1..3);
    let bad = prop_oneof![
        3 => Just(Bad::Unknown),
        2 => Just(Bad::Silent),
        1 => Just(Bad::Absent),
    ];
    prop_oneof![
        8 => (1u8..20).prop_map(Event::Run),
        3 => any::<bool>().prop_map(Event::Begin),
        4 => (0u8..6, ports()).prop_map(|(ban, ports)| Event::Enforce(ban, ports)),
        4 => (6u8..18).prop_map(Event::Net),
        1 => (18u8..60).prop_map(Event::Host),
        2 => (18u8..48).prop_map(Event::Crowd),
        3 => (0u8..6).prop_map(Event::Release),
        3 => (6u8..60).prop_map(Event::Release),
        2 => (18u8..48).prop_map(Event::Disperse),
        3 => (bad, any::<bool>()).prop_map(|(bad, done)| Event::Fail(bad, done)),
        1 => Just(Event::Reload),
        1 => Just(Event::Wipe),
        1 => Just(Event::Flush),
        1 => any::<bool>().prop_map(Event::Foreign),
        1 => any::<bool>().prop_map(Event::ForeignEntry),
        1 => Just(Event::MakePermanent),
        1 => Just(Event::Restart),
        1 => Just(Event::Again),
        1 => (proptest::option::of(1u8..4), any::<bool>()).prop_map(|(n, kept)| Event::Provision(n, kept)),
        1 => any::<bool>().prop_map(Event::Panic),
        1 => any::<bool>().prop_map(Event::Zone),
        1 => any::<bool>().prop_map(Event::Exists),
    ]
}
