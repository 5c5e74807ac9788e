//! The forms that texts in `gaoler.yaml` have, each with an example for the documents.

use crate::config::keys::Text;
use crate::config::values;

const fn text(
    what: &'static str,
    example: &'static str,
    check: fn(&str) -> Result<(), String>,
) -> Text {
    Text { what, example, numbers: false, fractions: false, separators: &[], check }
}

const BLANKS: &[char] = &[',', ' ', '\t', '\n'];

pub(super) static JAIL_NAME: Text = text("a jail's name", "sshd", values::jail_name);
pub(super) static OTHER_JAIL: Text =
    Text { separators: BLANKS, ..text("a jail's name", "sshd", values::jail_name) };
pub(super) static FILTER: Text = text("a filter", "sshd", values::filter_spec_form);
pub(super) static MODE: Text = text("a mode", "aggressive", values::word);
pub(super) static PATH: Text = text("an absolute path", "/var/lib/gaoler", values::path);
pub(super) static NAMESPACE: Text = text("the name of a namespace", "audit", values::word);
pub(super) static LISTEN: Text =
    text("an address with a port, or `off`", "127.0.0.1:9642", values::listen_form);
pub(super) static TIME_ZONE: Text = text("a time zone", "Europe/Berlin", values::time_zone_form);
pub(super) static LOGFORMAT: Text =
    text("a log format", r#"%{c}a %a %l %u %t "%r" %>s %O"#, values::logformat);
pub(super) static DATEPATTERN: Text = text("a date pattern", "%Y-%m-%d %H:%M:%S", values::some);
pub(super) static BUS: Text =
    text("a D-Bus address", "unix:path=/run/dbus/system_bus_socket", values::bus);
pub(super) static TABLE: Text = text("the name of a table", "gaoler", values::table);
pub(super) static ZONE: Text =
    Text { separators: BLANKS, ..text("the name of a zone, or `active`", "public", values::zone) };
pub(super) static NETWORK: Text = Text {
    separators: BLANKS,
    ..text("an address or network", "192.0.2.0/24", values::network_form)
};
pub(super) static RATE: Text =
    text("a number of bans within a time, or `off`", "200/1m", values::rate_form);
pub(super) static PROTOCOL: Text =
    Text { separators: BLANKS, ..text("`tcp` or `udp`", "tcp", protocol) };
pub(super) static LOGPATH: Text = Text {
    separators: &['\n'],
    ..text("an absolute path or glob", "/var/log/httpd/*access_log", values::log_path)
};
pub(super) static JOURNALMATCH: Text = Text {
    separators: &['\n'],
    ..text("terms `FIELD=value`", "_SYSTEMD_UNIT=sshd.service _UID=0", values::journalmatch)
};
pub(super) static PORT: Text = Text {
    numbers: true,
    separators: BLANKS,
    ..text("a port, a range, a service, or `all`", "ssh", values::port_form)
};

fn protocol(text: &str) -> Result<(), String> {
    if matches!(text, "tcp" | "udp") {
        return Ok(());
    }
    Err("is not `tcp` or `udp`".to_owned())
}
