//! Elements of sets, as they are sent.

use netlink_packet_netfilter::nftables::{
    DataAttribute, ListAttribute, SetElementAttribute, SetElementFlags, SetElementList,
    SetElementMessage,
};

use super::group::Kind;
use super::span::Span;

/// How many elements one message has at most: a list of them is an attribute, whose length has 16
/// bits, and an interval of IPv6 takes 72 bytes.
const CHUNK: usize = 800;

type Element = ListAttribute<SetElementAttribute>;

/// The messages that add elements, each with what is left to it in milliseconds, or for ever.
pub(super) fn added<'a>(
    table: &'a str,
    set: &'a str,
    kind: Kind,
    elements: &'a [(Span, Option<u64>)],
) -> impl Iterator<Item = SetElementMessage> + 'a {
    elements.chunks(CHUNK).map(move |chunk| {
        let chunk = chunk.iter().flat_map(|(span, left)| element(*span, *left, kind));
        message(table, set, chunk.collect())
    })
}

/// The messages that delete elements.
pub(super) fn deleted<'a>(
    table: &'a str,
    set: &'a str,
    kind: Kind,
    spans: &'a [Span],
) -> impl Iterator<Item = SetElementMessage> + 'a {
    spans.chunks(CHUNK).map(move |chunk| {
        let chunk = chunk.iter().flat_map(|span| element(*span, None, kind));
        message(table, set, chunk.collect())
    })
}

fn message(table: &str, set: &str, elements: Vec<Element>) -> SetElementMessage {
    SetElementMessage {
        attributes: vec![
            SetElementList::Table(table.to_owned()),
            SetElementList::Set(set.to_owned()),
            SetElementList::Elements(elements),
        ],
    }
}

/// A host, or the two ends of an interval: its first address, and the one after its last, where
/// there is one. Only the first can have a timeout; the end goes with it.
fn element(span: Span, left: Option<u64>, kind: Kind) -> impl Iterator<Item = Element> {
    let mut first = vec![key(span.first, kind)];
    first.extend(left.map(SetElementAttribute::Timeout));
    let highest = if kind.is_ipv6() { u128::MAX } else { u32::MAX.into() };
    let end = (kind.is_interval() && span.last < highest).then(|| {
        vec![key(span.last + 1, kind), SetElementAttribute::Flags(SetElementFlags::IntervalEnd)]
    });
    std::iter::once(first).chain(end).map(ListAttribute::Element)
}

fn key(number: u128, kind: Kind) -> SetElementAttribute {
    let bytes = number.to_be_bytes();
    let bytes = if kind.is_ipv6() { &bytes[..] } else { &bytes[12..] };
    SetElementAttribute::Key(DataAttribute::Value(bytes.to_vec()))
}
