//! Log lines in fail2ban's words, so that what reads fail2ban's log reads ours.
//!
//! The jail, the address and the trace stand beside the message as fields of their own: `journalctl
//! GAOLER_JAIL=sshd`, `journalctl GAOLER_TRACE_ID=…`.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::display;

use crate::filter::Part;
use crate::jail::ban::{Ban, JailName, show};
use crate::trace::TraceId;

/// Where these lines come from, as `tracing` tells it.
pub const TARGET: &str = module_path!();

/// How many bytes of a record are shown in a line.
const EXCERPT: usize = 200;

/// A failure counted. `time` is the log's, shown in `zone`; `trace` is that of the failures it counts
/// with.
pub fn found(
    jail: &JailName,
    address: IpAddr,
    time: Timestamp,
    zone: &TimeZone,
    trace: Option<TraceId>,
) {
    let (name, trace_id) = (jail.as_str(), trace.map(display));
    let time = local(time, zone);
    tracing::info!(jail = name, %address, trace_id, "[{name}] Found {address} - {time}");
}

/// A failure did not count; `by` is `ignoreip` or `ignoreself`.
pub fn ignored(jail: &JailName, address: IpAddr, by: &str) {
    let name = jail.as_str();
    tracing::info!(jail = name, %address, "[{name}] Ignore {address} by {by}");
}

/// At this record a regex used up its budget: whether it is a failure, nobody knows.
pub fn exceeded(jail: &JailName, part: Part, text: &[u8]) {
    let name = jail.as_str();
    let text = Printable(&text[..text.len().min(EXCERPT)]);
    tracing::warn!(
        jail = name,
        regex = part.word(),
        "[{name}] {part} used up its steps, and whether this is a failure nobody knows: {text}"
    );
}

/// A ban began.
pub fn banned(ban: &Ban) {
    line(ban, "Ban");
}

/// A ban would have begun, were this no dry run.
pub fn would_ban(ban: &Ban) {
    line(ban, "Would ban");
}

/// A ban would have ended, were this no dry run.
pub fn would_unban(ban: &Ban) {
    line(ban, "Would unban");
}

/// A ban of an earlier run goes on.
pub fn restored(ban: &Ban) {
    line(ban, "Restore Ban");
}

/// A ban ended.
pub fn unbanned(ban: &Ban) {
    line(ban, "Unban");
}

/// An address failed that is banned; `trace` is that of its ban.
pub fn already_banned(jail: &JailName, address: IpAddr, trace: TraceId) {
    let name = jail.as_str();
    tracing::info!(jail = name, %address, trace_id = %trace, "[{name}] {address} already banned");
}

fn line(ban: &Ban, what: &str) {
    let (name, trace_id) = (ban.key.jail.as_str(), display(ban.trace));
    let address = show(&ban.key.address);
    tracing::info!(jail = name, address, trace_id, "[{name}] {what} {address}");
}

/// `2026-11-22 10:00:00`, as fail2ban writes times.
#[must_use]
pub fn local(time: Timestamp, zone: &TimeZone) -> impl fmt::Display {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S")
}

/// Bytes that came from a log or a peer, fit for a terminal: what would move the cursor, turn the
/// direction of writing or end the line is escaped.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() || is_invisible(c) {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    f.write_char(c)?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// JSON fit for a terminal: what would move its cursor or turn the direction of writing is escaped.
/// Outside of strings JSON has no such characters, so its meaning stays; a line feed stays too, since
/// strings have none.
#[must_use]
pub fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && (c.is_control() || is_invisible(c)) {
            // All of them are in the Basic Multilingual Plane. A String takes all.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// Characters that change how others look: line and paragraph separators, joiners and marks of
/// direction (Unicode's bidirectional algorithm, UAX #9), the byte order mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use ipnet::IpNet;
    use proptest::prelude::*;
    use tracing::field::Field;
    use tracing::{Event, Subscriber};
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt as _};

    use super::*;
    use crate::jail::ban::{BanKey, BanOrigin};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn what_is_printable_stays_and_the_rest_is_shown() {
        let check = |bytes: &[u8], expected| assert_eq!(Printable(bytes).to_string(), expected);
        check("Ban 192.0.2.1 für \\ \"x\"".as_bytes(), "Ban 192.0.2.1 für \\ \"x\"");
        check(b"a\x1b]0;b\x07\r\n\tc", "a\\u{1b}]0;b\\u{7}\\r\\n\\tc");
        check(b"a\xff\xc3(", "a\\xff\\xc3(");
        check("\u{202e}txt.exe\u{9b}2J".as_bytes(), "\\u{202e}txt.exe\\u{9b}2J");
    }

    proptest! {
        #[test]
        fn nothing_escapes_the_line(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let shown = Printable(&bytes).to_string();
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)));
        }
    }

    proptest! {
        #[test]
        fn json_on_a_terminal_is_harmless_and_means_the_same(text: String) {
            let json = harmless(&serde_json::to_string(&text).unwrap());
            prop_assert!(!json.chars().any(|c| c.is_control() || is_invisible(c)), "{:?}", json);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn json_keeps_its_line_feed_and_no_escape() {
        let json = "{\"user\":\"\u{9b}2J\u{202e}é\"}\n";
        assert_eq!(harmless(json), "{\"user\":\"\\u009b2J\\u202eé\"}\n");
    }

    /// Keeps the fields of each event, as the journal gets them.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<BTreeMap<&'static str, String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
                let value = format!("{value:?}").trim_matches('"').to_owned();
                self.0.lock().unwrap().insert(field.name(), value);
            });
        }
    }

    #[track_caller]
    fn check(say: impl FnOnce(&JailName), message: &str, address: &str, trace: Option<&str>) {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.clone());
        tracing::subscriber::with_default(subscriber, || say(&JailName::new("sshd")));
        let expected = [("address", address), ("jail", "sshd"), ("message", message)];
        let expected = expected.into_iter().chain(trace.map(|trace| ("trace_id", trace)));
        let expected: BTreeMap<_, _> = expected.map(|(name, v)| (name, v.to_owned())).collect();
        assert_eq!(*kept.0.lock().unwrap(), expected);
    }

    #[test]
    fn the_words_are_fail2bans_and_the_fields_stand_beside_them() {
        let (four, six) = ("192.0.2.1", "2001:db8::/64");
        let trace: TraceId = TRACE.parse().unwrap();
        let ban = |jail: &JailName, address: &str| Ban {
            key: BanKey { jail: jail.clone(), address: address.parse().unwrap() },
            origin: BanOrigin::Detected,
            since: Timestamp::UNIX_EPOCH,
            bantime: None,
            failures: 5,
            trace,
        };
        let lone = "192.0.2.1/32";
        let address = lone.parse::<IpNet>().unwrap().addr();
        let time = "2026-11-22T10:00:00.5Z".parse().unwrap();
        check(
            |jail| found(jail, address, time, &TimeZone::UTC, Some(trace)),
            "[sshd] Found 192.0.2.1 - 2026-11-22 10:00:00",
            four,
            Some(TRACE),
        );
        let message = "[sshd] Ignore 192.0.2.1 by ignoreip";
        check(|jail| ignored(jail, address, "ignoreip"), message, four, None);
        let check = |say: &dyn Fn(&JailName), message, address| {
            check(say, message, address, Some(TRACE));
        };
        check(&|jail| banned(&ban(jail, lone)), "[sshd] Ban 192.0.2.1", four);
        check(&|jail| restored(&ban(jail, lone)), "[sshd] Restore Ban 192.0.2.1", four);
        check(&|jail| unbanned(&ban(jail, six)), "[sshd] Unban 2001:db8::/64", six);
        let message = "[sshd] 192.0.2.1 already banned";
        check(&|jail| already_banned(jail, address, trace), message, four);
    }

    #[test]
    fn times_are_fail2bans() {
        let time = "2026-11-22T09:00:00.5Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(local(time, &zone).to_string(), "2026-11-22 10:00:00");
    }
}
