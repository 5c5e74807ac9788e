//! What the jails go by, for whoever asks over the socket.

use super::Daemon;
use super::running::RunningJail;
use crate::control::settings::{JailSettings, Settings};
use crate::record::origin::Origin;

impl Daemon {
    /// For `fail2ban-client get`.
    pub(super) fn settings(&self) -> Settings {
        Settings { jails: self.jails.iter().map(of_jail).collect() }
    }
}

fn of_jail(running: &RunningJail) -> JailSettings {
    let settings = &running.settings;
    let definition = &settings.filter.definition;
    let (logpath, journalmatch) = match &settings.origin {
        Origin::Files(files) => (files.patterns.clone(), String::new()),
        Origin::Journal(journal) => (Vec::new(), journal.matches.to_string()),
        Origin::Bans(_) => (Vec::new(), String::new()),
    };
    JailSettings {
        name: settings.name.to_string(),
        logpath,
        journalmatch,
        ignoreip: settings.ignoreip.iter().map(crate::jail::ban::show).collect(),
        ignoreself: settings.ignoreself,
        failregex: settings.filter.lines(),
        ignoreregex: definition.ignoreregex.clone(),
        datepattern: definition.datepattern.clone(),
        findtime: settings.threshold.findtime().as_secs(),
        maxretry: settings.threshold.maxretry() as u64,
        bantime: settings.bantime.map(|bantime| bantime.as_secs()),
    }
}
