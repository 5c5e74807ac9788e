//! What the daemon is asked, and what is said of its answer.

use std::path::Path;

use hyper::Method;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

use super::command::{Command, Key, Listing, Token};
use super::{Refusal, complain, looks, unit};
use crate::cli::{address, ask, value};
use crate::control::api::{
    BanRequest, BanStatus, Banned, Changed, JailStatus, Reloaded, Status, UnbanRequest,
};
use crate::control::client::ClientError;
use crate::control::settings::{JailSettings, Settings};
use crate::jail::ban::show;

/// Asks, and says.
pub(super) fn to(command: Command, socket: &Path, zone: &TimeZone) -> Result<String, Refusal> {
    let daemon = Daemon { socket };
    match command {
        Command::Ping => daemon.status().map(|_| "Server replied: pong".to_owned()),
        Command::Version => daemon.status().map(|status| status.version),
        Command::Status { all } => daemon.status().map(|status| looks::overview(&status, all)),
        Command::StatusOf(jail, flavor) => {
            daemon.jail(&jail).map(|jail| looks::tree(&jail, flavor))
        }
        Command::Stats => daemon.status().map(|status| looks::table(&status)),
        Command::Banned => daemon.banned_by_jail(),
        Command::BannedAnywhere(whom) => daemon.banning(&whom),
        Command::UnbanAll => daemon
            .unban(&UnbanRequest { all: true, ..UnbanRequest::default() })
            .map(|changed| count(&changed)),
        Command::Unban(whom) => daemon
            .unban(&UnbanRequest { addresses: whom, ..UnbanRequest::default() })
            .map(|changed| count(&changed)),
        Command::Ban(jail, whom) => daemon.ban(&jail, &whom),
        Command::UnbanBy(jail, whom, complains) => daemon.unban_by(&jail, &whom, complains),
        Command::BannedBy(jail, listing) => daemon.list(&jail, &listing, zone),
        Command::IsBanned(jail, whom) => daemon.is_banned(&jail, &whom),
        Command::Get(jail, key) => daemon.settings(&jail).map(|settings| setting(&settings, key)),
        Command::Reload { jail, unban } => daemon.reload(jail.as_deref(), unban),
        Command::Unit(verb) => unit::tell(verb),
        Command::Say(text) => Ok(text),
    }
}

/// The daemon, behind its socket.
struct Daemon<'s> {
    socket: &'s Path,
}

impl Daemon<'_> {
    fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Refusal> {
        ask::ask(self.socket, method, path, body).map_err(|error| {
            if let Some(ClientError::NotRunning(socket)) = error.downcast_ref() {
                complain(&format!(
                    "Failed to access socket path: {}. Is fail2ban running? (gaoler answers in its \
                     place: systemctl status gaoler)",
                    socket.display()
                ));
                return Refusal(String::new());
            }
            Refusal(error.to_string())
        })
    }

    fn status(&self) -> Result<Status, Refusal> {
        self.ask(Method::GET, "/api/v1/status", Vec::new())
    }

    fn jail(&self, name: &str) -> Result<JailStatus, Refusal> {
        let jails = self.status()?.jails;
        let jail = jails.into_iter().find(|jail| jail.name == name);
        jail.ok_or_else(|| Refusal(format!("Sorry but the jail '{name}' does not exist")))
    }

    fn settings(&self, name: &str) -> Result<JailSettings, Refusal> {
        let settings: Settings = self.ask(Method::GET, "/api/v1/settings", Vec::new())?;
        let jail = settings.jails.into_iter().find(|jail| jail.name == name);
        jail.ok_or_else(|| Refusal(format!("Sorry but the jail '{name}' does not exist")))
    }

    fn bans(&self) -> Result<Vec<BanStatus>, Refusal> {
        let banned: Banned = self.ask(Method::GET, "/api/v1/banned", Vec::new())?;
        Ok(banned.bans)
    }

    fn bans_of(&self, jail: &str) -> Result<Vec<BanStatus>, Refusal> {
        self.jail(jail)?;
        Ok(self.bans()?.into_iter().filter(|ban| ban.jail == jail).collect())
    }

    fn banned_by_jail(&self) -> Result<String, Refusal> {
        let jails = self.status()?.jails.into_iter().map(|jail| {
            let banned = looks::python_list(jail.actions.banned.iter().map(String::as_str));
            format!("{{{}: {banned}}}", looks::python_string(&jail.name))
        });
        Ok(format!("[{}]", jails.collect::<Vec<_>>().join(", ")))
    }

    fn banning(&self, whom: &[Token]) -> Result<String, Refusal> {
        let bans = self.bans()?;
        let each = whom.iter().map(|one| {
            let concerned = bans.iter().filter(|ban| is_meant(ban, one.as_ref()));
            looks::python_list(concerned.map(|ban| ban.jail.as_str()))
        });
        Ok(format!("[{}]", each.collect::<Vec<_>>().join(", ")))
    }

    fn is_banned(&self, jail: &str, whom: &[Token]) -> Result<String, Refusal> {
        let bans = self.bans_of(jail)?;
        let is = |one: &Token| bans.iter().any(|ban| is_meant(ban, one.as_ref()));
        let each: Vec<&str> = whom.iter().map(|one| if is(one) { "1" } else { "0" }).collect();
        Ok(match &each[..] {
            [] => looks::python_list(bans.iter().map(|ban| ban.address.as_str())),
            [one] => (*one).to_owned(),
            each => format!("[{}]", each.join(", ")),
        })
    }

    fn list(&self, jail: &str, listing: &Listing, zone: &TimeZone) -> Result<String, Refusal> {
        let bans = self.bans_of(jail)?;
        Ok(match listing {
            Listing::Joined(between) => {
                let addresses: Vec<&str> = bans.iter().map(|ban| ban.address.as_str()).collect();
                addresses.join(between)
            }
            Listing::WithTime => {
                let lines: Vec<String> =
                    bans.iter().map(|ban| looks::with_time(ban, zone)).collect();
                lines.join("\n")
            }
        })
    }

    /// Who is banned already stays so until then, as in fail2ban.
    fn ban(&self, jail: &str, whom: &[IpNet]) -> Result<String, Refusal> {
        let bans = self.bans_of(jail)?;
        let holds = |ban: &BanStatus, one: &IpNet| {
            value::network(&ban.address).is_ok_and(|network| network.contains(one))
        };
        let is_new = |one: &&IpNet| !bans.iter().any(|ban| holds(ban, one));
        let addresses: Vec<IpNet> = whom.iter().filter(is_new).copied().collect();
        if addresses.is_empty() {
            return Ok("0".to_owned());
        }
        let request = BanRequest { jail: jail.to_owned(), addresses, bantime: None };
        let body = serde_json::to_vec(&request).expect("our types are maps with string keys");
        let changed: Changed = self.ask(Method::POST, "/api/v1/ban", body)?;
        told(changed).map(|changed| count(&changed))
    }

    fn unban(&self, request: &UnbanRequest) -> Result<Changed, Refusal> {
        let body = serde_json::to_vec(request).expect("our types are maps with string keys");
        told(self.ask(Method::POST, "/api/v1/unban", body)?)
    }

    fn unban_by(&self, jail: &str, whom: &[IpNet], complains: bool) -> Result<String, Refusal> {
        let bans = self.bans_of(jail)?;
        let is = |one: &&IpNet| bans.iter().any(|ban| is_meant(ban, Some(one)));
        let absent: Vec<String> = whom.iter().filter(|one| !is(one)).map(show).collect();
        if complains && !absent.is_empty() {
            let absent = looks::python_list(absent.iter().map(String::as_str));
            return Err(Refusal(format!("not banned: {absent}")));
        }
        let (jail, addresses) = (Some(jail.to_owned()), whom.to_vec());
        self.unban(&UnbanRequest { jail, addresses, all: false }).map(|changed| count(&changed))
    }

    fn reload(&self, jail: Option<&str>, unban: bool) -> Result<String, Refusal> {
        if let Some(jail) = jail {
            self.jail(jail)?;
        }
        if unban {
            let (jail, addresses) = (jail.map(str::to_owned), Vec::new());
            self.unban(&UnbanRequest { jail, addresses, all: true })?;
        }
        let _: Reloaded = self.ask(Method::POST, "/api/v1/reload", Vec::new())?;
        Ok("OK".to_owned())
    }
}

/// Whether a ban is of whom was asked for, or of a network that holds them.
fn is_meant(ban: &BanStatus, whom: Option<&IpNet>) -> bool {
    whom.is_some_and(|whom| address::concerns(ban, whom))
}

fn count(changed: &Changed) -> String {
    changed.changed.to_string()
}

/// What the firewall did not confirm is said on standard error, and is no success.
fn told(changed: Changed) -> Result<Changed, Refusal> {
    if changed.problems.is_empty() {
        return Ok(changed);
    }
    for problem in &changed.problems {
        complain(problem);
    }
    Err(Refusal(changed.changed.to_string()))
}

fn setting(jail: &JailSettings, key: Key) -> String {
    let numbered = |lines: &[String]| -> Vec<String> {
        (0..).zip(lines).map(|(number, line): (u32, _)| format!("[{number}]: {line}")).collect()
    };
    let regexes = |lines: &[String]| {
        let none = "No regular expression is defined";
        looks::list("The following regular expression are defined:", none, &numbered(lines))
    };
    match key {
        Key::Logpath => {
            let none = "No file is currently monitored";
            looks::list("Current monitored log file(s):", none, &jail.logpath)
        }
        Key::Logencoding => "Current log encoding is set to:\nUTF-8".to_owned(),
        Key::Journalmatch if jail.journalmatch.is_empty() => {
            "No journal match filter set".to_owned()
        }
        Key::Journalmatch => format!("Current match filter:\n{}", jail.journalmatch),
        Key::Ignoreself => looks::python_bool(jail.ignoreself).to_owned(),
        Key::Ignoreip => looks::list(
            "These IP addresses/networks are ignored:",
            "No IP address/network is ignored",
            &jail.ignoreip,
        ),
        Key::Ignorecommand => looks::python_bool(false).to_owned(),
        Key::Failregex => regexes(&jail.failregex),
        Key::Ignoreregex => regexes(&jail.ignoreregex),
        Key::Findtime => jail.findtime.to_string(),
        Key::Bantime => jail.bantime.unwrap_or(-1).to_string(),
        Key::Datepattern => {
            let pattern = jail.datepattern.as_deref().unwrap_or("Default Detectors");
            format!("Current date pattern set to: {pattern}")
        }
        Key::Usedns => "no".to_owned(),
        Key::Maxretry => jail.maxretry.to_string(),
        Key::Maxlines => "1".to_owned(),
        Key::Actions => format!("The jail {} has the following actions:\ngaoler", jail.name),
    }
}
