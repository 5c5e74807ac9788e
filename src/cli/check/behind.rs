//! Whether httpd stands behind a proxy, as far as its configuration and its log show.
//!
//! Where it does, the address in the log may be the proxy's, and a ban would refuse everybody. What
//! cannot be read is passed over: this is advice, and no more is read than it is worth.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::config::checked::{Config, JailSettings};
use crate::record::origin::Origin;

/// Where httpd's configuration is, on RHEL and on Debian.
const CONFIGURATION: [&str; 5] = [
    "etc/httpd/conf/*.conf",
    "etc/httpd/conf.d/*.conf",
    "etc/httpd/conf.modules.d/*.conf",
    "etc/apache2/*.conf",
    "etc/apache2/*-enabled/*",
];
/// At most so many files are read, and so much of each.
const FILES: usize = 200;
const LONGEST: u64 = 256 << 10;
/// How much of the end of a log is looked at.
const TAIL: u64 = 256 << 10;
/// With fewer requests than that a log says nothing.
const ENOUGH: usize = 50;

/// A line of httpd's configuration that tells of a proxy.
#[derive(Debug, PartialEq, Eq)]
struct Sign {
    file: PathBuf,
    line: usize,
    directive: &'static str,
}

/// Nearly all requests of a log come from one host nearby.
#[derive(Debug, PartialEq, Eq)]
struct Crowd {
    peer: IpAddr,
    requests: usize,
    of: usize,
}

/// What an operator should know, in sentences. `root` is `/`.
pub(super) fn notes(config: &Config, root: &Path) -> Vec<String> {
    let jails: Vec<&JailSettings> = config.jails.iter().filter(|jail| reads_httpd(jail)).collect();
    if jails.is_empty() {
        return Vec::new();
    }
    let mut notes = Vec::new();
    let trusting_nobody: Vec<&str> = jails
        .iter()
        .filter(|jail| jail.trusted_proxies.is_empty())
        .map(|jail| jail.name.as_str())
        .collect();
    if let (Some(sign), false) = (sign(root), trusting_nobody.is_empty()) {
        notes.push(told_of_sign(&sign, &trusting_nobody.join(", ")));
    }
    notes.extend(jails.iter().filter_map(|jail| {
        let (file, crowd) = crowd_of(jail, root)?;
        Some(told_of_crowd(jail, &file, &crowd))
    }));
    notes
}

fn told_of_sign(sign: &Sign, jails: &str) -> String {
    let Sign { file, line, directive } = sign;
    let what_to_do = match *directive {
        "LogFormat" => {
            "if one does, name it in `trusted_proxies`, and give this format as `logformat`: else the \
             proxy is banned, and everybody behind it"
        }
        _ => "name the proxies in `trusted_proxies`, so that none of them is ever banned",
    };
    let seen = match *directive {
        "LogFormat" => "logs X-Forwarded-For, as if a proxy stood before it",
        _ => "stands behind a proxy",
    };
    format!("httpd {seen} ({directive} in {}:{line}), jail {jails}: {what_to_do}", file.display())
}

fn told_of_crowd(jail: &JailSettings, file: &Path, crowd: &Crowd) -> String {
    let Crowd { peer, requests, of } = crowd;
    format!(
        "jail {}: {requests} of the last {of} requests in {} are from {peer}, which looks like a \
         proxy: a ban would refuse everybody behind it, or nobody; name it in `trusted_proxies`, and \
         say in `logformat` where the client stands",
        jail.name,
        file.display()
    )
}

/// Whether it is about requests to a web server.
pub(super) fn reads_httpd(jail: &JailSettings) -> bool {
    let httpds = |path: &String| path.contains("/httpd/") || path.contains("/apache2/");
    jail.filter.tells_of_clients().is_some()
        || matches!(&jail.origin, Origin::Files(files) if files.patterns.iter().any(httpds))
}

/// The strongest sign of a proxy in httpd's configuration.
fn sign(root: &Path) -> Option<Sign> {
    let mut weaker = None;
    for (file, text) in configuration(root) {
        for (line, words) in (1..).zip(text.lines()) {
            let Some(directive) = directive(words) else { continue };
            let sign = Sign { file: file.clone(), line, directive };
            if directive != "LogFormat" {
                return Some(sign);
            }
            weaker.get_or_insert(sign);
        }
    }
    weaker
}

/// httpd's configuration, file by file, as far as it can be read.
pub(super) fn configuration(root: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    let files = CONFIGURATION.iter().flat_map(|pattern| files(root, pattern)).take(FILES);
    files.filter_map(|file| Some((shown(root, &file), head(&file)?)))
}

/// The directive on a line, if it tells of a proxy.
fn directive(line: &str) -> Option<&'static str> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let is = |directive: &str| name.eq_ignore_ascii_case(directive);
    if is("RemoteIPHeader") {
        return Some("RemoteIPHeader");
    }
    if is("RemoteIPProxyProtocol") {
        let on = words.next().is_some_and(|word| word.eq_ignore_ascii_case("on"));
        return on.then_some("RemoteIPProxyProtocol");
    }
    let forwarded = || line.to_ascii_lowercase().contains("%{x-forwarded-for}i");
    (is("LogFormat") && forwarded()).then_some("LogFormat")
}

/// A log of the jail in which nearly all requests come from one host nearby, which is not named.
fn crowd_of(jail: &JailSettings, root: &Path) -> Option<(PathBuf, Crowd)> {
    jail.filter.tells_of_clients()?;
    let Origin::Files(origin) = &jail.origin else { return None };
    let logs =
        origin.patterns.iter().flat_map(|pattern| files(root, pattern.trim_start_matches('/')));
    logs.take(3).find_map(|log| {
        let tail = tail(&log)?;
        let peers = tail.split(|byte| *byte == b'\n').filter_map(|line| jail.filter.peer(line));
        let crowd = crowd(peers)?;
        let named = jail.trusted_proxies.iter().any(|network| network.contains(&crowd.peer));
        (!named).then(|| (shown(root, &log), crowd))
    })
}

/// Nine of ten from one address that is no Internet host's.
fn crowd(peers: impl Iterator<Item = IpAddr>) -> Option<Crowd> {
    let mut counts = HashMap::<IpAddr, usize>::new();
    for peer in peers {
        *counts.entry(peer).or_default() += 1;
    }
    let of = counts.values().sum();
    let (peer, requests) = counts.into_iter().max_by_key(|(_, requests)| *requests)?;
    (of >= ENOUGH && requests * 10 >= of * 9 && is_nearby(peer)).then_some(Crowd {
        peer,
        requests,
        of,
    })
}

/// Loopback, private (RFC 1918), shared (RFC 6598), or unique local (RFC 4193).
fn is_nearby(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => {
            let [a, b, ..] = four.octets();
            four.is_loopback() || four.is_private() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local(),
    }
}

/// Files below `root` that match, by name.
fn files(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let pattern = root.join(pattern);
    let found = pattern.to_str().and_then(|pattern| glob::glob(pattern).ok());
    found.into_iter().flatten().flatten().filter(|path| path.is_file()).collect()
}

fn head(file: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last lines of a file; a part of a line before them may be among them.
fn tail(file: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(file).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// A path as it is without `root` before it.
fn shown(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).map_or_else(|_| path.to_owned(), |path| Path::new("/").join(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// What is noted of a host with these files; every jail's log is `/var/log/httpd/access_log`.
    #[track_caller]
    fn check(jail: &str, files: &[(&str, &str)], expected: &[&str]) {
        let host = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = host.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let yaml = host.path().join("gaoler.yaml");
        std::fs::write(&yaml, format!("jails: {{web: {jail}}}\n")).unwrap();
        let notes = notes(&config::load(&yaml).unwrap(), host.path());
        assert_eq!(notes.len(), expected.len(), "{notes:#?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{expected:?} in {note:?}");
        }
    }

    const LOG: &str = "var/log/httpd/access_log";
    const PLAIN: &str = "{filter: httpd-404}";
    const TRUSTING: &str = "{filter: httpd-404, trusted_proxies: 10.0.0.0/8, logformat: '%h %t \
                            \"%r\" %>s \"%{X-Forwarded-For}i\"'}";

    fn log(peers: &[(&str, usize)]) -> String {
        let lines = peers.iter().flat_map(|(peer, count)| {
            std::iter::repeat_n(
                format!("{peer} - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 45\n"),
                *count,
            )
        });
        lines.collect()
    }

    #[test]
    fn mod_remoteip_is_seen() {
        let conf = "# RemoteIPHeader X\n  remoteipheader X-Forwarded-For\n";
        let files = [("etc/httpd/conf.d/r.conf", conf)];
        let seen = "behind a proxy (RemoteIPHeader in /etc/httpd/conf.d/r.conf:2), jail web";
        check(PLAIN, &files, &[seen]);
        check(TRUSTING, &files, &[]);
        check("{filter: httpd-auth}", &files, &[seen]);
        check("{filter: sshd}", &files, &[]);
        let files = [("etc/apache2/sites-enabled/s", "RemoteIPProxyProtocol On")];
        check(PLAIN, &files, &["RemoteIPProxyProtocol in /etc/apache2/sites-enabled/s:1"]);
        check(PLAIN, &[("etc/apache2/sites-enabled/s", "RemoteIPProxyProtocol Off")], &[]);
        check(PLAIN, &[], &[]);
    }

    #[test]
    fn a_format_with_the_header_is_seen() {
        let conf = "LogFormat \"%h %t \\\"%r\\\" \\\"%{X-Forwarded-For}i\\\"\" p\n";
        let files = [("etc/httpd/conf/httpd.conf", conf)];
        check(PLAIN, &files, &["LogFormat in /etc/httpd/conf/httpd.conf:1"]);
        let stronger = ("etc/httpd/conf.d/z.conf", "RemoteIPHeader X-Real-IP");
        check(PLAIN, &[files[0], stronger], &["/etc/httpd/conf.d/z.conf:1"]);
    }

    #[test]
    fn a_log_of_one_neighbour_is_seen() {
        let crowded =
            |text: &str, jail: &str, expected: &[&str]| check(jail, &[(LOG, text)], expected);
        let seen = "95 of the last 100 requests in /var/log/httpd/access_log are from 10.0.0.5";
        crowded(&log(&[("10.0.0.5", 95), ("198.51.100.7", 5)]), PLAIN, &[seen]);
        crowded(&log(&[("10.0.0.5", 80), ("198.51.100.7", 20)]), PLAIN, &[]);
        crowded(&log(&[("198.51.100.7", 100)]), PLAIN, &[]);
        crowded(&log(&[("10.0.0.5", 40)]), PLAIN, &[]);
        crowded(
            &log(&[("::1", 60)]),
            PLAIN,
            &["60 requests in /var/log/httpd/access_log are from ::1"],
        );
        crowded("\0\u{1b}[31m not a log\n", PLAIN, &[]);
        let named = "{filter: httpd-404, trusted_proxies: 10.0.0.5}";
        crowded(&log(&[("10.0.0.5", 100)]), named, &[]);
    }
}
