//! The connection to firewalld: its calls, and what it says unasked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use zbus::fdo::DBusProxy;
use zbus::message::Type;
use zbus::{Connection, DBusError, MatchRule, Message, MessageStream, connection};

use crate::enforcer::firewalld::call::{Answer, Call, Signal};
use crate::enforcer::firewalld::element::{Element, Holder, Zone};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::permanent::policy_settings;
use crate::enforcer::firewalld::proxy::{
    FirewallD1Proxy, IpsetProxy, NAME, PATH, PolicyProxy, ZoneProxy,
};
use crate::enforcer::firewalld::reconcile::Step;
use crate::enforcer::firewalld::rule::Rule;
use crate::jail::ban::show;

/// How long a call may take. zbus itself waits for ever.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the question may take that only asks whether firewalld works. One that was put to a
/// firewalld just starting can be lost.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection, listening.
pub(super) struct Bus {
    pub(super) calls: Calls,
    pub(super) news: Listening,
    /// Whether firewalld was there once we listened.
    pub(super) owned: bool,
}

/// What can be asked.
#[derive(Clone)]
pub(super) struct Calls {
    firewalld: FirewallD1Proxy<'static>,
    zone: ZoneProxy<'static>,
    ipset: IpsetProxy<'static>,
    policy: PolicyProxy<'static>,
}

/// What is heard.
#[derive(Debug)]
pub(super) enum News {
    /// Somebody has firewalld's name now.
    Owned,
    /// Nobody has.
    Ownerless,
    /// firewalld says something.
    Signal(Signal),
}

/// What comes unasked.
pub(super) struct Listening {
    owner: MessageStream,
    signals: MessageStream,
}

impl Bus {
    /// Connects and listens; only then asks whether firewalld is there.
    pub(super) async fn connect(address: Option<&str>) -> zbus::Result<Self> {
        let build = on(address).method_timeout(TIMEOUT).build();
        let bus = tokio::time::timeout(TIMEOUT, build).await.map_err(|_| timed_out())??;
        let news = Listening::on(&bus).await?;
        let calls = Calls {
            firewalld: FirewallD1Proxy::new(&bus).await?,
            zone: ZoneProxy::new(&bus).await?,
            ipset: IpsetProxy::new(&bus).await?,
            policy: PolicyProxy::new(&bus).await?,
        };
        let owned = DBusProxy::new(&bus).await?.name_has_owner(NAME.try_into()?).await?;
        Ok(Self { calls, news, owned })
    }
}

impl Calls {
    /// Makes one call.
    pub(super) async fn make(&self, call: &Call) -> Result<Answer, Fault> {
        // The connection's own timeout covers the answer; this one also a send that blocks.
        let patience = if *call == Call::DefaultZone { PROBE_TIMEOUT } else { TIMEOUT };
        let answer = tokio::time::timeout(patience, self.ask(call)).await;
        answer.map_err(|_| Fault::Silent)?.map_err(|error| fault(&error))
    }

    async fn ask(&self, call: &Call) -> zbus::Result<Answer> {
        let zones = |names: Vec<String>| Answer::Zones(names.into_iter().map(Zone::from).collect());
        Ok(match call {
            Call::DefaultZone => Answer::Zone(self.firewalld.get_default_zone().await?.into()),
            Call::Version => Answer::Version(self.firewalld.version().await?),
            Call::PanicMode => Answer::Panic(self.firewalld.query_panic_mode().await?),
            Call::ActiveZones => zones(self.zone.get_active_zones().await?.into_keys().collect()),
            Call::Zones => zones(self.zone.get_zones().await?),
            Call::Canary(zone) => {
                self.zone.add_rich_rule(zone, &Rule::canary().to_string(), 0).await?;
                Answer::Done
            }
            Call::CanaryGone(zone) => {
                self.zone.remove_rich_rule(zone, &Rule::canary().to_string()).await?;
                Answer::Done
            }
            Call::Sets => Answer::Names(self.ipset.get_ipsets().await?),
            Call::Policies => {
                let policies = self.policy.get_active_policies().await?;
                Answer::Names(policies.into_keys().collect())
            }
            Call::Policy(name) => {
                Answer::Policy(policy_settings(&self.policy.get_policy_settings(name).await?))
            }
            Call::List(Holder::Zone(zone)) => Answer::Texts(self.zone.get_rich_rules(zone).await?),
            Call::List(Holder::Set(set)) => {
                Answer::Texts(self.ipset.get_entries(set.as_str()).await?)
            }
            Call::Change(step) => {
                self.change(step).await?;
                Answer::Done
            }
        })
    }

    async fn change(&self, step: &Step) -> zbus::Result<()> {
        match step {
            Step::Add(Holder::Zone(zone), element) => {
                self.zone.add_rich_rule(zone, &text(element), 0).await.map(drop)
            }
            Step::Remove(Holder::Zone(zone), element) => {
                self.zone.remove_rich_rule(zone, &text(element)).await.map(drop)
            }
            Step::RemoveStray(Holder::Zone(zone), text) => {
                self.zone.remove_rich_rule(zone, text).await.map(drop)
            }
            Step::Add(Holder::Set(set), element) => {
                self.ipset.add_entry(set.as_str(), &text(element)).await
            }
            Step::Remove(Holder::Set(set), element) => {
                self.ipset.remove_entry(set.as_str(), &text(element)).await
            }
            Step::RemoveStray(Holder::Set(set), text) => {
                self.ipset.remove_entry(set.as_str(), text).await
            }
            Step::Fill(set, nets) => {
                let entries: Vec<String> = nets.iter().map(show).collect();
                self.ipset.set_entries(set.as_str(), &entries).await
            }
            Step::Empty(set) => self.ipset.set_entries(set.as_str(), &[]).await,
        }
    }
}

/// As firewalld has it, in our one spelling.
fn text(element: &Element) -> String {
    match element {
        Element::Rule(rule) => rule.to_string(),
        Element::Entry(net) => show(net),
    }
}

impl Listening {
    async fn on(bus: &Connection) -> zbus::Result<Self> {
        let owner = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .add_arg(NAME)
            .build()?;
        // By path: each reload also says some 290 things of the permanent configuration.
        let signals =
            MatchRule::builder().msg_type(Type::Signal).sender(NAME).path(PATH).build()?;
        Ok(Self {
            owner: MessageStream::for_match_rule(owner, bus, None).await?,
            signals: MessageStream::for_match_rule(signals, bus, None).await?,
        })
    }

    /// The next that matters; `None` when the bus is lost.
    pub(super) async fn next(&mut self) -> Option<News> {
        loop {
            let news = tokio::select! {
                message = self.owner.next() => owner(&message?.ok()?),
                message = self.signals.next() => signal(&message?.ok()?).map(News::Signal),
            };
            if news.is_some() {
                return news;
            }
        }
    }
}

/// A connection to be made to the bus of this address; `None`: the system bus.
pub(super) fn on(address: Option<&str>) -> connection::Builder<'_> {
    match address {
        Some(address) => connection::Builder::address(address),
        None => connection::Builder::system(),
    }
}

/// Reads a `NameOwnerChanged`.
fn owner(message: &Message) -> Option<News> {
    let (_, _, new): (String, String, String) = message.body().deserialize().ok()?;
    Some(if new.is_empty() { News::Ownerless } else { News::Owned })
}

/// Reads one of firewalld's signals; `None` if it does not matter.
fn signal(message: &Message) -> Option<Signal> {
    let header = message.header();
    let interface = header.interface()?.strip_prefix(NAME)?.to_owned();
    let member = header.member()?.to_string();
    Some(match (interface.as_str(), member.as_str()) {
        ("", "Reloaded") => Signal::Reloaded,
        ("", "PanicModeEnabled") => Signal::PanicOn,
        ("", "PanicModeDisabled") => Signal::PanicOff,
        ("", "DefaultZoneChanged")
        | (
            ".zone",
            "InterfaceAdded"
            | "InterfaceRemoved"
            | "ZoneOfInterfaceChanged"
            | "SourceAdded"
            | "SourceRemoved"
            | "ZoneOfSourceChanged",
        ) => Signal::Zones,
        (".zone", "RichRuleRemoved") => {
            let (zone, rule): (String, String) = message.body().deserialize().ok()?;
            Signal::RuleRemoved(zone, rule)
        }
        (".ipset", "EntryRemoved") => {
            let (set, entry): (String, String) = message.body().deserialize().ok()?;
            Signal::EntryRemoved(set, entry)
        }
        (".policy", "PolicyUpdated") => Signal::Policies,
        _ => return None,
    })
}

/// What an error means.
pub(super) fn fault(error: &zbus::Error) -> Fault {
    match error {
        zbus::Error::MethodError(name, message, _) => {
            Fault::of(name.as_str(), message.as_deref().unwrap_or_default())
        }
        // The bus's own errors, such as that nobody has the name.
        zbus::Error::FDO(error) => {
            Fault::of(error.name().as_str(), error.description().unwrap_or_default())
        }
        zbus::Error::InputOutput(io) if io.kind() == std::io::ErrorKind::TimedOut => Fault::Silent,
        error => Fault::of("", &error.to_string()),
    }
}

fn timed_out() -> zbus::Error {
    zbus::Error::InputOutput(Arc::new(std::io::ErrorKind::TimedOut.into()))
}
