//! When so many bans are in nftables that others feel them.
//!
//! libnftables, by which both nft and firewalld work, read all elements of all tables at each call in its
//! version 1.0.6; 1.1.3 no longer does. So the more bans, the slower is whatever else changes the firewall,
//! and while firewalld reloads it lets in no new connection. An operator who wonders why should have been
//! told. Which version firewalld has loaded cannot be asked from here.

/// From so many on a reload of firewalld takes some seconds (1.3.3 with 1.0.6: 0.7 s with 10,000, 10 s with
/// 100,000; 2.3.1 with 1.1.3: half a second with 100,000).
const MANY: u64 = 20_000;

/// Whether it has been told.
#[derive(Debug, Default)]
pub(super) struct Burden {
    told: bool,
}

impl Burden {
    /// Whether to tell of so many bans: once, and again after there were fewer than half.
    pub(super) fn tells(&mut self, bans: u64) -> bool {
        if bans < MANY / 2 {
            self.told = false;
        }
        bans >= MANY && !std::mem::replace(&mut self.told, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_once_and_again_after_it_was_light() {
        let mut burden = Burden::default();
        let told = [0, 19_999, 20_000, 90_000, 10_000, 20_000, 9_999, 20_001, 20_002];
        let told = told.map(|bans| burden.tells(bans));
        assert_eq!(told, [false, false, true, false, false, false, false, true, false]);
    }
}
