//! When a jail's bans become wider.

use std::num::NonZeroUsize;

use super::Meaning;
use super::jail::Draft;
use crate::jail::widen::Widening;

impl Meaning<'_> {
    /// When the jail's bans become wider, if ever.
    pub(super) fn widen(&mut self, draft: &Draft) -> Option<Widening> {
        let section = draft.view.section("widen");
        let length = |key: &str, default| {
            u8::try_from(section.count(key)).ok().filter(|length| *length > 0).unwrap_or(default)
        };
        let Some(addresses) = NonZeroUsize::new(section.count("addresses")) else {
            self.must_be_off(draft);
            return None;
        };
        let widening = Widening {
            ipv4_prefix: length("ipv4_prefix", 24),
            ipv6_prefix: length("ipv6_prefix", 48),
            addresses,
        };
        self.must_be_wider(draft, &widening);
        Some(widening)
    }

    fn must_be_wider(&mut self, draft: &Draft, widening: &Widening) {
        let ipv6_prefix = draft.view.count("ipv6_prefix");
        // One that is out of range has been reported.
        let in_range = (32..=128).contains(&ipv6_prefix) && widening.ipv6_prefix < 128;
        if usize::from(widening.ipv6_prefix) < ipv6_prefix || !in_range {
            return;
        }
        let place = draft.view.entry("widen").map_or(draft.place, |entry| &entry.place);
        let why = format!(
            "a ban of an IPv6 address is /{ipv6_prefix} already, as the jail's `ipv6_prefix` says; \
             give `widen` a shorter `ipv6_prefix`"
        );
        self.error(place, &draft.key("widen.ipv6_prefix"), why);
    }

    /// A jail that gives no `addresses` means not to widen, or has forgotten them.
    fn must_be_off(&mut self, draft: &Draft) {
        let Some(entry) = draft.own.entry("widen") else { return };
        let refused = draft.key("widen.addresses");
        if entry.node.entries().is_empty() || self.refused.iter().any(|e| e.key == refused) {
            return;
        }
        let why = "says nothing of how many `addresses` are enough; add them, or write `widen: {}` \
                   to turn it off";
        self.error(&entry.place, &draft.key("widen"), why.to_owned());
    }
}
