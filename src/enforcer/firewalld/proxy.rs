//! firewalld's D-Bus interfaces, as far as we use them.
//!
//! Methods only. No property is ever read: that would need the polkit action `config`. No method
//! that writes permanent configuration or reloads is here, and none may come: both are the
//! operator's. `timeout` of `addRichRule` is always 0, since a live timed rule can make firewalld's
//! next reload fail half way.
//!
//! Source: firewalld.dbus(5).

use std::collections::HashMap;

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
