//! What a rule does, as the kernel's small machine takes it.

use netlink_packet_core::Emitable;
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, ExpressionAttribute, Expressions, Immediate, ListAttribute,
    Lookup, Meta, MetaKey, Operator, Payload, Register, Verdict, VerdictAttribute,
};

use super::group::Kind;
use super::object::{COUNTER, number, text};
use super::statement::Rule;
use crate::jail::scope::{PortRange, Protocol};

type Expression = ListAttribute<ExpressionAttribute>;

/// Where the kernel reads from a packet (`NFT_PAYLOAD_NETWORK_HEADER`, `_TRANSPORT_HEADER`).
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
const IPV4: u8 = 2;
const IPV6: u8 = 10;

/// `NF_DROP`.
const DROP: u32 = 0;

/// `NFTA_OBJREF_IMM_TYPE`, `NFTA_OBJREF_IMM_NAME`.
const OBJREF_TYPE: u16 = 1;
const OBJREF_NAME: u16 = 2;

/// All that the rule does, in order.
pub(super) fn all(rule: &Rule) -> Vec<Expression> {
    let all = match rule {
        Rule::Dispatch(way, chain) => {
            let jump =
                vec![VerdictAttribute::Code(Verdict::Jump), VerdictAttribute::Chain(chain.clone())];
            let mut all =
                way.map(|(protocol, ports)| to_ports(protocol, ports)).unwrap_or_default();
            all.push(verdict(jump));
            all
        }
        Rule::Refuse { kind, ipv6_prefix, set, counter } => {
            let mut all = source(*kind, *ipv6_prefix);
            all.push(lookup(set));
            all.push(count(counter));
            all.push(verdict(vec![VerdictAttribute::Code(Verdict::Other(DROP))]));
            all
        }
    };
    all.into_iter().map(Expression::from).collect()
}

/// The same as bytes.
pub(super) fn bytes(rule: &Rule) -> Vec<u8> {
    let all = all(rule);
    let mut bytes = vec![0; all.as_slice().buffer_len()];
    all.as_slice().emit(&mut bytes);
    bytes
}

/// Goes on only with packets of the protocol to the ports.
fn to_ports(protocol: Protocol, ports: PortRange) -> Vec<Expressions> {
    let number = match protocol {
        Protocol::Tcp => libc::IPPROTO_TCP,
        Protocol::Udp => libc::IPPROTO_UDP,
    };
    let mut all = vec![
        meta(MetaKey::L4Proto),
        compare(Operator::Equal, &[u8::try_from(number).unwrap_or_default()]),
        load(TRANSPORT, 2, 2),
    ];
    let (first, last) = (ports.first().to_be_bytes(), ports.last().to_be_bytes());
    if first == last {
        all.push(compare(Operator::Equal, &first));
    } else {
        all.push(compare(Operator::GreatherThanEqual, &first));
        all.push(compare(Operator::LessThanEqual, &last));
    }
    all
}

/// Goes on only with packets of the family; loads their source as the set has it.
fn source(kind: Kind, ipv6_prefix: u8) -> Vec<Expressions> {
    let (family, offset, length) = if kind.is_ipv6() { (IPV6, 8, 16) } else { (IPV4, 12, 4) };
    let mut all = vec![
        meta(MetaKey::Nfproto),
        compare(Operator::Equal, &[family]),
        load(NETWORK, offset, length),
    ];
    if kind == Kind::Hosts6 && ipv6_prefix < 128 {
        all.push(mask(ipv6_prefix));
    }
    all
}

fn meta(key: MetaKey) -> Expressions {
    Expressions::Meta(vec![Meta::DestinationRegister(Register::Reg1), Meta::Key(key)])
}

fn compare(operator: Operator, with: &[u8]) -> Expressions {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(operator),
        Cmp::Data(DataAttribute::Value(with.to_vec())),
    ])
}

fn load(base: u32, offset: u32, length: u32) -> Expressions {
    Expressions::Payload(vec![
        Payload::DestinationRegister(Register::Reg1),
        Payload::Base(base),
        Payload::Offset(offset),
        Payload::Len(length),
    ])
}

fn mask(bits: u8) -> Expressions {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or_default();
    Expressions::Bitwise(vec![
        Bitwise::SourceRegister(Register::Reg1),
        Bitwise::DestinationRegister(Register::Reg1),
        Bitwise::Length(16),
        Bitwise::Mask(DataAttribute::Value(mask.to_be_bytes().to_vec())),
        Bitwise::Xor(DataAttribute::Value(vec![0; 16])),
    ])
}

fn lookup(set: &str) -> Expressions {
    Expressions::Lookup(vec![Lookup::Set(set.to_owned()), Lookup::SourceRegister(Register::Reg1)])
}

fn count(counter: &str) -> Expressions {
    Expressions::Other {
        expression_type: "objref".to_owned(),
        attributes: vec![number(OBJREF_TYPE, COUNTER), text(OBJREF_NAME, counter)],
    }
}

fn verdict(verdict: Vec<VerdictAttribute>) -> Expressions {
    Expressions::Immediate(vec![
        Immediate::DestinationRegister(Register::Verdict),
        Immediate::Data(DataAttribute::Verdict(verdict)),
    ])
}
