//! firewalld's D-Bus interfaces for its permanent configuration, as far as `gaoler provision` uses
//! them. `reload`, `completeReload` and `runtimeToPermanent` are not here, and none may come.
//!
//! Source: firewalld.dbus(5).

use std::collections::HashMap;

use zbus::{OwnedObjectPath, OwnedVariant, Variant};

/// An ipset: version, name, description, type, options, entries.
pub(super) type SetStruct = (String, String, String, String, HashMap<String, String>, Vec<String>);

/// `org.fedoraproject.FirewallD1.config`.
#[zbus::proxy(
    interface = "org.fedoraproject.FirewallD1.config",
    default_service = "org.fedoraproject.FirewallD1",
    default_path = "/org/fedoraproject/FirewallD1/config"
)]
pub trait Config {
    /// The names of all sets.
    #[zbus(name = "getIPSetNames")]
    fn get_ip_set_names(&self) -> zbus::Result<Vec<String>>;

    /// The object of a set.
    #[zbus(name = "getIPSetByName")]
    fn get_ip_set_by_name(&self, name: &str) -> zbus::Result<OwnedObjectPath>;

    /// Makes a set.
    #[zbus(name = "addIPSet")]
    fn add_ip_set(&self, name: &str, settings: &SetStruct) -> zbus::Result<OwnedObjectPath>;

    /// The names of all policies; since 0.9.
    #[zbus(name = "getPolicyNames")]
    fn get_policy_names(&self) -> zbus::Result<Vec<String>>;

    /// The object of a policy.
    #[zbus(name = "getPolicyByName")]
    fn get_policy_by_name(&self, name: &str) -> zbus::Result<OwnedObjectPath>;

    /// Makes a policy.
    #[zbus(name = "addPolicy")]
    fn add_policy(
        &self,
        name: &str,
        settings: HashMap<&str, Variant<'_>>,
    ) -> zbus::Result<OwnedObjectPath>;
}

/// `org.fedoraproject.FirewallD1.config.ipset`.
#[zbus::proxy(
    interface = "org.fedoraproject.FirewallD1.config.ipset",
    default_service = "org.fedoraproject.FirewallD1"
)]
pub trait ConfigIpset {
    /// Its settings.
    #[zbus(name = "getSettings")]
    fn get_settings(&self) -> zbus::Result<SetStruct>;

    /// Sets them.
    #[zbus(name = "update")]
    fn update(&self, settings: &SetStruct) -> zbus::Result<()>;

    /// Back to what a package brought.
    #[zbus(name = "loadDefaults")]
    fn load_defaults(&self) -> zbus::Result<()>;

    /// Removes it.
    #[zbus(name = "remove")]
    fn remove(&self) -> zbus::Result<()>;
}

/// `org.fedoraproject.FirewallD1.config.policy`.
#[zbus::proxy(
    interface = "org.fedoraproject.FirewallD1.config.policy",
    default_service = "org.fedoraproject.FirewallD1"
)]
pub trait ConfigPolicy {
    /// Its settings; what is empty is left out.
    #[zbus(name = "getSettings")]
    fn get_settings(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;

    /// Sets those that are named.
    #[zbus(name = "update")]
    fn update(&self, settings: HashMap<&str, Variant<'_>>) -> zbus::Result<()>;

    /// Back to what a package brought.
    #[zbus(name = "loadDefaults")]
    fn load_defaults(&self) -> zbus::Result<()>;

    /// Removes it.
    #[zbus(name = "remove")]
    fn remove(&self) -> zbus::Result<()>;
}
