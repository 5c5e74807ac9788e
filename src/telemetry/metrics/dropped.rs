//! What the firewall refused, where it counts: the nftables backend does.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::label::{Labels, PerWord, family, forget_words, per_word};

const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];

/// The families of refused packets.
#[derive(Debug)]
pub(super) struct DroppedFamilies {
    packets: Family<Labels<2>, Counter>,
    bytes: Family<Labels<2>, Counter>,
}

/// One jail's series; none where the backend does not count.
#[derive(Debug)]
pub(super) struct Dropped {
    packets: PerWord,
    bytes: PerWord,
}

impl Dropped {
    /// So many more were refused.
    pub(super) fn add(&self, ipv6: bool, packets: u64, bytes: u64) {
        let word = FAMILIES[usize::from(ipv6)];
        self.packets.add(word, packets);
        self.bytes.add(word, bytes);
    }
}

impl DroppedFamilies {
    pub(super) fn register(to: &mut Registry) -> Self {
        let packets = "Packets of banned addresses that were dropped; nftables backend alone";
        let bytes = "Bytes of those packets, IP headers included; nftables backend alone";
        Self {
            packets: family(to, "dropped_packets", packets),
            bytes: family(to, "dropped_bytes", bytes),
        }
    }

    /// How many series a jail has.
    pub(super) fn series(backend: &str) -> usize {
        2 * counted(backend).len()
    }

    pub(super) fn appear(&self, jail: &str, backend: &str) -> Dropped {
        let words = counted(backend);
        let of = |family| per_word(family, ("jail", jail), "family", words);
        Dropped { packets: of(&self.packets), bytes: of(&self.bytes) }
    }

    pub(super) fn forget(&self, jail: &str) {
        for family in [&self.packets, &self.bytes] {
            forget_words(family, ("jail", jail), "family", &FAMILIES);
        }
    }
}

/// The address families of which the backend counts packets.
fn counted(backend: &str) -> &'static [&'static str] {
    if backend == "nftables" { &FAMILIES } else { &[] }
}
