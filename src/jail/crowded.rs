//! Maps by address that attackers fill: how one forgets, and how it gives its memory back.

use std::collections::HashMap;

use ipnet::IpNet;

/// Chooses an eighth of a map's addresses, at least one: those of the lowest rank. It is an eighth,
/// so that the search is paid for by many that come.
///
/// # Panics
///
/// Panics if the map is empty.
pub(super) fn least<V, R: Ord>(map: &HashMap<IpNet, V>, rank: impl Fn(&V) -> R) -> Vec<IpNet> {
    let mut ranks: Vec<(R, IpNet)> = map.iter().map(|(&net, value)| (rank(value), net)).collect();
    let surplus = (ranks.len() / 8).max(1);
    ranks.select_nth_unstable(surplus - 1);
    ranks.into_iter().take(surplus).map(|(_, net)| net).collect()
}

/// Gives memory back that a map had need of once, and has no longer.
pub(super) fn shrink<V>(map: &mut HashMap<IpNet, V>) {
    if map.capacity() > 1024 && map.capacity() / 4 > map.len() {
        map.shrink_to_fit();
    }
}
