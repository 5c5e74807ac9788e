//! Entries that were put back into one set together, after a reload has lost them all.
//!
//! A call costs firewalld 15 to 25 ms, whether it adds one entry or hundreds. What thirty bans have
//! lost would be put back set by set in a second; so the first shard of their scope and family, the
//! *refuge*, takes them all in by one call. Those whose own set is another are its guests, and stay
//! until their bans end: to move them would be as many calls as were saved.
//!
//! Pure. It is not kept over a restart of ours: guests are known again by where they are found.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use crate::enforcer::shard::SetName;

/// Up to how many entries a refuge is filled with. Each makes firewalld 10 µs slower at adding to it.
pub const ROOM: usize = 500;

/// Who is a guest, by refuge.
#[derive(Clone, Debug, Default)]
pub struct Lodging(HashMap<SetName, HashSet<IpNet>>);

impl Lodging {
    /// The set that holds `net`, of which `home` is the own one.
    #[must_use]
    pub fn place(&self, home: SetName, net: IpNet) -> SetName {
        let refuge = home.refuge();
        let guest = refuge.filter(|refuge| self.0.get(refuge).is_some_and(|g| g.contains(&net)));
        guest.unwrap_or(home)
    }

    /// How many guests there are in a set.
    #[must_use]
    pub fn guests(&self, set: &SetName) -> usize {
        self.0.get(set).map_or(0, HashSet::len)
    }

    /// Makes `net` a guest, if there is room; says whether it is one.
    pub fn take_in(&mut self, refuge: &SetName, net: IpNet) -> bool {
        let guests = self.0.entry(refuge.clone()).or_default();
        guests.contains(&net) || (guests.len() < ROOM && guests.insert(net))
    }

    /// Forgets the guests that are not to stay.
    pub fn keep(&mut self, stays: impl Fn(&SetName, IpNet) -> bool) {
        self.0.retain(|refuge, guests| {
            guests.retain(|net| stays(refuge, *net));
            !guests.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_in_the_refuge_until_it_is_forgotten() {
        let set = |name| SetName::ours(name).unwrap();
        let (home, refuge) = (set("gaoler4-tcp22-07"), set("gaoler4-tcp22-00"));
        let [one, two]: [IpNet; 2] = ["192.0.2.1/32", "192.0.2.2/32"].map(|n| n.parse().unwrap());
        let mut lodging = Lodging::default();
        assert!(lodging.take_in(&refuge, one));
        assert_eq!(lodging.place(home.clone(), one), refuge);
        assert_eq!(lodging.place(home.clone(), two), home);
        assert_eq!(lodging.place(set("gaoler4-tcp22-net"), one), set("gaoler4-tcp22-net"));
        assert_eq!(lodging.place(set("gaoler4-07"), one), set("gaoler4-07"));
        lodging.keep(|_, net| net != one);
        assert_eq!((lodging.place(home.clone(), one), lodging.guests(&refuge)), (home, 0));
    }

    #[test]
    fn its_room_is_bounded() {
        let refuge = SetName::ours("gaoler4-00").unwrap();
        let mut lodging = Lodging::default();
        let net = |n: u32| IpNet::from(std::net::IpAddr::from(std::net::Ipv4Addr::from_bits(n)));
        let taken = (0..600).filter(|n| lodging.take_in(&refuge, net(*n))).count();
        assert_eq!((taken, lodging.guests(&refuge)), (ROOM, ROOM));
        assert!(lodging.take_in(&refuge, net(0)), "it is one already");
    }
}
