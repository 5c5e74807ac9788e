//! Statements as netlink messages: one batch, one transaction.
//!
//! Source: `linux/netfilter/nf_tables.h` and `nfnetlink.h` of the kernel's user interface.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, Hook, HookNumber, InetHookNumber, NfTablesMessage, RuleAttribute, RuleMessage,
    SetAttribute, SetElementList, SetElementMessage, SetFlags, SetMessage, TableAttribute,
    TableMessage,
};
use netlink_packet_netfilter::nftables::{ChainMessage, GenMessage};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};

use super::element;
use super::expression;
use super::group::{Hash, Kind};
use super::object;
use super::statement::{BASE, Rule, Statement};

/// `NFNL_SUBSYS_NFTABLES`.
const NFTABLES: u16 = 10;

/// Before connection tracking (-200) and the destination's translation (-100), after fragments are
/// put together (-400): published ports and established flows are met as they came.
pub(super) const PRIORITY: i32 = -310;

/// `NF_ACCEPT`.
pub(super) const ACCEPT: u32 = 1;

/// Counts the versions of what the rules are made of. Another one is another comment, and a rule
/// with another comment is replaced.
const LAYOUT: &[u8] = b"1";

/// How the comments of our rules begin.
pub(super) const MARK: &str = "gaoler ";

/// What is asked, other than to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Query<'a> {
    /// The generation: it changes with every transaction, whoever made it.
    Generation,
    /// Our table.
    Table,
    /// All chains.
    Chains,
    /// The rules of our table.
    Rules,
    /// The sets of our table.
    Sets,
    /// The counters of our table.
    Counters,
    /// The elements of a set.
    Elements(&'a str),
}

/// The bytes of a transaction, and the sequence number of its last statement, which alone asks to
/// be acknowledged: before Linux 6.10 the end of a batch is not.
pub(super) fn transaction(table: &str, statements: &[Statement], first: u32) -> (Vec<u8>, u32) {
    let mut messages = Vec::new();
    for statement in statements {
        encode(table, statement, &mut messages);
    }
    let count = messages.len();
    let mut bytes = Vec::new();
    let mut sequence = first;
    write(&mut bytes, control(ControlMessage::BatchBegin), NLM_F_REQUEST, sequence);
    for (at, (message, flags)) in messages.into_iter().enumerate() {
        sequence = sequence.wrapping_add(1);
        let ack = if at + 1 == count { NLM_F_ACK } else { 0 };
        write(&mut bytes, of_table(message), NLM_F_REQUEST | flags | ack, sequence);
    }
    let end = sequence.wrapping_add(1);
    write(&mut bytes, control(ControlMessage::BatchEnd), NLM_F_REQUEST, end);
    (bytes, sequence)
}

/// The bytes of a query.
pub(super) fn query(table: &str, query: Query, sequence: u32) -> Vec<u8> {
    let named = || table.to_owned();
    let (message, flags) = match query {
        Query::Generation => (NfTablesMessage::GetGen(GenMessage { attributes: Vec::new() }), 0),
        Query::Table => {
            let attributes = vec![TableAttribute::Name(named())];
            (NfTablesMessage::GetTable(TableMessage { attributes }), 0)
        }
        Query::Chains => {
            (NfTablesMessage::GetChain(ChainMessage { attributes: Vec::new() }), NLM_F_DUMP)
        }
        Query::Rules => {
            let attributes = vec![RuleAttribute::Table(named())];
            (NfTablesMessage::GetRule(RuleMessage { attributes }), NLM_F_DUMP)
        }
        Query::Sets => {
            let attributes = vec![SetAttribute::Table(named())];
            (NfTablesMessage::GetSet(SetMessage { attributes }), NLM_F_DUMP)
        }
        Query::Counters => (NfTablesMessage::GetObject(object::all(table)), NLM_F_DUMP),
        Query::Elements(set) => {
            let attributes =
                vec![SetElementList::Table(named()), SetElementList::Set(set.to_owned())];
            (NfTablesMessage::GetSetElement(SetElementMessage { attributes }), NLM_F_DUMP)
        }
    };
    let mut bytes = Vec::new();
    write(&mut bytes, of_table(message), NLM_F_REQUEST | flags, sequence);
    bytes
}

/// What a rule of ours says of itself: a hash of what it does.
pub(super) fn comment(rule: &Rule) -> String {
    let mut hash = Hash::new();
    hash.write(LAYOUT);
    hash.write(&expression::bytes(rule));
    format!("{MARK}{}", hash.short())
}

fn encode(table: &str, statement: &Statement, to: &mut Vec<(NfTablesMessage, u16)>) {
    let named = || table.to_owned();
    let message = match statement {
        Statement::AddTable => (NfTablesMessage::NewTable(the_table(table)), NLM_F_CREATE),
        Statement::DeleteTable => (NfTablesMessage::DeleteTable(the_table(table)), 0),
        Statement::AddBase => (NfTablesMessage::NewChain(base(table)), NLM_F_CREATE),
        Statement::AddChain(name) => (NfTablesMessage::NewChain(chain(table, name)), NLM_F_CREATE),
        Statement::DeleteChain(name) => (NfTablesMessage::DeleteChain(chain(table, name)), 0),
        Statement::FlushChain(name) => {
            let attributes =
                vec![RuleAttribute::Table(named()), RuleAttribute::Chain(name.clone())];
            (NfTablesMessage::DeleteRule(RuleMessage { attributes }), 0)
        }
        Statement::AddSet(name, kind) => {
            let id = u32::try_from(to.len()).unwrap_or(u32::MAX);
            (NfTablesMessage::NewSet(set(table, name, *kind, id)), NLM_F_CREATE)
        }
        Statement::DeleteSet(name) => {
            let attributes = vec![SetAttribute::Table(named()), SetAttribute::Name(name.clone())];
            (NfTablesMessage::DeleteSet(SetMessage { attributes }), 0)
        }
        Statement::AddCounter(name) => {
            (NfTablesMessage::NewObject(object::counter(table, name)), NLM_F_CREATE)
        }
        Statement::DeleteCounter(name) => {
            (NfTablesMessage::DeleteObject(object::name(table, name)), 0)
        }
        Statement::AddRule(chain, rule) => {
            (NfTablesMessage::NewRule(add_rule(table, chain, rule)), NLM_F_CREATE | NLM_F_APPEND)
        }
        Statement::AddElements(set, kind, elements) => {
            let chunks = element::added(table, set, *kind, elements);
            to.extend(chunks.map(|e| (NfTablesMessage::NewSetElement(e), NLM_F_CREATE)));
            return;
        }
        Statement::DeleteElements(set, kind, spans) => {
            let chunks = element::deleted(table, set, *kind, spans);
            to.extend(chunks.map(|e| (NfTablesMessage::DeleteSetElement(e), 0)));
            return;
        }
    };
    to.push(message);
}

fn the_table(name: &str) -> TableMessage {
    TableMessage { attributes: vec![TableAttribute::Name(name.to_owned())] }
}

fn chain(table: &str, name: &str) -> ChainMessage {
    let names = [ChainAttribute::Table(table.to_owned()), ChainAttribute::Name(name.to_owned())];
    ChainMessage { attributes: names.into() }
}

fn base(table: &str) -> ChainMessage {
    let mut base = chain(table, BASE);
    let hook = vec![
        Hook::Number(HookNumber::Inet(InetHookNumber::PreRouting)),
        Hook::Priority(PRIORITY.cast_unsigned()),
    ];
    base.attributes.push(ChainAttribute::Hook(hook));
    base.attributes.push(ChainAttribute::Policy(ACCEPT));
    base.attributes.push(ChainAttribute::Type("filter".to_owned()));
    base
}

fn set(table: &str, name: &str, kind: Kind, id: u32) -> SetMessage {
    let interval = if kind.is_interval() { SetFlags::Interval } else { SetFlags::empty() };
    // As nft(8) numbers types: ipv4_addr is 7, ipv6_addr 8. The kernel only keeps it.
    let (type_of, bytes) = if kind.is_ipv6() { (8, 16) } else { (7, 4) };
    SetMessage {
        attributes: vec![
            SetAttribute::Table(table.to_owned()),
            SetAttribute::Name(name.to_owned()),
            SetAttribute::Flags(SetFlags::Timeout | interval),
            SetAttribute::KeyType(type_of),
            SetAttribute::KeyLen(bytes),
            SetAttribute::Id(id),
        ],
    }
}

fn add_rule(table: &str, chain: &str, rule: &Rule) -> RuleMessage {
    RuleMessage {
        attributes: vec![
            RuleAttribute::Table(table.to_owned()),
            RuleAttribute::Chain(chain.to_owned()),
            RuleAttribute::Expressions(expression::all(rule)),
            RuleAttribute::UserData(user_data(&comment(rule))),
        ],
    }
}

/// `NFTNL_UDATA_RULE_COMMENT` of libnftnl: type, length, and the text with its zero byte.
pub(super) fn user_data(comment: &str) -> Vec<u8> {
    let length = u8::try_from(comment.len() + 1).unwrap_or(u8::MAX);
    [&[0, length], comment.as_bytes(), &[0]].concat()
}

fn of_table(message: NfTablesMessage) -> NetfilterMessage {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Inet, 0, 0);
    NetfilterMessage::new(header, NetfilterMessageInner::NfTables(message))
}

fn control(message: ControlMessage) -> NetfilterMessage {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFTABLES);
    NetfilterMessage::new(header, NetfilterMessageInner::None(message))
}

fn write(to: &mut Vec<u8>, message: NetfilterMessage, flags: u16, sequence: u32) {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let start = to.len();
    to.resize(start + message.buffer_len(), 0);
    message.serialize(&mut to[start..]);
}

#[cfg(test)]
mod tests {
    use super::super::span::Span;
    use super::*;

    /// The types, flags and sequence numbers of all messages, and what follows the headers.
    fn messages(bytes: &[u8]) -> Vec<(u16, u16, u32, &[u8])> {
        let mut rest = bytes;
        let mut all = Vec::new();
        while !rest.is_empty() {
            let word = |at: usize| u16::from_ne_bytes([rest[at], rest[at + 1]]);
            let length = usize::from(word(0));
            let sequence = u32::from(word(8)) | u32::from(word(10)) << 16;
            all.push((word(4), word(6), sequence, &rest[20..length]));
            rest = &rest[length.next_multiple_of(4)..];
        }
        all
    }

    #[test]
    fn a_batch_is_framed_and_only_its_last_statement_asks_for_an_answer() {
        let set = || "s".to_owned();
        let span = Span::point(0x0a00_0001);
        let statements = [
            Statement::AddElements(set(), Kind::Hosts4, vec![(span, None)]),
            Statement::DeleteElements(set(), Kind::Hosts4, vec![span]),
            Statement::AddElements(set(), Kind::Hosts4, vec![(span, Some(1000))]),
        ];
        let (bytes, last) = transaction("t", &statements, 7);
        let all = messages(&bytes);
        let heads: Vec<(u16, u16, u32)> = all.iter().map(|m| (m.0, m.1, m.2)).collect();
        let create = NLM_F_REQUEST | NLM_F_CREATE;
        let expected = [
            (16, NLM_F_REQUEST, 7),
            (0x0a0c, create, 8),
            (0x0a0e, NLM_F_REQUEST, 9),
            (0x0a0c, create | NLM_F_ACK, 10),
            (17, NLM_F_REQUEST, 11),
        ];
        assert_eq!(heads, expected);
        assert_eq!(last, 10);
        // Table, set, and a list of one element: its key, and the second time its timeout.
        let names = [6, 0, 1, 0, b't', 0, 0, 0, 6, 0, 2, 0, b's', 0, 0, 0];
        let key = [12, 0, 1, 0x80, 8, 0, 1, 0, 10, 0, 0, 1];
        let plain = [&names[..], &[20, 0, 3, 0x80, 16, 0, 1, 0x80], &key].concat();
        assert_eq!((all[1].3, all[2].3), (&plain[..], &plain[..]));
        let timeout = [12, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0x03, 0xe8];
        let timed = [&names[..], &[32, 0, 3, 0x80, 28, 0, 1, 0x80], &key, &timeout].concat();
        assert_eq!(all[3].3, &timed[..]);
    }

    #[test]
    fn an_interval_is_its_first_address_and_the_one_after_its_last() {
        let span = |first, last| Span { first, last };
        let check = |span: Span, expected: &[(u32, bool)]| {
            let statement = Statement::AddElements("s".to_owned(), Kind::Nets4, vec![(span, None)]);
            let (bytes, _) = transaction("t", &[statement], 0);
            let elements = &messages(&bytes)[1].3[20..];
            let mut found = Vec::new();
            let mut rest = elements;
            while !rest.is_empty() {
                let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
                let key = u32::from_be_bytes(rest[12..16].try_into().unwrap());
                let is_end = rest[16..length] == [8, 0, 3, 0, 0, 0, 0, 1];
                assert!(is_end || length == 16, "{rest:?}");
                found.push((key, is_end));
                rest = &rest[length..];
            }
            assert_eq!(found, expected);
        };
        check(span(0x0a00_0000, 0x0a00_00ff), &[(0x0a00_0000, false), (0x0a00_0100, true)]);
        // Nothing comes after the last address, so nothing ends the interval.
        check(span(0xffff_ff00, 0xffff_ffff), &[(0xffff_ff00, false)]);
    }

    #[test]
    fn many_elements_are_several_messages_that_each_fit_an_attribute() {
        let elements: Vec<_> = (0..10_000).map(|n| (Span::point(n), Some(60_000))).collect();
        let statement = Statement::AddElements("s".to_owned(), Kind::Hosts6, elements);
        let (bytes, last) = transaction("t", &[statement], 0);
        let all = messages(&bytes);
        assert!(all.len() > 6 && last == u32::try_from(all.len()).unwrap() - 2);
        assert!(all.iter().all(|message| message.3.len() < usize::from(u16::MAX)));
    }
}
