//! Log lines in fail2ban's words, so that what reads fail2ban's log reads ours.
//!
//! The jail, the address and the trace stand beside the message as fields of their own: `journalctl
//! GAOLER_JAIL=sshd`, `journalctl GAOLER_TRACE_ID=…`.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::display;

use crate::filter::Part;
use crate::jail::ban::{Ban, JailName, show};
use crate::printable::Printable;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use ipnet::IpNet;
    use tracing::field::Field;
    use tracing::{Event, Subscriber};
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt as _};

    use super::*;
    use crate::jail::ban::{BanKey, BanOrigin};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

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
