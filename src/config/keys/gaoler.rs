//! The keys of `gaoler.yaml` and of the files in `conf.d`.

pub(super) mod forms;

use self::forms::{
    BUS, DATEPATTERN, FILTER, JAIL_NAME, JOURNALMATCH, LISTEN, LOGFORMAT, LOGPATH, MODE, NAMESPACE,
    NETWORK, OTHER_JAIL, PATH, PORT, PROTOCOL, RATE, TABLE, TIME_ZONE, ZONE,
};
use super::otlp::OTLP;
use super::policy::POLICY;
use super::{Key, Keys, Kind};

/// The whole file.
pub(in crate::config) const FILE: Keys = &[&[
    Key::new(
        "defaults",
        Kind::Section(&[SHARED, POLICY]),
        "What every jail gets that does not say otherwise.",
    ),
    Key::new("enforcement", Kind::Section(ENFORCEMENT), "How bans are enforced."),
    Key::new("state", Kind::Section(STATE), "What must outlive a restart."),
    Key::new("control", Kind::Section(CONTROL), "How the other commands reach the daemon."),
    Key::new("telemetry", Kind::Section(TELEMETRY), "How the daemon is watched."),
    Key::new(
        "jails",
        Kind::Named(&JAIL_NAME, JAIL),
        "The jails by name: what to look for, where, and what to do about it.",
    ),
    Key::new(
        "fail2ban",
        Kind::Section(FAIL2BAN),
        "A fail2ban installation whose enabled jails are run as well, read as fail2ban reads them. A \
         jail of that name in `jails` replaces the one there. See [migrating.md](migrating.md).",
    ),
]];

/// The keys of one jail.
pub(in crate::config) const JAIL: Keys = &[OWN, SHARED, POLICY];

const ENFORCEMENT: Keys = &[&[
    Key::new(
        "backend",
        Kind::Choice(&["firewalld", "nftables", "none"]),
        "What makes bans so. `nftables` is a table of our own in the kernel, for many bans, open \
         connections and published ports; it needs the drop-in `10-nftables.conf`. `none` only watches: bans are decided and shown, and nothing is \
         refused.",
    )
    .or("firewalld"),
    Key::new("firewalld", Kind::Section(FIREWALLD), "How firewalld is used."),
    Key::new("nftables", Kind::Section(NFTABLES), "How nftables is used."),
    Key::new(
        "on_stop",
        Kind::Choice(&["keep", "remove"]),
        "What a stop does to the bans in force. `keep`: they stay, and a restart leaves no gap. \
         `remove`: nothing of gaoler's is left in the firewall; the next start puts back what has \
         not ended by then.",
    )
    .or("keep"),
    Key::new(
        "max_new_bans",
        Kind::Text(&RATE),
        "The same breaker over all jails together, for many that each stay below their own limit: \
         the jail that begins one ban too many trips, and the others go on. `off`: only each jail's \
         own counts. Jails whose `max_new_bans` is `off` are left out.",
    )
    .or("1000/1m"),
    Key::new("widest", Kind::Section(WIDEST), "The widest networks that may be banned."),
]];

const WIDEST: Keys = &[&[
    Key::new(
        "ipv4",
        Kind::Count(4, 32),
        "The shortest IPv4 prefix that may be banned, by whomever. Never shorter than /4, a \
         sixteenth of the Internet.",
    )
    .or("8"),
    Key::new(
        "ipv6",
        Kind::Count(16, 128),
        "The shortest IPv6 prefix that may be banned, by whomever. A provider has a /32, a customer \
         a /48 or less.",
    )
    .or("32"),
]];

const NFTABLES: Keys = &[&[Key::new(
    "table",
    Kind::Text(&TABLE),
    "The name of our table, of family `inet`. It is ours alone: what else is in it is removed.",
)
.or("gaoler")]];

const FIREWALLD: Keys = &[&[
    Key::new(
        "mode",
        Kind::Choice(&["auto", "rich-rule", "ipset"]),
        "How a ban becomes a rule. `rich-rule`: one rule for each ban, zone and port, which needs \
         no set-up and is good for some 200 rules. `ipset`: one entry of a set that `gaoler \
         provision` made, which holds in every zone and is good for 32,000 bans a family. `auto`: \
         an entry where a set is provisioned for the jail's ports, else rich rules. So does \
         `ipset`, and complains of what is not provisioned.",
    )
    .or("auto"),
    Key::new(
        "zones",
        Kind::Texts(&ZONE),
        "The zones that get the rules. `active`: those that have an interface or a source, and the \
         default zone.",
    )
    .or("active"),
    Key::new(
        "action",
        Kind::Choice(&["reject", "drop"]),
        "What becomes of a banned packet. `reject` answers *port unreachable*, so that the client \
         sees *connection refused* at once; `drop` is silence.",
    )
    .or("reject"),
    Key::new(
        "bus",
        Kind::Text(&BUS),
        "The D-Bus address at which firewalld is found. Not given: the system bus.",
    ),
]];

const STATE: Keys = &[&[
    Key::new(
        "path",
        Kind::Text(&PATH),
        "The SQLite database of bans, positions in logs, and totals. Its directory must be writable \
         by the daemon.",
    )
    .or("/var/lib/gaoler/state.db"),
    Key::new(
        "dbpurgeage",
        Kind::Duration { permanent: false },
        "How long after its last ban has ended an address counts as never banned, for \
         `bantime.increment`.",
    )
    .or("1d"),
    Key::new(
        "history",
        Kind::Duration { permanent: false },
        "How long ended bans are remembered, with the records that they rest on, for `gaoler \
         explain`: the last 100,000 at most. `dbpurgeage` holds where it is longer.",
    )
    .or("52w"),
]];

const CONTROL: Keys = &[&[Key::new(
    "socket",
    Kind::Text(&PATH),
    "The Unix socket on which `gaoler status`, `ban`, `unban` and their kin reach the daemon.",
)
.or("/run/gaoler/gaoler.sock")]];

const TELEMETRY: Keys = &[&[
    Key::new(
        "listen",
        Kind::Text(&LISTEN),
        "Address and port of `/metrics`, `/-/healthy`, `/-/ready` and the status page, or `off`. \
         Whoever reaches it can read it, unless `web` asks for a password.",
    )
    .or("127.0.0.1:9642"),
    Key::new("web", Kind::Section(WEB), "Who may read these pages, and what of them."),
    Key::new(
        "otlp",
        Kind::Section(OTLP),
        "Where traces, events and metrics are pushed to, in OpenTelemetry's protocol. `OTEL_*` \
         variables go before it. See [otlp.md](otlp.md).",
    ),
]];

const WEB: Keys = &[&[
    Key::new(
        "config_file",
        Kind::Text(&PATH),
        "A file with TLS and passwords, in the form that Prometheus' exporters share \
         (`web-config.yml`). Not given: plain HTTP and no password.",
    ),
    Key::new(
        "addresses",
        Kind::Choice(&["authenticated", "always", "never"]),
        "Who sees banned addresses and those in verdicts on the status page and in its JSON. \
         `authenticated`: whoever has shown a password or a client's certificate. Metrics never hold \
         one.",
    )
    .or("authenticated"),
]];

const FAIL2BAN: Keys = &[&[Key::new(
    "dir",
    Kind::Text(&PATH),
    "The directory of its configuration, such as `/etc/fail2ban`: the one that holds `jail.conf` \
         and `filter.d`. Read at the start and at each reload.",
)]];

/// The keys that stand in `defaults` and in jails.
const SHARED: &[Key] = &[
    Key::new(
        "enabled",
        Kind::Flag,
        "Whether the jail runs. A jail that does not is checked all the same.",
    )
    .or("true"),
    Key::new(
        "maxretry",
        Kind::Count(1, 100_000),
        "How many failures of one address within `findtime` lead to a ban. Given neither here nor in \
         `defaults`: as the filter has it, or else 5.",
    )
    .or("5"),
    Key::new(
        "findtime",
        Kind::Duration { permanent: false },
        "The window, by the log's own time, within which failures count together. Given neither here \
         nor in `defaults`: as the filter has it, or else 10 minutes.",
    )
    .or("10m"),
    Key::new(
        "bantime",
        Kind::Duration { permanent: true },
        "How long a ban lasts; `permanent` is for ever.",
    )
    .or("10m"),
    Key::new(
        "ignoreip",
        Kind::Texts(&NETWORK),
        "Addresses and networks that are never banned. A jail's own list replaces the one in \
         `defaults`. No names: whoever answers for a name could lift bans.",
    )
    .or("[127.0.0.0/8, \"::1\"]"),
    Key::new("ignoreself", Kind::Flag, "Whether the host's own addresses are never banned.")
        .or("true"),
    Key::new(
        "ignoresessions",
        Kind::Flag,
        "Whether addresses from which an administrator is logged in now are never banned: root and \
         members of `wheel`, `sudo` or `gaoler-admin`, with a remote session of systemd-logind. A \
         ban that stands when such a session begins is lifted. An address that logind knows by name \
         only does not count.",
    )
    .or("true"),
    Key::new(
        "protocol",
        Kind::Texts(&PROTOCOL),
        "The transport protocols of `port`: `tcp`, `udp`, or both as a list. Given neither here nor in \
         `defaults`: as the filter has it, or else `tcp`.",
    )
    .or("tcp"),
    Key::new(
        "max_addresses",
        Kind::Count(1, 10_000_000),
        "How many addresses a jail counts at most at a time. This bounds its memory: some 16 bytes \
         for each address and failure.",
    )
    .or("65536"),
    Key::new(
        "logtimezone",
        Kind::Text(&TIME_ZONE),
        "The time zone of times in the log that name none: an IANA name or an offset such as \
         `UTC+0200`. Not given: the host's.",
    ),
    Key::new(
        "expect_every",
        Kind::Duration { permanent: false },
        "How often the log has a new record at least, where it is busy. One that has none for that long \
         is an alert, `GaolerSourceSilent`: perhaps its daemon logs elsewhere now. Not given: it may be \
         quiet. Of several jails that read one source, the shortest counts.",
    ),
    Key::new(
        "journal",
        Kind::Section(JOURNAL),
        "Which journal `journalmatch` is looked for in. Not given: this host's own.",
    ),
    Key::new(
        "max_new_bans",
        Kind::Text(&RATE),
        "A breaker: past so many new bans within so long, such as `200/1m`, the jail only watches \
         until `gaoler resume JAIL`; its bans stay and end as usual. Bans by hand pass and do not \
         count. `off`: there is none.",
    )
    .or("200/1m"),
    Key::new(
        "dry_run",
        Kind::Flag,
        "Whether the jail does everything but ban: it says whom it would. Switched on, it lifts the \
         bans it has; switched off, it enforces from the next ban on.",
    )
    .or("false"),
    Key::new(
        "cut_established",
        Kind::Flag,
        "Whether a ban, once the firewall has it, closes the address's live connections to the \
         jail's ports: the host's own sockets are destroyed, and the flows it forwards forgotten. \
         Needs `CAP_NET_ADMIN`, which the unit's drop-in `11-cut-established.conf` gives.",
    )
    .or("false"),
    Key::new(
        "trusted_proxies",
        Kind::Texts(&NETWORK),
        "Proxies that clients come through. They are never banned, and for a filter of access logs \
         the client that they name counts instead of them; `logformat` says where it stands. What \
         anybody else says of its client counts for nothing.",
    ),
];

/// The keys that stand in jails only.
const OWN: &[Key] = &[
    Key::new(
        "filter",
        Kind::Text(&FILTER),
        "What a failure looks like: the name of a filter that is built in or stands in `filters/` \
         beside `gaoler.yaml`. Not given: the filter that has the jail's name. \
         `sshd[mode=aggressive]` names a mode as well.",
    ),
    Key::new(
        "mode",
        Kind::Text(&MODE),
        "Which of the filter's modes; each adds patterns to those of `normal`.",
    )
    .or("normal"),
    Key::new(
        "journalmatch",
        Kind::Texts(&JOURNALMATCH),
        "Which journal entries to read: `FIELD=value` terms. Terms of one field are alternatives, \
         different fields must all hold, `+` or a further item begins another alternative. Not \
         given, nor `logpath`: as the filter has it.",
    ),
    Key::new(
        "trust_unprivileged",
        Kind::Flag,
        "Whether entries of processes other than root's count. Any local user can run a program \
         that calls itself sshd, and so choose whom it bans.",
    )
    .or("false"),
    Key::new(
        "logpath",
        Kind::Texts(&LOGPATH),
        "Which files to read instead: absolute paths, with globs. Files that come later are found.",
    ),
    Key::new(
        "datepattern",
        Kind::Text(&DATEPATTERN),
        "How the date is written, in fail2ban's words. Not given: as the filter has it, or else \
         the usual forms.",
    ),
    Key::new(
        "logformat",
        Kind::Text(&LOGFORMAT),
        "How the access log is written, for a filter of access logs: `combined` (which `common` is \
         read by, too), `vhost_combined`, `json`, or httpd's own words, as its LogFormat has them. \
         Not given: as the filter has it.",
    ),
    Key::new(
        "port",
        Kind::Texts(&PORT),
        "What a ban refuses: numbers, ranges, names of services, or `all`. Not given: as the \
         filter has it, or else `all`.",
    ),
    Key::new(
        "jails",
        Kind::Texts(&OTHER_JAIL),
        "For `filter: recidive`: the jails whose bans count. Not given: all but this one.",
    ),
    Key::new(
        "ban_ports",
        Kind::Choice(&["own", "all"]),
        "`all`: a ban refuses every port, so that it fits the sets that the package provisions. \
         `own`: those of `port`.",
    )
    .or("own"),
];

const JOURNAL: Keys = &[&[
    Key::new(
        "directory",
        Kind::Text(&PATH),
        "The journal files below a directory, such as `/var/log/journal/remote`.",
    ),
    Key::new(
        "namespace",
        Kind::Text(&NAMESPACE),
        "A journal namespace (systemd-journald.service(8)).",
    ),
]];
