//! Whether httpd's configuration lets a peer choose which address is logged for it.
//!
//! Two ways are known. `mod_remoteip` believes a header of everybody's unless it is told of proxies
//! (`RemoteIPInternalProxy`, `RemoteIPTrustedProxy` and their lists). And `HostnameLookups On` has `%h`
//! be whatever the peer's own DNS says, which may be a name made of numbers, such as another's address.

use std::path::{Path, PathBuf};

use super::behind;
use crate::config::checked::Config;

/// Where a directive stands.
type Place = (PathBuf, usize);

/// What an operator should know, in sentences. `root` is `/`.
pub(super) fn notes(config: &Config, root: &Path) -> Vec<String> {
    let jails: Vec<&str> = config
        .jails
        .iter()
        .filter(|jail| behind::reads_httpd(jail))
        .map(|jail| jail.name.as_str())
        .collect();
    if jails.is_empty() {
        return Vec::new();
    }
    let jails = jails.join(", ");
    let [mut header, mut proxies, mut lookups] = [None, None, None];
    for (file, text) in behind::configuration(root) {
        for (line, words) in (1..).zip(text.lines()) {
            let place = match directive(words) {
                Some(Directive::Header) => &mut header,
                Some(Directive::Proxies) => &mut proxies,
                Some(Directive::Lookups) => &mut lookups,
                None => continue,
            };
            place.get_or_insert_with(|| (file.clone(), line));
        }
    }
    let believes_all = header.filter(|_| proxies.is_none()).map(|place| of_header(&jails, &place));
    let believes_names = lookups.map(|place| of_lookups(&jails, &place));
    believes_all.into_iter().chain(believes_names).collect()
}

fn of_header(jails: &str, (file, line): &Place) -> String {
    format!(
        "httpd believes RemoteIPHeader ({}:{line}) of everybody, and so each client chooses whom jail \
         {jails} bans: name the proxies in RemoteIPInternalProxy or RemoteIPTrustedProxy",
        file.display()
    )
}

fn of_lookups(jails: &str, (file, line): &Place) -> String {
    format!(
        "httpd looks up names (HostnameLookups in {}:{line}), and a client's own DNS may have another's \
         address for its name, whom jail {jails} would ban: turn it off, or log %a in place of %h",
        file.display()
    )
}

/// A directive that matters here.
enum Directive {
    /// A header names the client.
    Header,
    /// Who may send it.
    Proxies,
    /// Names in place of addresses. (`Double` asks the name for its address as well.)
    Lookups,
}

fn directive(line: &str) -> Option<Directive> {
    let mut words = line.split_whitespace();
    let name = words.next()?.to_ascii_lowercase();
    match name.as_str() {
        "remoteipheader" => Some(Directive::Header),
        "hostnamelookups" if words.next()?.eq_ignore_ascii_case("on") => Some(Directive::Lookups),
        name if name.starts_with("remoteipinternalproxy")
            || name.starts_with("remoteiptrustedproxy") =>
        {
            Some(Directive::Proxies)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// What is noted of a host whose httpd is configured so.
    #[track_caller]
    fn check(jail: &str, conf: &str, expected: &[&str]) {
        let host = tempfile::tempdir().unwrap();
        let directory = host.path().join("etc/httpd/conf.d");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("a.conf"), conf).unwrap();
        let yaml = host.path().join("gaoler.yaml");
        std::fs::write(&yaml, format!("jails: {{web: {{filter: {jail}}}}}\n")).unwrap();
        let notes = notes(&config::load(&yaml).unwrap(), host.path());
        assert_eq!(notes.len(), expected.len(), "{notes:#?}");
        for (note, expected) in notes.iter().zip(expected) {
            assert!(note.contains(expected), "{expected:?} in {note:?}");
        }
    }

    const HEADER: &str = "believes RemoteIPHeader (/etc/httpd/conf.d/a.conf:2) of everybody";

    #[test]
    fn a_header_that_everybody_may_send_is_seen() {
        check("httpd-404", "#\n RemoteIPHeader X-Forwarded-For\n", &[HEADER]);
        check("httpd-auth", "#\nremoteipheader X-Real-IP\n", &[HEADER]);
        check("sshd", "RemoteIPHeader X-Forwarded-For\n", &[]);
        for proxies in ["RemoteIPInternalProxy 10.0.0.1", "RemoteIPTrustedProxyList /etc/l"] {
            check("httpd-404", &format!("RemoteIPHeader X-Forwarded-For\n{proxies}\n"), &[]);
        }
        check("httpd-404", "# RemoteIPHeader X\n", &[]);
    }

    #[test]
    fn names_in_place_of_addresses_are_seen() {
        check(
            "http-get-dos",
            "HostnameLookups on\n",
            &["HostnameLookups in /etc/httpd/conf.d/a.conf:1"],
        );
        for harmless in ["HostnameLookups Off", "HostnameLookups Double", "#HostnameLookups On", ""]
        {
            check("http-get-dos", harmless, &[]);
        }
    }
}
