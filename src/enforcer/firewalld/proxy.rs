//! firewalld's D-Bus interfaces, as far as we use them.
//!
//! Of the properties only the version is read: that needs the polkit action `config`, as every change
//! does. No method that writes permanent configuration or reloads is here, and none may come: both are the
//! operator's. `timeout` of `addRichRule` is always 0, since a live timed rule can make firewalld's
//! next reload fail half way.
//!
//! Source: firewalld.dbus(5).

use std::collections::HashMap;

use zbus::OwnedVariant;

/// firewalld's name on the bus.
pub(super) const NAME: &str = "org.fedoraproject.FirewallD1";

/// The object that answers for the running firewall.
pub(super) const PATH: &str = "/org/fedoraproject/FirewallD1";

/// `org.fedoraproject.FirewallD1`.
#[zbus::proxy(
    interface = "org.fedoraproject.FirewallD1",
    default_service = "org.fedoraproject.FirewallD1",
    default_path = "/org/fedoraproject/FirewallD1"
)]
pub trait FirewallD1 {
    /// The zone of whatever is bound to none.
    #[zbus(name = "getDefaultZone")]
    fn get_default_zone(&self) -> zbus::Result<String>;

    /// firewalld's version, such as `1.3.3`.
    #[zbus(property(emits_changed_signal = "false"), name = "version")]
    fn version(&self) -> zbus::Result<String>;

    /// Whether panic mode is on.
    #[zbus(name = "queryPanicMode")]
    fn query_panic_mode(&self) -> zbus::Result<bool>;
}

/// `org.fedoraproject.FirewallD1.zone`.
#[zbus::proxy(
    interface = "org.fedoraproject.FirewallD1.zone",
    default_service = "org.fedoraproject.FirewallD1",
    default_path = "/org/fedoraproject/FirewallD1"
)]
pub trait Zone {
    /// The zones to which something is bound, and what; the default zone not in every version.
    #[zbus(name = "getActiveZones")]
    fn get_active_zones(&self) -> zbus::Result<HashMap<String, HashMap<String, Vec<String>>>>;

    /// Every zone.
    #[zbus(name = "getZones")]
    fn get_zones(&self) -> zbus::Result<Vec<String>>;

    /// The rules of a zone, in no order.
    #[zbus(name = "getRichRules")]
    fn get_rich_rules(&self, zone: &str) -> zbus::Result<Vec<String>>;

    /// Adds a rule at run time. Returns the zone as given.
    #[zbus(name = "addRichRule")]
    fn add_rich_rule(&self, zone: &str, rule: &str, timeout: i32) -> zbus::Result<String>;

    /// Removes a rule at run time. Returns the zone as given.
    #[zbus(name = "removeRichRule")]
    fn remove_rich_rule(&self, zone: &str, rule: &str) -> zbus::Result<String>;
}

/// `org.fedoraproject.FirewallD1.ipset`.
#[zbus::proxy(
    interface = "org.fedoraproject.FirewallD1.ipset",
    default_service = "org.fedoraproject.FirewallD1",
    default_path = "/org/fedoraproject/FirewallD1"
)]
pub trait Ipset {
    /// Every set there is at run time.
    #[zbus(name = "getIPSets")]
    fn get_ipsets(&self) -> zbus::Result<Vec<String>>;

    /// The entries of a set, as firewalld has them; the kernel is not asked.
    #[zbus(name = "getEntries")]
    fn get_entries(&self, ipset: &str) -> zbus::Result<Vec<String>>;

    /// Adds an entry at run time.
    #[zbus(name = "addEntry")]
    fn add_entry(&self, ipset: &str, entry: &str) -> zbus::Result<()>;

    /// Removes an entry at run time.
    #[zbus(name = "removeEntry")]
    fn remove_entry(&self, ipset: &str, entry: &str) -> zbus::Result<()>;

    /// Empties a set, then adds these, at run time. Not in one: for empty sets only.
    #[zbus(name = "setEntries")]
    fn set_entries(&self, ipset: &str, entries: &[String]) -> zbus::Result<()>;
}

/// `org.fedoraproject.FirewallD1.policy`.
#[zbus::proxy(
    interface = "org.fedoraproject.FirewallD1.policy",
    default_service = "org.fedoraproject.FirewallD1",
    default_path = "/org/fedoraproject/FirewallD1"
)]
pub trait Policy {
    /// The policies in force, and their zones.
    #[zbus(name = "getActivePolicies")]
    fn get_active_policies(&self) -> zbus::Result<HashMap<String, HashMap<String, Vec<String>>>>;

    /// Every policy there is at run time, in force or not.
    #[zbus(name = "getPolicies")]
    fn get_policies(&self) -> zbus::Result<Vec<String>>;

    /// A policy's settings at run time; what is empty is left out.
    #[zbus(name = "getPolicySettings")]
    fn get_policy_settings(&self, policy: &str) -> zbus::Result<HashMap<String, OwnedVariant>>;
}
