//! How fail2ban-client prints: its trees, its lists, Python's own notation.

use std::fmt::Write;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::command::Flavor;
use crate::control::api::{BanStatus, JailStatus, OriginStatus, Status};

/// `status`.
pub(super) fn overview(status: &Status, all: Option<Flavor>) -> String {
    let names: Vec<&str> = status.jails.iter().map(|jail| jail.name.as_str()).collect();
    let (count, names) = (names.len(), names.join(", "));
    let Some(flavor) = all else {
        return format!("Status\n|- Number of jail:\t{count}\n`- Jail list:\t{names}");
    };
    let mut text = format!("Status\n|- Number of jail:\t{count}\n|- Jail list:\t{names}\n");
    text.push_str("`- Status for the jails:");
    for (number, jail) in (1..).zip(&status.jails) {
        let (branch, trunk) = if number == count { ("`-", "  ") } else { ("|-", "| ") };
        for (line, shown) in tree(jail, flavor).lines().enumerate() {
            let edge = if line == 0 { branch } else { trunk };
            write!(text, "\n   {edge} {shown}").expect("a String takes all");
        }
    }
    text
}

/// `status JAIL`.
pub(super) fn tree(jail: &JailStatus, flavor: Flavor) -> String {
    let (filter, actions) = (&jail.filter, &jail.actions);
    let origin = match &filter.origin {
        OriginStatus::JournalMatches(matches) => format!("Journal matches:\t{matches}"),
        OriginStatus::FileList(files) => format!("File list:\t{}", files.join(" ")),
        OriginStatus::Bans(_) => "File list:\t".to_owned(),
    };
    let mut text = format!(
        "Status for the jail: {}\n|- Filter\n|  |- Currently failed:\t{}\n|  |- Total failed:\t{}\n\
         |  `- {origin}\n`- Actions\n   |- Currently banned:\t{}\n",
        jail.name, filter.currently_failed, filter.total_failed, actions.currently_banned
    );
    let total = actions.total_banned;
    match flavor {
        Flavor::Short => write!(text, "   `- Total banned:\t{total}"),
        Flavor::Basic => write!(
            text,
            "   |- Total banned:\t{total}\n   `- Banned IP list:\t{}",
            actions.banned.join(" ")
        ),
    }
    .expect("a String takes all");
    text
}

/// `stats`: a row for each jail, as fail2ban 1.1 has it.
pub(super) fn table(status: &Status) -> String {
    let width = status.jails.iter().map(|jail| jail.name.len()).max().unwrap_or(0).max(4);
    let backend = |jail: &JailStatus| match jail.filter.origin {
        OriginStatus::JournalMatches(_) => "systemd",
        OriginStatus::FileList(_) => "inotify",
        OriginStatus::Bans(_) => "bans",
    };
    let mut text = format!(
        "{:width$} ║          ║ Filter    ║ Actions   \n\
         {:width$} ║ Backend  ╟───────────╫───────────\n\
         {:width$} ║          ║ cur │ tot ║ cur │ tot\n\
         {:═<width$}═╬══════════╬═══════════╬═══════════",
        "", "Jail", "", ""
    );
    for jail in &status.jails {
        let (filter, actions) = (&jail.filter, &jail.actions);
        write!(
            text,
            "\n{:width$} ║ {:8} ║ {:3} │ {:3} ║ {:3} │ {:3}",
            jail.name,
            backend(jail),
            filter.currently_failed,
            filter.total_failed,
            actions.currently_banned,
            actions.total_banned
        )
        .expect("a String takes all");
    }
    text
}

/// A ban, as `get JAIL banip --with-time` has it.
pub(super) fn with_time(ban: &BanStatus, zone: &TimeZone) -> String {
    let since = time(ban.since, zone);
    let (lasts, until) = match ban.until {
        Some(until) => (seconds(until.duration_since(ban.since)), time(until, zone)),
        None => (-1, "9999-12-31 23:59:59".to_owned()),
    };
    format!("{} \t{since} + {lasts} = {until}", ban.address)
}

/// Whole seconds: the end is told by another clock than the beginning, some milliseconds off.
fn seconds(duration: SignedDuration) -> i64 {
    duration.saturating_add(SignedDuration::from_millis(500)).as_secs()
}

/// A time as fail2ban has it: local, and without its zone.
pub(super) fn time(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A tree of one level: what is listed, or that there is nothing.
pub(super) fn list(title: &str, none: &str, items: &[String]) -> String {
    let Some((last, first)) = items.split_last() else { return none.to_owned() };
    let mut text = title.to_owned();
    for item in first {
        write!(text, "\n|- {item}").expect("a String takes all");
    }
    text + "\n`- " + last
}

/// A list of strings in Python's notation.
pub(super) fn python_list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(python_string).collect();
    format!("[{}]", items.join(", "))
}

/// A string in Python's notation.
pub(super) fn python_string(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// What Python has for true and false.
pub(super) fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
