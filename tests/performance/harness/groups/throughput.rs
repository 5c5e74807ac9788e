//! From the bytes of a log to counted failures and bans.

use anyhow::{Context, Result};

use super::super::gaoler::{Place, jail, journal_jail};
use super::super::peers::{self, Log};
use super::super::race::{Contender, Race};
use super::super::table::Table;
use super::super::{cost, yardsticks};
use super::Bench;
use crate::inputs::{self, Input, Kind};

const RIPGREP: &str = "rg -j1 -c of the failures";
const BY_HAND: &str = "bare scan, by hand";
const MESSAGES: &str = "bare loop, time and MESSAGE";

/// sshd's log: one line in ten is a failure.
pub(super) fn auth(bench: &Bench) -> Result<Table> {
    let log = inputs::log(&bench.directory, Kind::Auth, bench.lines, bench.lines)?;
    let tenth = inputs::log(&bench.directory, Kind::Auth, bench.lines, bench.lines / 10)?;
    let place = Place::new(&jail("sshd", "sshd", &[&log.path]))?;
    let (whole, path) = (&log.path, &log.path);
    let contenders = vec![
        Contender::foreign(RIPGREP, || peers::ripgrep(Log::Auth, path)),
        Contender::new("bare scan, four regexes a line", || {
            cost::function(|| yardsticks::auth(whole))
        }),
        Contender::new("gaoler replay", || place.replay(whole)).at_most(2.0, RIPGREP),
        Contender::new("gaoler run, from start to stop", || {
            Place::new(&jail("sshd", "sshd", &[whole]))?.live(log.lines)
        }),
        Contender::foreign("fail2ban-rs dry-run", || peers::fail2ban_rs(Log::Auth, whole)),
        Contender::foreign("sshguard's parser", || peers::sshguard(whole)),
        Contender::foreign("fail2ban-regex", || peers::fail2ban_regex(Log::Auth, &tenth.path))
            .tenth(),
        Contender::foreign("fail2ban-server", || peers::fail2ban_server(Log::Auth, &tenth.path))
            .tenth(),
    ];
    race("auth", ("sshd log", "lines"), &log, contenders).run(bench)
}

/// httpd's log: nearly every line counts.
pub(super) fn access(bench: &Bench) -> Result<Table> {
    let lines = 2 * bench.lines;
    let log = inputs::log(&bench.directory, Kind::Access, lines, lines)?;
    let tenth = inputs::log(&bench.directory, Kind::Access, lines, lines / 10)?;
    let path = &log.path;
    let as_written = Place::new(&jail("requests", "requests", &[path]))?;
    let structured = Place::new(&jail("http-get-dos", "http-get-dos", &[path]))?;
    let contenders = vec![
        Contender::foreign(RIPGREP, || peers::ripgrep(Log::Access, path)),
        Contender::new(BY_HAND, || cost::function(|| yardsticks::access_by_hand(path))),
        Contender::new("bare scan, tight regex", || {
            cost::function(|| yardsticks::access(path, yardsticks::TIGHT))
        }),
        Contender::new("bare scan, the failregex", || {
            cost::function(|| yardsticks::access(path, yardsticks::AS_WRITTEN))
        }),
        Contender::new("gaoler replay, the failregex", || as_written.replay(path))
            .at_most(1.3, RIPGREP),
        Contender::new("gaoler replay, http-get-dos", || structured.replay(path))
            .at_most(2.5, BY_HAND),
        Contender::new("gaoler run, http-get-dos, from start to stop", || {
            Place::new(&jail("http-get-dos", "http-get-dos", &[path]))?.live(log.lines)
        }),
        Contender::foreign("fail2ban-rs dry-run", || peers::fail2ban_rs(Log::Access, path)),
        Contender::foreign("sshguard's parser", || peers::sshguard(path)).slow(),
        Contender::foreign("fail2ban-regex", || peers::fail2ban_regex(Log::Access, &tenth.path))
            .tenth(),
        Contender::foreign("fail2ban-server", || peers::fail2ban_server(Log::Access, &tenth.path))
            .tenth(),
    ];
    race("access", ("access log", "lines"), &log, contenders).run(bench)
}

/// A journal in which sshd alone speaks.
pub(super) fn journal(bench: &Bench) -> Result<Table> {
    let entries = bench.lines * 3 / 10;
    let made = |count| {
        let journal = inputs::journal(&bench.directory, entries, count)?;
        journal.context("systemd-journal-remote is not installed: make deps")
    };
    let (journal, tenth) = (made(entries)?, made(entries / 10)?);
    let place = Place::new(&journal_jail(&journal.path))?;
    let path = &journal.path;
    let contenders = vec![
        Contender::new(MESSAGES, || {
            cost::function(|| yardsticks::journal(path, yardsticks::Fetched::Message))
        }),
        Contender::new("bare loop, all fields", || {
            cost::function(|| yardsticks::journal(path, yardsticks::Fetched::All))
        }),
        Contender::new("gaoler replay", || place.replay_journal(path)).at_most(1.25, MESSAGES),
        Contender::new("gaoler run, from start to stop", || {
            Place::new(&journal_jail(path))?.live(journal.lines)
        }),
        Contender::foreign("journalctl -o cat", || peers::journalctl("cat", path)),
        Contender::foreign("journalctl -o json, what fail2ban-rs reads", || {
            peers::journalctl("json", &tenth.path)
        })
        .tenth(),
        Contender::foreign("fail2ban-regex, systemd backend", || {
            peers::fail2ban_journal(&tenth.path)
        })
        .tenth(),
    ];
    race("journal", ("journal, exported", "entries"), &journal, contenders).run(bench)
}

fn race<'a>(
    group: &'static str,
    (what, records): (&str, &str),
    input: &Input,
    contenders: Vec<Contender<'a>>,
) -> Race<'a> {
    let Input { lines, bytes, checksum, .. } = *input;
    let title = format!("{what}: {lines} {records}, {bytes} bytes, CRC-32 {checksum:08x}");
    Race { group, title, lines, bytes, contenders }
}
