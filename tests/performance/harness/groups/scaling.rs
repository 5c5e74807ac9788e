//! More of it: jails on one log, logs at a time.

use anyhow::Result;

use super::super::gaoler::{Place, jail};
use super::super::race::{Contender, Race};
use super::super::table::{Cell, Row, Table, median};
use super::Bench;
use crate::inputs::{self, Kind};

const ONE: &str = "gaoler replay, one jail";
const ONE_LIVE: &str = "gaoler run, one jail";

/// Filters that a host with one log for all could have jails of.
const FILTERS: [&str; 20] = [
    "sshd",
    "cockpit",
    "dovecot",
    "gitlab",
    "grafana",
    "haproxy",
    "httpd-auth",
    "keycloak",
    "mariadb",
    "named",
    "nginx-http-auth",
    "nginx-limit-req",
    "openvpn",
    "pam",
    "postfix",
    "postfix-sasl",
    "postgresql",
    "proftpd",
    "squid",
    "vsftpd",
];

/// Twenty jails with a filter each, on sshd's log.
pub(super) fn jails(bench: &Bench) -> Result<Table> {
    let log = inputs::log(&bench.directory, Kind::Auth, bench.lines, bench.lines)?;
    let path = &log.path;
    let jails = |filters: &[&str]| -> String {
        filters.iter().map(|filter| jail(filter, filter, &[path])).collect()
    };
    let (one, twenty) = (jails(&FILTERS[..1]), jails(&FILTERS));
    let (replays_one, replays_twenty) = (Place::new(&one)?, Place::new(&twenty)?);
    let contenders = vec![
        Contender::new(ONE, || replays_one.replay(path)),
        Contender::new("gaoler replay, twenty jails", || replays_twenty.replay(path))
            .at_most(2.0, ONE),
        Contender::new(ONE_LIVE, || Place::new(&one)?.live(log.lines)),
        Contender::new("gaoler run, twenty jails", || Place::new(&twenty)?.live(log.lines))
            .at_most(2.0, ONE_LIVE),
    ];
    let title = "jails on the sshd log, each with a filter of its own".to_owned();
    Race { group: "jails", title, lines: log.lines, bytes: log.bytes, contenders }.run(bench)
}

/// Two busy logs of two jails, each by itself and both at once.
pub(super) fn sources(bench: &Bench) -> Result<Table> {
    let log = |kind, lines| inputs::log(&bench.directory, kind, lines, lines);
    let (auth, access) = (log(Kind::Auth, bench.lines)?, log(Kind::Access, 2 * bench.lines)?);
    let sshd = jail("sshd", "sshd", &[&auth.path]);
    let httpd = jail("httpd", "http-get-dos", &[&access.path]);
    let of_both = [sshd.as_str(), &httpd].concat();
    let runs = [
        ("sshd's log", sshd, auth.lines),
        ("the access log", httpd, access.lines),
        ("both at once", of_both, auth.lines + access.lines),
    ];
    let mut costs = [Vec::new(), Vec::new(), Vec::new()];
    for round in 1..=bench.rounds {
        eprintln!("· sources, round {round} of {}", bench.rounds);
        for ((_, jails, lines), costs) in runs.iter().zip(&mut costs) {
            costs.push(Place::new(jails)?.live(*lines)?);
        }
    }
    let title = "two logs, read by the daemon, each of a jail of its own";
    let mut table = Table::new("sources", title, &["", "wall s", "CPU s", "cores in use"]);
    for ((name, ..), costs) in runs.iter().zip(costs) {
        let wall: Vec<f64> = costs.iter().map(|cost| cost.wall.as_secs_f64()).collect();
        let cpu: Vec<f64> = costs.iter().map(|cost| cost.cpu.as_secs_f64()).collect();
        let cores: Vec<f64> = cpu.iter().zip(&wall).map(|(cpu, wall)| cpu / wall).collect();
        let shown = |values: &[f64]| Cell::text(format!("{:.2}", median(values)));
        let cells = vec![shown(&wall), shown(&cpu), shown(&cores)];
        table.rows.push(Row { name: (*name).to_owned(), cells, values: wall });
    }
    Ok(table)
}
