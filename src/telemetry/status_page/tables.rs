//! The tables of the page. On a narrow screen each row becomes a card, in which every value bears
//! its label; the roles keep it a table to who hears it.

use std::fmt::{self, Display, Write};

use jiff::Timestamp;

use super::html::{Number, Prose, Text, Time};
use crate::control::api::{BanStatus, JailStatus, OriginStatus, SourceStatus};
use crate::jail::ban::{BanOrigin, show};
use crate::telemetry::shown::Bans;
use crate::telemetry::verdicts::{RecentVerdict, Word};

/// Bans on the page at most; the API lists more, `gaoler banned` all.
const BANS: usize = 100;
/// Verdicts on the page at most; the API has all that are remembered.
const VERDICTS: usize = 50;

/// A column: its heading, and whether it holds numbers.
type Column = (&'static str, bool);

pub(super) fn sources(page: &mut String, sources: &[SourceStatus], now: Timestamp) -> fmt::Result {
    if sources.is_empty() {
        return page.write_str("<p>There is none: nothing is watched.</p>\n");
    }
    let columns = [("Source", false), ("State", false), ("Newest record", false)];
    let caption =
        "Where records come from. A quiet log has no new record, and is well all the same.";
    head(page, caption, &columns)?;
    for source in sources {
        let (class, state) = match (source.up, source.caught_up) {
            (false, _) => ("bad", "cannot be read"),
            (true, false) => ("warn", "catching up"),
            (true, true) => ("ok", "up to date"),
        };
        let newest = source.last_record.map(|at| Time { at, now });
        row(page, &Text(&source.name), "")?;
        cell(page, columns[1], &format_args!("<span class=\"mark {class}\">{state}</span>"))?;
        cell(page, columns[2], &Perhaps(newest, "none since the start"))?;
        page.write_str("</tr>\n")?;
    }
    page.write_str("</tbody>\n</table>\n")
}

pub(super) fn jails(page: &mut String, jails: &[JailStatus]) -> fmt::Result {
    if jails.is_empty() {
        return page.write_str("<p>There is none: nobody is banned.</p>\n");
    }
    let columns = [
        ("Jail", false),
        ("Failing now", true),
        ("Banned now", true),
        ("Enforced", true),
        ("Failures in all", true),
        ("Bans in all", true),
    ];
    let caption = "Failing now: addresses with failures within findtime. Enforced: bans that the firewall \
                   was seen to have. In all: since the state database was made, over all restarts.";
    head(page, caption, &columns)?;
    for jail in jails {
        let (filter, actions) = (&jail.filter, &jail.actions);
        row(page, &Text(&jail.name), &looks(&filter.origin))?;
        for (column, number) in columns[1..].iter().zip([
            filter.currently_failed,
            actions.currently_banned,
            actions.enforced,
            filter.total_failed,
            actions.total_banned,
        ]) {
            cell(page, *column, &Number(number))?;
        }
        page.write_str("</tr>\n")?;
    }
    page.write_str("</tbody>\n</table>\n")
}

/// Where a jail looks.
fn looks(origin: &OriginStatus) -> String {
    match origin {
        OriginStatus::JournalMatches(matches) => format!("journal: {matches}"),
        OriginStatus::FileList(files) => files.join(", "),
        OriginStatus::Bans(jails) => format!("bans of {jails}"),
    }
}

pub(super) fn bans(
    page: &mut String,
    bans: &Bans,
    jails: &[JailStatus],
    now: Timestamp,
) -> fmt::Result {
    let banned: u64 = jails.iter().map(|jail| jail.actions.currently_banned).sum();
    let bans = match bans {
        Bans::Hidden(why) => {
            return writeln!(
                page,
                "<p>In force or about to be: {}. {}</p>",
                Number(banned),
                Prose(why)
            );
        }
        Bans::Unavailable => {
            return page.write_str(
                "<p>The daemon is busy and did not say in time. Load the page again.</p>\n",
            );
        }
        Bans::Listed(bans) if bans.is_empty() => return page.write_str("<p>Nobody.</p>\n"),
        Bans::Listed(bans) => bans,
    };
    let columns = [
        ("Address", false),
        ("Jail", false),
        ("Since", false),
        ("Ends", false),
        ("Failures", true),
        ("State", false),
    ];
    let mut newest: Vec<&BanStatus> = bans.iter().collect();
    newest.sort_by_key(|ban| std::cmp::Reverse(ban.since));
    let rest = newest.len().saturating_sub(BANS);
    let caption = if rest == 0 {
        "The newest first.".to_owned()
    } else {
        format!("The newest {BANS}; there are {rest} more, which <code>gaoler banned</code> lists.")
    };
    head(page, &caption, &columns)?;
    for ban in newest.into_iter().take(BANS) {
        row(page, &format_args!("<code>{}</code>", Text(&ban.address)), "")?;
        cell(page, columns[1], &Text(&ban.jail))?;
        cell(page, columns[2], &Time { at: ban.since, now })?;
        cell(page, columns[3], &Perhaps(ban.until.map(|at| Time { at, now }), "never"))?;
        match ban.origin {
            BanOrigin::Detected => cell(page, columns[4], &ban.failures)?,
            BanOrigin::Manual => cell(page, columns[4], &"by hand")?,
        }
        let class = if ban.state == "enforced" { "ok" } else { "warn" };
        let state = Text(&ban.state);
        cell(page, columns[5], &format_args!("<span class=\"mark {class}\">{state}</span>"))?;
        page.write_str("</tr>\n")?;
    }
    page.write_str("</tbody>\n</table>\n")
}

pub(super) fn verdicts(
    page: &mut String,
    verdicts: &[RecentVerdict],
    addresses: bool,
    now: Timestamp,
) -> fmt::Result {
    if verdicts.is_empty() {
        return page.write_str("<p>None since the start.</p>\n");
    }
    let columns = [("When", false), ("Jail", false), ("Address", false), ("Verdict", false)];
    head(page, "What was made of failures, and why; the newest first.", &columns)?;
    for verdict in verdicts.iter().take(VERDICTS) {
        row(page, &Time { at: verdict.time, now }, "")?;
        cell(page, columns[1], &Text(verdict.jail.as_str()))?;
        if addresses {
            cell(page, columns[2], &format_args!("<code>{}</code>", show(&verdict.address)))?;
        } else {
            cell(page, columns[2], &"hidden")?;
        }
        cell(page, columns[3], &Why(verdict))?;
        page.write_str("</tr>\n")?;
    }
    page.write_str("</tbody>\n</table>\n")
}

/// What was decided, and why.
struct Why<'a>(&'a RecentVerdict);

impl Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecentVerdict { verdict, reason, failures, maxretry, times, trace_id, .. } = self.0;
        let reason = reason.as_deref().unwrap_or_default().replace('_', " ");
        let reason = Text(&reason);
        match verdict {
            Word::Counted => write!(f, "counted: {failures} of {maxretry} failures")?,
            Word::Banned if *failures == 0 => write!(f, "<strong>banned</strong>: {reason}")?,
            Word::Banned => {
                write!(f, "<strong>banned</strong>: {failures} of {maxretry} failures")?;
            }
            Word::AlreadyBanned => f.write_str("failed while banned")?,
            Word::Withheld => write!(f, "<strong>not banned</strong>: {reason}")?,
            Word::Ignored => write!(f, "never banned: {reason}")?,
            Word::Stale => f.write_str("too old to count")?,
            Word::Unbanned => write!(f, "unbanned: {reason}")?,
        }
        if *times > 1 {
            write!(f, " ({times} times)")?;
        }
        match trace_id {
            Some(trace) => write!(f, "<small>trace <code>{trace}</code></small>"),
            None => Ok(()),
        }
    }
}

/// A value that may be missing, and what is said then.
struct Perhaps<T>(Option<T>, &'static str);

impl<T: Display> Display for Perhaps<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str(self.1),
        }
    }
}

fn head(page: &mut String, caption: &str, columns: &[Column]) -> fmt::Result {
    write!(
        page,
        "<table role=\"table\">\n<caption>{caption}</caption>\n\
         <thead role=\"rowgroup\">\n<tr role=\"row\">"
    )?;
    for (name, numbers) in columns {
        let class = if *numbers { " class=\"n\"" } else { "" };
        write!(page, "<th role=\"columnheader\" scope=\"col\"{class}>{name}</th>")?;
    }
    page.write_str("</tr>\n</thead>\n<tbody role=\"rowgroup\">\n")
}

/// Begins a row by its heading, and what is said below that.
fn row(page: &mut String, name: &impl Display, below: &str) -> fmt::Result {
    write!(page, "<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">{name}")?;
    if !below.is_empty() {
        write!(page, "<small>{}</small>", Text(below))?;
    }
    page.write_str("</th>")
}

fn cell(page: &mut String, (label, numbers): Column, value: &impl Display) -> fmt::Result {
    let class = if numbers { " class=\"n\"" } else { "" };
    // One element inside, since on a narrow screen the cell is a grid of label and value.
    write!(page, "<td role=\"cell\" data-label=\"{label}\"{class}><div>{value}</div></td>")
}
