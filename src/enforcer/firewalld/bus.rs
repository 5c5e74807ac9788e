//! The connection to firewalld: its calls, and what it says unasked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use zbus::fdo::DBusProxy;
use zbus::message::Type;
use zbus::{Connection, DBusError, MatchRule, Message, MessageStream, connection};

use crate::enforcer::firewalld::call::{Answer, Call, Signal};
use crate::enforcer::firewalld::fault::Fault;
use crate::enforcer::firewalld::proxy::{FirewallD1Proxy, NAME, PATH, ZoneProxy};
use crate::enforcer::firewalld::reconcile::{Step, Zone};

/// How long a call may take. zbus itself waits for ever.
const TIMEOUT: Duration = Duration::from_secs(30);

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
        let builder = match address {
            Some(address) => connection::Builder::address(address),
            None => connection::Builder::system(),
        };
        let build = builder.method_timeout(TIMEOUT).build();
        let bus = tokio::time::timeout(TIMEOUT, build).await.map_err(|_| timed_out())??;
        let news = Listening::on(&bus).await?;
        let calls = Calls {
            firewalld: FirewallD1Proxy::new(&bus).await?,
            zone: ZoneProxy::new(&bus).await?,
        };
        let owned = DBusProxy::new(&bus).await?.name_has_owner(NAME.try_into()?).await?;
        Ok(Self { calls, news, owned })
    }
}

impl Calls {
    /// Makes one call.
    pub(super) async fn make(&self, call: &Call) -> Result<Answer, Fault> {
        // The connection's own timeout covers the answer; this one also a send that blocks.
        let answer = tokio::time::timeout(TIMEOUT, self.ask(call)).await;
        answer.map_err(|_| Fault::Silent)?.map_err(|error| fault(&error))
    }

    async fn ask(&self, call: &Call) -> zbus::Result<Answer> {
        let zones = |names: Vec<String>| Answer::Zones(names.into_iter().map(Zone::from).collect());
        Ok(match call {
            Call::DefaultZone => Answer::Zone(self.firewalld.get_default_zone().await?.into()),
            Call::PanicMode => Answer::Panic(self.firewalld.query_panic_mode().await?),
            Call::ActiveZones => zones(self.zone.get_active_zones().await?.into_keys().collect()),
            Call::Zones => zones(self.zone.get_zones().await?),
            Call::RichRules(zone) => Answer::Rules(self.zone.get_rich_rules(zone).await?),
            Call::Change(step) => {
                self.change(step).await?;
                Answer::Done
            }
        })
    }

    async fn change(&self, step: &Step) -> zbus::Result<String> {
        match step {
            Step::Add(zone, rule) => self.zone.add_rich_rule(zone, &rule.to_string(), 0).await,
            Step::Remove(zone, rule) => self.zone.remove_rich_rule(zone, &rule.to_string()).await,
            Step::RemoveStray(zone, text) => self.zone.remove_rich_rule(zone, text).await,
        }
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
