//! Named counters, as they are sent and asked for.

use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED};

pub(super) const OBJ_TABLE: u16 = 1;
pub(super) const OBJ_NAME: u16 = 2;
const OBJ_TYPE: u16 = 3;
pub(super) const OBJ_DATA: u16 = 4;

pub(super) const COUNTER_BYTES: u16 = 1;
pub(super) const COUNTER_PACKETS: u16 = 2;

/// `NFT_OBJECT_COUNTER`.
pub(super) const COUNTER: u32 = 1;

/// Asks for all counters of a table.
pub(super) fn all(table: &str) -> Vec<DefaultNla> {
    vec![text(OBJ_TABLE, table), number(OBJ_TYPE, COUNTER)]
}

/// Names a counter.
pub(super) fn name(table: &str, name: &str) -> Vec<DefaultNla> {
    vec![text(OBJ_TABLE, table), text(OBJ_NAME, name), number(OBJ_TYPE, COUNTER)]
}

/// A counter that begins at 0.
pub(super) fn counter(table: &str, counter: &str) -> Vec<DefaultNla> {
    let zero = |kind| DefaultNla::new(kind, vec![0; 8]);
    let counts = [zero(COUNTER_BYTES), zero(COUNTER_PACKETS)];
    let mut data = vec![0; counts.as_slice().buffer_len()];
    counts.as_slice().emit(&mut data);
    let mut all = name(table, counter);
    all.push(DefaultNla::new(OBJ_DATA | NLA_F_NESTED, data));
    all
}

/// A text with its zero byte.
pub(super) fn text(kind: u16, text: &str) -> DefaultNla {
    DefaultNla::new(kind, [text.as_bytes(), &[0]].concat())
}

/// A number in network byte order.
pub(super) fn number(kind: u16, number: u32) -> DefaultNla {
    DefaultNla::new(kind, number.to_be_bytes().to_vec())
}
