//! What an error of firewalld's means for what to do next.
//!
//! firewalld names all its errors alike; the code is the message, up to a colon. A message without
//! a code is a Python exception's text. `COMMAND_FAILED` carries the whole ruleset, megabytes of it:
//! what is kept here is cut short.
//!
//! Source: firewalld.dbus(5); firewall/errors.py.

use crate::printable::excerpt;

/// How much of firewalld's own words is kept, in characters.
const WORDS: usize = 200;

/// What nft says when the kernel has no such table, chain, set or rule (ENOENT).
const NO_ENTRY: &str = "No such file or directory";

/// Why a call did not do what it was to do, as a choice of what to do next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// To be added, and there already; or to be removed, and not there. As good as done.
    #[error("it is so already")]
    AlreadySo,
    /// Panic mode is on: firewalld takes no rule until it is off.
    #[error("panic mode is on")]
    Panic,
    /// The zone, the set or the policy is not there.
    #[error("firewalld does not have it: {0}")]
    Missing(String),
    /// The set holds an entry, unknown to us, that overlaps.
    #[error("the set holds what overlaps: {0}")]
    Overlap(String),
    /// firewalld will never take the rule or the entry.
    #[error("firewalld refuses it: {0}")]
    Invalid(String),
    /// The kernel has lost what firewalld believes it made, as after `nft flush ruleset`.
    #[error("the kernel has lost firewalld's rules: {0}")]
    Flushed(String),
    /// polkit says no, or firewalld's lockdown.
    #[error("gaoler may not do this: {0}")]
    Unauthorized(String),
    /// Nobody has firewalld's name on the bus.
    #[error("firewalld is not running")]
    Absent,
    /// Whether it was done is not known: look first.
    #[error("firewalld failed: {0}")]
    Unknown(String),
    /// No answer in time. Whether it was done is not known.
    #[error("firewalld did not answer in time")]
    Silent,
}

impl Fault {
    /// Reads a D-Bus error: its name, and the message if it has one.
    #[must_use]
    pub fn of(name: &str, message: &str) -> Self {
        let code = message.split(':').next().unwrap_or_default().trim();
        let words = excerpt(message, WORDS);
        if name.contains("NotAuthorizedException") || name.ends_with(".AccessDenied") {
            return Self::Unauthorized(words);
        }
        match name.rsplit('.').next().unwrap_or_default() {
            "ServiceUnknown" | "NameHasNoOwner" => return Self::Absent,
            "NoReply" | "Timeout" | "TimedOut" => return Self::Silent,
            _ => {}
        }
        match code {
            "ALREADY_ENABLED" | "NOT_ENABLED" => Self::AlreadySo,
            "PANIC_MODE" => Self::Panic,
            "INVALID_ZONE" | "INVALID_IPSET" | "INVALID_POLICY" => Self::Missing(words),
            "INVALID_ENTRY" if words.contains("overlaps") => Self::Overlap(words),
            "COMMAND_FAILED" if words.contains(NO_ENTRY) => Self::Flushed(words),
            "ACCESS_DENIED" => Self::Unauthorized(words),
            "MISSING_FAMILY" => Self::Invalid(words),
            code if code.starts_with("INVALID_") => Self::Invalid(words),
            _ => Self::Unknown(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXCEPTION: &str = "org.fedoraproject.FirewallD1.Exception";

    #[track_caller]
    fn check(name: &str, message: &str, expected: &Fault) {
        assert_eq!(Fault::of(name, message), *expected);
    }

    #[test]
    fn the_code_is_what_precedes_the_colon() {
        check(EXCEPTION, "ALREADY_ENABLED: 'rule' already in 'public'", &Fault::AlreadySo);
        check(EXCEPTION, "NOT_ENABLED: 'rule' not in 'public'", &Fault::AlreadySo);
        check(EXCEPTION, "PANIC_MODE", &Fault::Panic);
        check(EXCEPTION, "INVALID_ZONE: dmz", &Fault::Missing("INVALID_ZONE: dmz".into()));
        check(EXCEPTION, "INVALID_ADDR: x", &Fault::Invalid("INVALID_ADDR: x".into()));
    }

    #[test]
    fn what_has_no_code_is_unknown() {
        let python = "dictionary changed size during iteration";
        check(EXCEPTION, python, &Fault::Unknown(python.into()));
        check(EXCEPTION, "", &Fault::Unknown(String::new()));
        let python = "ALREADY_ENABLED_NOT";
        check(EXCEPTION, python, &Fault::Unknown(python.into()));
    }

    #[test]
    fn every_version_refuses_in_its_own_words() {
        for name in [
            "org.fedoraproject.FirewallD1.NotAuthorizedException",
            "org.fedoraproject.slip.dbus.service.PolKit.NotAuthorizedException.org.x.config",
            "org.freedesktop.DBus.Error.AccessDenied",
        ] {
            check(name, "Not Authorized", &Fault::Unauthorized("Not Authorized".into()));
        }
        let denied = Fault::Unauthorized("ACCESS_DENIED: lockdown".into());
        check(EXCEPTION, "ACCESS_DENIED: lockdown", &denied);
    }

    #[test]
    fn the_bus_speaks_for_a_firewalld_that_is_gone() {
        check("org.freedesktop.DBus.Error.ServiceUnknown", "The name …", &Fault::Absent);
        check("org.freedesktop.DBus.Error.NoReply", "Message recipient …", &Fault::Silent);
    }

    #[test]
    fn a_blob_is_cut_short() {
        let blob = format!("COMMAND_FAILED: {}\n\x1b[31m", "é".repeat(3_000_000));
        let Fault::Unknown(words) = Fault::of(EXCEPTION, &blob) else { panic!("not unknown") };
        assert_eq!(words.chars().count(), WORDS + 1);
        let Fault::Unknown(words) = Fault::of(EXCEPTION, "x\ny\x1b") else { panic!("not unknown") };
        assert_eq!(words, r"x\ny\u{1b}");
    }
}
