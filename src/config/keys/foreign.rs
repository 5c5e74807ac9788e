//! Keys of jail.conf(5) and fail2ban.conf(5) that mean nothing here, and what to do instead.

/// The key, and the remedy.
pub(in crate::config) const FAIL2BAN: &[(&str, &str)] = &[
    ("action", "`enforcement` says how bans are enforced"),
    ("allowipv6", "IPv6 is always on"),
    ("backend", "`journalmatch` reads the journal, `logpath` files"),
    ("banaction", "`enforcement` says how bans are enforced"),
    ("banaction_allports", "write `port: all`"),
    ("chain", "`enforcement` says how bans are enforced"),
    ("dbfile", "write `state: {path: …}`"),
    ("dbpurgeage", "write `state: {dbpurgeage: …}`"),
    ("failregex", "write a filter of your own in `filters/` and name it with `filter`"),
    ("ignorecache", "leave it out: nothing is looked up"),
    ("ignorecommand", "list the addresses in `ignoreip`; no program is ever run"),
    ("ignoreregex", "write a filter of your own in `filters/` and name it with `filter`"),
    ("logencoding", "leave it out: any bytes are read"),
    ("loglevel", "set the environment variable `GAOLER_LOG`"),
    ("logtarget", "leave it out: the log goes to the journal; `GAOLER_LOG_FORMAT` has other forms"),
    ("maxlines", "leave it out: a failure is one line"),
    ("maxmatches", "leave it out: the last ten records of a ban are kept"),
    ("prefregex", "write a filter of your own in `filters/` and name it with `filter`"),
    ("skip_if_nologs", "leave it out: a file may come later"),
    ("socket", "write `control: {socket: …}`"),
    ("systemd_if_nologs", "`journalmatch` reads the journal, `logpath` files"),
    ("usedns", "leave it out: names are never resolved"),
];

/// What to do instead of a key that only fail2ban has.
pub(in crate::config) fn remedy(name: &str) -> Option<&'static str> {
    FAIL2BAN.iter().find(|(key, _)| *key == name).map(|(_, remedy)| *remedy)
}
