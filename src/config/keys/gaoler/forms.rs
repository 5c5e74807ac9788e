//! The forms that texts in `gaoler.yaml` have, each with an example for the documents.

use crate::config::keys::Text;
use crate::config::values;

const BLANKS: &[char] = &[',', ' ', '\t', '\n'];

pub(super) static JAIL_NAME: Text = Text::new("a jail's name", "sshd", values::jail_name);
pub(super) static OTHER_JAIL: Text =
    Text { separators: BLANKS, ..Text::new("a jail's name", "sshd", values::jail_name) };
pub(super) static FILTER: Text = Text::new("a filter", "sshd", values::filter_spec_form);
pub(super) static MODE: Text = Text::new("a mode", "aggressive", values::word);
pub(super) static PATH: Text = Text::new("an absolute path", "/var/lib/gaoler", values::path);
pub(super) static NAMESPACE: Text = Text::new("the name of a namespace", "audit", values::word);
pub(super) static LISTEN: Text =
    Text::new("an address with a port, or `off`", "127.0.0.1:9642", values::listen_form);
pub(super) static TIME_ZONE: Text =
    Text::new("a time zone", "Europe/Berlin", values::time_zone_form);
pub(super) static LOGFORMAT: Text =
    Text::new("a log format", r#"%{c}a %a %l %u %t "%r" %>s %O"#, values::logformat);
pub(super) static DATEPATTERN: Text =
    Text::new("a date pattern", "%Y-%m-%d %H:%M:%S", values::some);
pub(super) static BUS: Text =
    Text::new("a D-Bus address", "unix:path=/run/dbus/system_bus_socket", values::bus);
pub(super) static TABLE: Text = Text::new("the name of a table", "gaoler", values::table);
pub(super) static ZONE: Text = Text {
    separators: BLANKS,
    ..Text::new("the name of a zone, or `active`", "public", values::zone)
};
pub(super) static NETWORK: Text = Text {
    separators: BLANKS,
    ..Text::new("an address or network", "192.0.2.0/24", values::network_form)
};
pub(super) static RATE: Text =
    Text::new("a number of bans within a time, or `off`", "200/1m", values::rate_form);
pub(super) static PROTOCOL: Text =
    Text { separators: BLANKS, ..Text::new("`tcp` or `udp`", "tcp", protocol) };
pub(super) static LOGPATH: Text = Text {
    separators: &['\n'],
    ..Text::new("an absolute path or glob", "/var/log/httpd/*access_log", values::log_path)
};
pub(super) static JOURNALMATCH: Text = Text {
    separators: &['\n'],
    ..Text::new("terms `FIELD=value`", "_SYSTEMD_UNIT=sshd.service _UID=0", values::journalmatch)
};
pub(super) static PORT: Text = Text {
    numbers: true,
    separators: BLANKS,
    ..Text::new("a port, a range, a service, or `all`", "ssh", values::port_form)
};

pub(in crate::config::keys) fn protocol(text: &str) -> Result<(), String> {
    if matches!(text, "tcp" | "udp") {
        return Ok(());
    }
    Err("is not `tcp` or `udp`".to_owned())
}
