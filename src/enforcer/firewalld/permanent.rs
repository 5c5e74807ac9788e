//! firewalld's permanent configuration: read, and changed step by step.
//!
//! For `gaoler provision` alone, at an operator's word. The daemon never comes here, and nobody here
//! reloads firewalld: what is written counts from the operator's next `firewall-cmd --reload` on.

mod proxy;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant};

use self::proxy::{ConfigIpsetProxy, ConfigPolicyProxy, ConfigProxy, SetStruct};
use super::bus::{fault, on};
use super::fault::Fault;
use super::provision::plan::{Existing, SetSettings, Step};
use super::provision::{Policy, PolicyName, SET_TYPE, TARGET, description, family, family_option};
use super::proxy::{IpsetProxy, PolicyProxy};
use crate::enforcer::shard::SetName;

/// How long a call may take; firewalld checks all of its configuration after each change.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Why the permanent configuration was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum PermanentError {
    /// The bus is not there.
    #[error("cannot reach D-Bus at {address}: {source}; is dbus running?")]
    Bus {
        /// Which bus.
        address: String,
        /// Why.
        source: zbus::Error,
    },
    /// Nobody has firewalld's name on the bus.
    #[error("firewalld is not running: `systemctl start firewalld`, or write files with --xml")]
    Absent,
    /// polkit or firewalld's lockdown says no.
    #[error(
        "firewalld does not let this user see or change its permanent configuration: {0}; run it as root"
    )]
    Unauthorized(String),
    /// It is from before version 0.9.
    #[error(
        "this firewalld has no policies, which came with version 0.9; \
         use `enforcement.firewalld.mode: rich-rule`, which needs no sets"
    )]
    NoPolicies,
    /// A call failed.
    #[error("{call}: {fault}")]
    Call {
        /// Which, and of what.
        call: String,
        /// What firewalld said.
        fault: Fault,
    },
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is done.
    Done,
    /// It could not be removed, for it comes with a package; any change to it was undone.
    Packaged,
}

/// A connection to firewalld.
#[derive(Debug)]
pub struct Permanent {
    bus: Connection,
    config: ConfigProxy<'static>,
}

impl Permanent {
    /// Connects to firewalld on the bus of this address; `None`: the system bus.
    ///
    /// # Errors
    ///
    /// Fails if the bus does not answer.
    pub async fn connect(address: Option<&str>) -> Result<Self, PermanentError> {
        let bus_error = |source| {
            let address = address.unwrap_or("the system bus").to_owned();
            PermanentError::Bus { address, source }
        };
        let bus = on(address).method_timeout(TIMEOUT).build().await.map_err(bus_error)?;
        let config = ConfigProxy::new(&bus).await.map_err(bus_error)?;
        Ok(Self { bus, config })
    }

    /// What the permanent configuration holds of ours.
    ///
    /// # Errors
    ///
    /// Fails if firewalld does not answer, does not let us look, or has no policies.
    pub async fn existing(&self) -> Result<Existing, PermanentError> {
        let mut existing = Existing::default();
        let names = self.config.get_ip_set_names().await.map_err(of("getIPSetNames"))?;
        for name in names.iter().filter_map(|name| SetName::ours(name)) {
            let settings = self.set(&name).await?.get_settings().await;
            let settings = settings.map_err(of(&format!("getSettings of {name}")))?;
            existing.sets.insert(name, set_settings(settings));
        }
        let names = self.config.get_policy_names().await.map_err(no_policies("getPolicyNames"))?;
        for name in ours(&names) {
            let settings = self.policy(name).await?.get_settings().await;
            let settings = settings.map_err(of(&format!("getSettings of {}", name.as_str())))?;
            existing.policies.insert(name, policy_settings(&settings));
        }
        Ok(existing)
    }

    /// What is loaded of ours, as far as names and rules tell.
    ///
    /// # Errors
    ///
    /// Fails if firewalld does not answer or does not let us look.
    pub async fn loaded(&self) -> Result<Existing, PermanentError> {
        let mut loaded = Existing::default();
        let ipset = IpsetProxy::new(&self.bus).await.map_err(of("ipset"))?;
        let names = ipset.get_ipsets().await.map_err(of("getIPSets"))?;
        for name in names.iter().filter_map(|name| SetName::ours(name)) {
            let options = BTreeMap::from([("family".into(), family_option(family(&name)).into())]);
            let settings = SetSettings { set_type: SET_TYPE.into(), options, entries: 0 };
            loaded.sets.insert(name, settings);
        }
        let policy = PolicyProxy::new(&self.bus).await.map_err(of("policy"))?;
        let names = policy.get_policies().await.map_err(no_policies("getPolicies"))?;
        for name in ours(&names) {
            let settings = policy.get_policy_settings(name.as_str()).await;
            let settings = settings.map_err(of("getPolicySettings"))?;
            loaded.policies.insert(name, policy_settings(&settings));
        }
        Ok(loaded)
    }

    /// Makes one change.
    ///
    /// # Errors
    ///
    /// Fails if firewalld does not make it. What was made before stays.
    pub async fn take(&self, step: &Step) -> Result<Taken, PermanentError> {
        match step {
            Step::AddSet(name) => {
                let added = self.config.add_ip_set(name.as_str(), &new_set(name)).await;
                if !is_there_by_now(&added) {
                    added.map_err(of(&format!("addIPSet {name}")))?;
                    return Ok(Taken::Done);
                }
                let updated = self.set(name).await?.update(&new_set(name)).await;
                updated.map_err(of(&format!("update of {name}")))?;
            }
            Step::RepairSet(name, _) => {
                let updated = self.set(name).await?.update(&new_set(name)).await;
                updated.map_err(of(&format!("update of {name}")))?;
            }
            Step::AddPolicy(name, policy) => {
                let added = self.config.add_policy(name.as_str(), new_policy(*name, policy)).await;
                if !is_there_by_now(&added) {
                    added.map_err(of(&format!("addPolicy {}", name.as_str())))?;
                    return Ok(Taken::Done);
                }
                let updated = self.policy(*name).await?.update(say(policy)).await;
                updated.map_err(of(&format!("update of {}", name.as_str())))?;
            }
            Step::ChangePolicy(name, policy, _) => {
                let updated = self.policy(*name).await?.update(say(policy)).await;
                updated.map_err(of(&format!("update of {}", name.as_str())))?;
            }
            Step::RemovePolicy(name) => {
                let policy = self.policy(*name).await?;
                return removed(policy.remove().await, async || policy.load_defaults().await)
                    .await
                    .map_err(of(&format!("removal of {}", name.as_str())));
            }
            Step::RemoveSet(name) => {
                let set = self.set(name).await?;
                return removed(set.remove().await, async || set.load_defaults().await)
                    .await
                    .map_err(of(&format!("removal of {name}")));
            }
        }
        Ok(Taken::Done)
    }

    async fn set(&self, name: &SetName) -> Result<ConfigIpsetProxy<'_>, PermanentError> {
        let path = self.config.get_ip_set_by_name(name.as_str()).await;
        let path = path.map_err(of(&format!("getIPSetByName {name}")))?;
        ConfigIpsetProxy::new(&self.bus, path).await.map_err(of("ipset"))
    }

    async fn policy(&self, name: PolicyName) -> Result<ConfigPolicyProxy<'_>, PermanentError> {
        let path: zbus::Result<OwnedObjectPath> =
            self.config.get_policy_by_name(name.as_str()).await;
        let path = path.map_err(of(&format!("getPolicyByName {}", name.as_str())))?;
        ConfigPolicyProxy::new(&self.bus, path).await.map_err(of("policy"))
    }
}

/// Our policies among all.
fn ours(names: &[String]) -> impl Iterator<Item = PolicyName> {
    PolicyName::ALL.into_iter().filter(|ours| names.iter().any(|name| name == ours.as_str()))
}

/// Whether it was not there when it was planned, and is now: firewalld hears a second late of the files
/// that a package has just brought.
fn is_there_by_now<T>(added: &zbus::Result<T>) -> bool {
    let has = |error: &zbus::Error| fault(error).to_string().contains("NAME_CONFLICT");
    added.as_ref().is_err_and(has)
}

/// What comes of a removal. What a package brought cannot be removed; a change to it can be undone.
async fn removed(
    removal: zbus::Result<()>,
    load_defaults: impl AsyncFnOnce() -> zbus::Result<()>,
) -> zbus::Result<Taken> {
    let has = |error: &zbus::Error, code| fault(error).to_string().contains(code);
    match removal {
        Ok(()) => Ok(Taken::Done),
        Err(error) if has(&error, "BUILTIN_") => match load_defaults().await {
            Err(error) if !has(&error, "NO_DEFAULTS") => Err(error),
            _ => Ok(Taken::Packaged),
        },
        Err(error) => Err(error),
    }
}

fn of(call: &str) -> impl Fn(zbus::Error) -> PermanentError {
    move |error| match fault(&error) {
        Fault::Absent => PermanentError::Absent,
        Fault::Unauthorized(words) => PermanentError::Unauthorized(words),
        fault => PermanentError::Call { call: call.to_owned(), fault },
    }
}

fn no_policies(call: &str) -> impl Fn(zbus::Error) -> PermanentError {
    move |error| {
        let unknown = error.to_string().contains("UnknownMethod");
        if unknown { PermanentError::NoPolicies } else { of(call)(error) }
    }
}

fn new_set(name: &SetName) -> SetStruct {
    let options = HashMap::from([("family".to_owned(), family_option(family(name)).to_owned())]);
    let short = name.to_string();
    (String::new(), short, description(name), SET_TYPE.to_owned(), options, Vec::new())
}

fn set_settings((_, _, _, set_type, options, entries): SetStruct) -> SetSettings {
    SetSettings { set_type, options: options.into_iter().collect(), entries: entries.len() }
}

fn new_policy(name: PolicyName, policy: &Policy) -> HashMap<&'static str, Variant<'_>> {
    let mut settings = say(policy);
    settings.insert("short", name.as_str().into());
    settings.insert("description", name.description().into());
    settings
}

/// What we have a say in; the rest stays as it is.
fn say(policy: &Policy) -> HashMap<&'static str, Variant<'_>> {
    HashMap::from([
        ("target", policy.target.as_str().into()),
        ("priority", policy.priority.into()),
        ("ingress_zones", policy.ingress_zones.clone().into()),
        ("egress_zones", policy.egress_zones.clone().into()),
        ("rich_rules", policy.rich_rules.clone().into()),
    ])
}

/// What firewalld leaves out is as it is by default.
pub(super) fn policy_settings(settings: &HashMap<String, OwnedVariant>) -> Policy {
    let texts = |key: &str| -> Vec<String> {
        let value = settings.get(key).and_then(|value| value.try_clone().ok());
        value.and_then(|value| value.try_into().ok()).unwrap_or_default()
    };
    let target = settings.get("target").and_then(|value| value.downcast_ref::<String>().ok());
    let priority = settings.get("priority").and_then(|value| value.downcast_ref::<i32>().ok());
    Policy {
        target: target.unwrap_or_else(|| TARGET.to_owned()),
        priority: priority.unwrap_or(-1),
        ingress_zones: texts("ingress_zones"),
        egress_zones: texts("egress_zones"),
        rich_rules: texts("rich_rules"),
    }
}
