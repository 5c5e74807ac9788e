//! The forms that texts in a file have: paths, names, rates, formats.
//!
//! Each reads one, or says what is wrong with it in words that follow the text itself.

mod network;
mod time_zone;

use std::net::{IpAddr, SocketAddr};

pub(super) use self::network::{network, network_form};
pub(super) use self::time_zone::{time_zone, time_zone_form};
use super::duration::{self, Length};
use crate::filter::definition::HttpdFormat;
use crate::filter::httpd::logformat::LogFormat;
use crate::jail::bantime::formula::Formula;
use crate::jail::breaker::Rate;

/// Anything but nothing.
pub(super) fn some(text: &str) -> Result<(), String> {
    if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(()) }
}

/// Anything.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the checks, which may fail")]
pub(super) fn any(_: &str) -> Result<(), String> {
    Ok(())
}

/// A jail's name: it becomes a metric's label, a row's key, and a word on the command line.
pub(super) fn jail_name(text: &str) -> Result<(), String> {
    let is_name = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if (1..=64).contains(&text.len()) && is_name && !text.starts_with('-') {
        return Ok(());
    }
    Err("is not a jail's name: 1 to 64 letters, digits, `_`, `.` and `-`, not beginning with `-`"
        .to_owned())
}

/// A name that nft(8) takes for a table, and that firewalld has not taken.
pub(super) fn table(text: &str) -> Result<(), String> {
    if text == "firewalld" {
        return Err("is firewalld's own table".to_owned());
    }
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if first && is_name && text.len() <= 64 {
        return Ok(());
    }
    Err("is not a table's name: 1 to 64 letters, digits, `_`, `.` and `-`, beginning with a letter"
        .to_owned())
}

/// A filter's name, with the mode it may carry: `sshd[mode=aggressive]`.
pub(super) fn filter_spec(text: &str) -> Result<(&str, Option<&str>), String> {
    let (name, mode) = match text.split_once('[') {
        None => (text, None),
        Some((name, rest)) => {
            let parameters = rest.strip_suffix(']').ok_or("lacks its closing `]`")?;
            let mode = parameters.strip_prefix("mode=").map(|mode| mode.trim_matches(['"', '\'']));
            let mode = mode.filter(|mode| word(mode).is_ok());
            (name, Some(mode.ok_or("has a parameter other than `mode`; write `NAME[mode=MODE]`")?))
        }
    };
    if word(name).is_err() || name.starts_with('.') {
        return Err("is not a filter's name: letters, digits, `_`, `.` and `-`".to_owned());
    }
    Ok((name, mode))
}

/// As [`filter_spec`], for the table.
pub(super) fn filter_spec_form(text: &str) -> Result<(), String> {
    filter_spec(text).map(|_| ())
}

/// A word: letters, digits, `_`, `.`, `-`.
pub(super) fn word(text: &str) -> Result<(), String> {
    let is_word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if is_word && (1..=64).contains(&text.len()) {
        return Ok(());
    }
    Err("is not a word of letters, digits, `_`, `.` and `-`".to_owned())
}

/// An absolute path.
pub(super) fn path(text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("is not a path: it has a NUL in it".to_owned());
    }
    if text.starts_with('/') {
        return Ok(());
    }
    Err("is not an absolute path; begin it with `/`".to_owned())
}

/// A glob(7) pattern of absolute paths.
pub(super) fn log_path(text: &str) -> Result<(), String> {
    path(text)?;
    if text.ends_with(" tail") || text.ends_with(" head") {
        return Err("ends in a word of fail2ban's; leave it out: how far a file was read is \
                    remembered"
            .to_owned());
    }
    glob::Pattern::new(text).map(|_| ()).map_err(|error| format!("is not a glob: {error}"))
}

/// `FIELD=value` terms.
pub(super) fn journalmatch(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is empty; write for example `_SYSTEMD_UNIT=sshd.service _UID=0`".to_owned());
    }
    crate::record::journalmatch::JournalMatch::parse([text])
        .map(|_| ())
        .map_err(|error| format!("is not a journalmatch: {error}"))
}

/// A number that something is multiplied by.
pub(super) fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => Ok(factor),
        _ => Err("is not a number above 0; write for example `2` or `1.5`".to_owned()),
    }
}

/// As [`factor`], for the table.
pub(super) fn factor_form(text: &str) -> Result<(), String> {
    factor(text).map(|_| ())
}

/// A formula of [`crate::jail::bantime`], for the table.
pub(super) fn formula_form(text: &str) -> Result<(), String> {
    text.parse::<Formula>().map(|_| ()).map_err(|error| error.to_string())
}

/// More would be kept for each jail than a breaker is worth.
const MOST_NEW_BANS: usize = 100_000;

/// How many new bans within how long; `None` for `off`.
pub(super) fn rate(text: &str) -> Result<Option<Rate>, String> {
    if text == "off" {
        return Ok(None);
    }
    let form = "is not a number of bans within a time; write for example `200/1m`, or `off`";
    let (most, within) = text.split_once('/').ok_or(form)?;
    let most: usize = most.trim().parse().map_err(|_| form)?;
    if !(1..=MOST_NEW_BANS).contains(&most) {
        return Err(format!("is out of range: from 1 to {MOST_NEW_BANS} bans, or `off`"));
    }
    match duration::parse(within) {
        Ok(Length::Of(within)) => Ok(Rate::new(most, within)),
        Ok(Length::Permanent) => Err(form.to_owned()),
        Err(error) => Err(format!("has a time that {error}")),
    }
}

/// As [`rate`], for the table.
pub(super) fn rate_form(text: &str) -> Result<(), String> {
    rate(text).map(|_| ())
}

/// How an access log is written: a format's name, or httpd's own words.
pub(super) fn logformat(text: &str) -> Result<(), String> {
    match HttpdFormat::named(text) {
        HttpdFormat::LogFormat(words) if !words.contains('%') => Err(
            "is not a log format: `combined`, `common`, `vhost_combined`, `json`, or what httpd's \
             LogFormat says between its quotes"
                .to_owned(),
        ),
        HttpdFormat::LogFormat(words) => LogFormat::parse(&words)
            .map(|_| ())
            .map_err(|error| format!("is not a log format that can be read: {error}")),
        _ => Ok(()),
    }
}

/// Where to listen; `None` for `off`.
pub(super) fn listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        "is not an address with a port; write for example `127.0.0.1:9642`, `[::1]:9642` or `off`"
            .to_owned()
    })
}

/// As [`listen`], for the table.
pub(super) fn listen_form(text: &str) -> Result<(), String> {
    listen(text).map(|_| ())
}

/// Where a collector is: the scheme says whether TLS is spoken.
pub(super) fn endpoint(text: &str) -> Result<(), String> {
    let wrong = || "is not a URL; write for example `http://127.0.0.1:4317`".to_owned();
    let uri: hyper::Uri = text.parse().map_err(|_| wrong())?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty());
    if authority.ok_or_else(wrong)?.as_str().contains('@') {
        return Err("holds a user name".to_owned());
    }
    match uri.scheme_str() {
        Some("http" | "https") => Ok(()),
        _ => Err("is neither `http://` nor `https://`".to_owned()),
    }
}

/// A header, `name=value`, as HTTP can carry it.
pub(super) fn header(text: &str) -> Result<(), String> {
    use hyper::header::{HeaderName, HeaderValue};
    let (name, value) = text.split_once('=').ok_or("is not `name=value`")?;
    let named = HeaderName::from_bytes(name.trim().as_bytes()).is_ok();
    let valued = HeaderValue::from_str(value.trim()).is_ok_and(|value| value.to_str().is_ok());
    if named && valued { Ok(()) } else { Err("is no header that can be sent".to_owned()) }
}

/// A firewalld zone's name (firewalld.zone(5)), or `active`.
pub(super) fn zone(text: &str) -> Result<(), String> {
    let is_name = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/-".contains(&b));
    if is_name && (1..=64).contains(&text.len()) {
        return Ok(());
    }
    Err("is not the name of a firewalld zone; `firewall-cmd --get-zones` lists them".to_owned())
}

/// A D-Bus address (D-Bus specification, "Server Addresses").
pub(super) fn bus(text: &str) -> Result<(), String> {
    if text.split_once(':').is_some_and(|(transport, _)| word(transport).is_ok()) {
        return Ok(());
    }
    Err("is not a D-Bus address; write for example `unix:path=/run/dbus/system_bus_socket`"
        .to_owned())
}

/// A port, as far as its form goes.
pub(super) fn port_form(text: &str) -> Result<(), String> {
    super::ports::check(text).map_err(|error| error.to_string())
}

/// An address that a sample yields.
pub(super) fn address(text: &str) -> Result<(), String> {
    text.parse::<IpAddr>().map(|_| ()).map_err(|_| "is not an address".to_owned())
}

/// A status of an httpd rule: `404`, `4xx`, `400-499`.
pub(super) fn status(text: &str) -> Result<(), String> {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| (100..=599).contains(code));
    let is_class = text.len() == 3
        && text.as_bytes()[0].is_ascii_digit()
        && (b'1'..=b'5').contains(&text.as_bytes()[0])
        && text.ends_with("xx");
    let is_range = text.split_once('-').is_some_and(|(first, last)| {
        matches!((code(first), code(last)), (Some(first), Some(last)) if first <= last)
    });
    if code(text).is_some() || is_class || is_range {
        return Ok(());
    }
    Err("is not a status; write for example `404`, `4xx` or `400-499`".to_owned())
}

/// An instant with its zone (RFC 3339).
pub(super) fn timestamp(text: &str) -> Result<(), String> {
    text.parse::<jiff::Timestamp>()
        .map(|_| ())
        .map_err(|_| "is not an RFC 3339 time, such as `2026-11-22T12:00:00Z`".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_rates() {
        let check = |text, expected: Option<(usize, i64)>| {
            let expected = expected.map(|(most, seconds)| {
                Rate::new(most, jiff::SignedDuration::from_secs(seconds)).unwrap()
            });
            assert_eq!(rate(text), Ok(expected), "{text}");
        };
        check("200/1m", Some((200, 60)));
        check("1 / 1d12h", Some((1, 36 * 3600)));
        check("5/30", Some((5, 30)));
        check("off", None);
        for bad in ["", "200", "200/", "/1m", "0/1m", "-1/1m", "100001/1m", "1/permanent", "1/1x"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_a_filter_with_its_mode() {
        assert_eq!(filter_spec("sshd"), Ok(("sshd", None)));
        assert_eq!(filter_spec("sshd[mode=ddos]"), Ok(("sshd", Some("ddos"))));
        assert_eq!(filter_spec("sshd[mode=\"ddos\"]"), Ok(("sshd", Some("ddos"))));
        for bad in ["", "../x", "a/b", "sshd[mode=x", "sshd[a=b]", "sshd[mode=]", ".x"] {
            assert!(filter_spec(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn jail_names_are_words_for_the_command_line() {
        let longest = "x".repeat(64);
        for good in ["sshd", "http-get-dos", "a.b_c", "9", &longest] {
            assert_eq!(jail_name(good), Ok(()), "{good}");
        }
        let too_long = "x".repeat(65);
        for bad in ["", "-x", "a b", "a/b", "j\u{e4}il", &too_long] {
            assert!(jail_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_table_is_a_word_of_nft_and_not_firewalld_s() {
        for good in ["gaoler", "_a", "A.b-c_9"] {
            assert_eq!(table(good), Ok(()), "{good}");
        }
        let too_long = "x".repeat(65);
        for bad in ["", "9", "-x", "a b", "a/b", "t\u{e4}ble", "firewalld", &too_long] {
            assert!(table(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn statuses_are_codes_classes_and_ranges() {
        for good in ["404", "4xx", "400-499", "100", "599"] {
            assert_eq!(status(good), Ok(()), "{good}");
        }
        for bad in ["", "99", "600", "0xx", "6xx", "499-400", "4x", "\u{e9}xx", "40a"] {
            assert!(status(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = (listen(&text), filter_spec(&text));
            let _ = (jail_name(&text), log_path(&text), journalmatch(&text), status(&text));
            let _ = (zone(&text), bus(&text), timestamp(&text), port_form(&text));
            let _ = (logformat(&text), rate(&text));
        }
    }
}
