//! The keys of a filter's file.

use super::{Key, Keys, Kind, Text};
use crate::config::values;

/// The whole file.
pub(in crate::config) const FILE: Keys = &[&[
    Key::new("description", Kind::Text(&TEXT), "What the filter recognises, in a sentence."),
    Key::new(
        "language",
        Kind::Choice(&["gaoler", "fail2ban"]),
        "In whose words the patterns are. `fail2ban`: Python's regular expressions, with all that \
         jail.conf(5) says of filters, as `gaoler import-fail2ban --out` writes them.",
    )
    .or("gaoler"),
    Key::new(
        "maxlines",
        Kind::Count(1, 1000),
        "In fail2ban's language: how many lines the patterns see at once.",
    ),
    Key::new(
        "prefregex",
        Kind::Text(&REGEX),
        "What every line must look like first; of one that does, the other patterns see only what \
         `<F-CONTENT>` matched.",
    ),
    Key::new(
        "failregex",
        Kind::Texts(&REGEX),
        "Patterns of failures, tried in order; the first that matches wins. Linear-time regular \
         expressions with fail2ban's tags: `<HOST>`, `<ADDR>`, `<F-USER>` and so on.",
    ),
    Key::new(
        "ignoreregex",
        Kind::Texts(&REGEX),
        "Patterns of lines that are no failure after all.",
    ),
    Key::new("modes", Kind::Named(&MODE, MODES), "Further patterns that a jail may ask for."),
    Key::new(
        "httpd",
        Kind::Section(HTTPD),
        "Instead of patterns: which requests of an access log are failures. Every condition given \
         must hold; a list holds if one of it does.",
    ),
    Key::new(
        "datepattern",
        Kind::Text(&TEXT),
        "How the date is written, in fail2ban's words. Not given: the usual forms.",
    ),
    Key::new("journalmatch", Kind::Texts(&JOURNALMATCH), "What a jail gets that names no source."),
    Key::new("logpath", Kind::Texts(&LOGPATH), "What a jail gets that names no source."),
    Key::new("port", Kind::Texts(&PORT), "What a jail gets that names no port."),
    Key::new("protocol", Kind::Texts(&PROTOCOL), "What a jail gets that names no protocol."),
    Key::new(
        "maxretry",
        Kind::Count(1, 100_000),
        "What a jail gets if neither it nor `defaults` says how many failures lead to a ban.",
    ),
    Key::new("findtime", Kind::Duration { permanent: false }, "Likewise, within what time."),
    Key::new(
        "samples",
        Kind::Sections(SAMPLE),
        "Real lines, and what the filter must make of each. `gaoler check` runs them.",
    ),
]];

const MODES: Keys = &[&[
    Key::new("failregex", Kind::Texts(&REGEX), "Patterns added after the filter's own."),
    Key::new("include", Kind::Texts(&MODE), "Modes whose patterns this one has too."),
]];

const HTTPD: Keys = &[&[
    Key::new(
        "format",
        Kind::Text(&LOGFORMAT),
        "How the access log is written. `combined` reads `common` too; `vhost_combined` begins \
         with the virtual host; `json` is one object a line; or httpd's own words, as its LogFormat \
         has them.",
    )
    .or("combined"),
    Key::new("method", Kind::Texts(&TEXT), "Methods, exactly: `GET`."),
    Key::new("status", Kind::Texts(&STATUS), "Status codes: `404`, `4xx`, `400-499`."),
    Key::new("path", Kind::Texts(&REGEX), "Patterns over the request target."),
    Key::new("user_agent", Kind::Texts(&REGEX), "Patterns over the user agent."),
    Key::new("referer", Kind::Texts(&REGEX), "Patterns over the page that the client came from."),
    Key::new(
        "user",
        Kind::Texts(&REGEX),
        "Patterns over the user that the request names. A request that names none matches none.",
    ),
    Key::new(
        "path_length",
        Kind::Count(1, 65_536),
        "How long the request target is at the least, in bytes as the log has it.",
    ),
    Key::new("vhost", Kind::Texts(&TEXT), "Virtual hosts, exactly; for logs that begin with one."),
]];

const SAMPLE: Keys = &[&[
    Key::new("line", Kind::Text(&LINE), "The line, as the log has it."),
    Key::new("mode", Kind::Texts(&MODE), "The modes it holds in. Not given: every mode."),
    Key::new(
        "journal",
        Kind::Flag,
        "Whether it comes from the journal: there is no date to find in it.",
    )
    .or("false"),
    Key::new(
        "logformat",
        Kind::Text(&LOGFORMAT),
        "For a filter of access logs: how the line is written, if not as `format` says.",
    ),
    Key::new(
        "trusted_proxies",
        Kind::Texts(&NETWORK),
        "For a filter of access logs: the proxies that a jail would trust.",
    ),
    Key::new(
        "address",
        Kind::Text(&ADDRESS),
        "The address it must yield. Not given: it must yield no failure.",
    ),
    Key::new("user", Kind::Text(&LINE), "The user it must yield."),
    Key::new("time", Kind::Text(&TIME), "The time it must yield (RFC 3339)."),
    Key::new("why", Kind::Text(&TEXT), "Why the sample is there."),
]];

static TEXT: Text = Text::new("a text", "…", values::some);
static LINE: Text = Text { numbers: true, ..Text::new("a text", "…", values::any) };
static REGEX: Text = Text::new("a regular expression", "^Failed .* from <HOST>$", values::some);
static LOGFORMAT: Text = Text::new("a log format", r#"%h %l %u %t "%r" %>s %b"#, values::logformat);
static NETWORK: Text = Text::new("an address or network", "192.0.2.0/24", values::network_form);
static MODE: Text = Text::new("a mode", "aggressive", values::word);
static ADDRESS: Text = Text::new("an address", "192.0.2.1", values::address);
static TIME: Text = Text::new("an RFC 3339 time", "2026-11-22T12:00:00Z", values::timestamp);
static STATUS: Text = Text { numbers: true, ..Text::new("a status", "404", values::status) };
static LOGPATH: Text =
    Text::new("an absolute path or glob", "/var/log/httpd/access_log", values::log_path);
static JOURNALMATCH: Text =
    Text::new("terms `FIELD=value`", "_SYSTEMD_UNIT=sshd.service _UID=0", values::journalmatch);
static PROTOCOL: Text = Text::new("`tcp` or `udp`", "tcp", super::gaoler::forms::protocol);
static PORT: Text = Text {
    numbers: true,
    separators: &[',', ' '],
    ..Text::new("a port, a range, a service, or `all`", "ssh", values::port_form)
};
