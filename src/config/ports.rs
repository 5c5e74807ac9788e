//! Ports by number, range or name, as a jail's `port` has them.
//!
//! `22`, `8000-8010`, `ssh`, `http,https`, fail2ban's `8000:8010`; `all` and fail2ban's `0:65535`
//! are every port. Names are looked up in services(5), read here so that no name service is asked.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::jail::scope::{PortRange, Protocol};

/// The names that a host without services(5), such as a bare container, still knows.
const WELL_KNOWN: &str = "\
ftp 21/tcp\nssh 22/tcp\ntelnet 23/tcp\nsmtp 25/tcp\ndomain 53/tcp\ndomain 53/udp\nhttp 80/tcp\n\
pop3 110/tcp\nimap 143/tcp\nimap2 143/tcp\nldap 389/tcp\nhttps 443/tcp\nhttps 443/udp\n\
submissions 465/tcp\nsmtps 465/tcp\nsubmission 587/tcp\nldaps 636/tcp\nftps 990/tcp\n\
imaps 993/tcp\npop3s 995/tcp\nmysql 3306/tcp\npostgresql 5432/tcp\n";

/// The names of ports, as services(5) has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    source: Option<PathBuf>,
    names: Vec<(String, Protocol, u16)>,
}

/// What one word of a `port` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Every port there is.
    All,
    /// These. Several when a name has a number for each protocol.
    These(BTreeSet<PortRange>),
}

/// Why a port was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// A number or range that no port has.
    #[error(
        "is not a port: ports are 1 to 65535, a range begins with its lower end, and every port is `all`"
    )]
    Range,
    /// It is not of any form that a port has.
    #[error(
        "is not a port: write a number, a range such as `8000-8010`, a service's name, or `all`"
    )]
    Form,
    /// services(5) has no such name.
    #[error("is not a service in {0}; write the port's number")]
    UnknownName(String),
    /// services(5) has the name, for protocols that the jail does not ask for.
    #[error(
        "is a service of {has} only in {file}, and the jail's protocol is {wants}; write the port's number"
    )]
    OtherProtocol {
        /// The protocol it has.
        has: &'static str,
        /// What the jail asks for.
        wants: String,
        /// Where that was read.
        file: String,
    },
}

impl Services {
    /// Reads services(5) at `path`. Without such a file only the best known names are known.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Self {
                source: Some(path.to_owned()),
                names: names(&String::from_utf8_lossy(&bytes)),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::well_known()),
            Err(error) => Err(error),
        }
    }

    /// The best known names.
    #[must_use]
    pub fn well_known() -> Self {
        Self { source: None, names: names(WELL_KNOWN) }
    }

    /// What `word` means to a jail of these protocols.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the word, to be read after it.
    pub fn resolve(&self, word: &str, wanted: &BTreeSet<Protocol>) -> Result<Ports, PortError> {
        if let Some(ports) = numeric(word)? {
            return Ok(ports);
        }
        let named = self.names.iter().filter(|(name, of, _)| name == word && wanted.contains(of));
        let found: BTreeSet<PortRange> =
            named.filter_map(|&(_, _, port)| PortRange::new(port, port)).collect();
        if found.is_empty() { Err(self.not_found(word, wanted)) } else { Ok(Ports::These(found)) }
    }

    fn not_found(&self, word: &str, wanted: &BTreeSet<Protocol>) -> PortError {
        let source = self.source.as_ref().map_or_else(
            || "the built-in list (this host has no services(5))".to_owned(),
            |path| path.display().to_string(),
        );
        match self.names.iter().find(|(name, _, _)| name == word) {
            Some((_, has, _)) => PortError::OtherProtocol {
                has: has.as_str(),
                wants: wanted.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(" and "),
                file: source,
            },
            None => PortError::UnknownName(source),
        }
    }
}

/// Checks the form only: whether a name is known is for [`Services::resolve`] to say.
///
/// # Errors
///
/// Says what is wrong with the word, to be read after it.
pub fn check(word: &str) -> Result<(), PortError> {
    numeric(word).map(|_| ())
}

/// What `word` means without any names; `None` if it has the form of a name.
fn numeric(word: &str) -> Result<Option<Ports>, PortError> {
    if word == "all" || word == "0:65535" || word == "0-65535" {
        return Ok(Some(Ports::All));
    }
    if word.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b':') {
        return range(word).map(|range| Some(Ports::These(BTreeSet::from([range]))));
    }
    let is_name = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+./".contains(&b));
    if is_name && !word.is_empty() { Ok(None) } else { Err(PortError::Form) }
}

fn range(word: &str) -> Result<PortRange, PortError> {
    let (first, last) = word.split_once(['-', ':']).unwrap_or((word, word));
    let number = |text: &str| {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PortError::Form);
        }
        text.parse::<u16>().map_err(|_| PortError::Range)
    };
    PortRange::new(number(first)?, number(last)?).ok_or(PortError::Range)
}

/// The names in the text of a services(5). Lines that make no sense are skipped, as by libc.
fn names(text: &str) -> Vec<(String, Protocol, u16)> {
    let mut names = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
        let Some((Ok(number), protocol)) = port.split_once('/').map(|(n, p)| (n.parse(), p)) else {
            continue;
        };
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => continue,
        };
        names.extend(std::iter::once(name).chain(words).map(|n| (n.to_owned(), protocol, number)));
    }
    names
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERVICES: &str = "# a comment\nssh 22/tcp # SSH\nhttp 80/tcp www\nhttp 80/udp\n\
                            split 1000/tcp\nsplit 2000/udp\nbad\nworse x/tcp\nsctp 9/sctp\n";

    fn services() -> Services {
        Services { source: Some("/etc/services".into()), names: names(SERVICES) }
    }

    fn resolve(word: &str, protocols: &[Protocol]) -> Result<Ports, PortError> {
        services().resolve(word, &protocols.iter().copied().collect())
    }

    #[track_caller]
    fn check(word: &str, protocols: &[Protocol], expected: &[&str]) {
        let Ok(Ports::These(ports)) = resolve(word, protocols) else { panic!("{word}") };
        assert_eq!(ports.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn reads_numbers_ranges_and_names() {
        use Protocol::{Tcp, Udp};
        check("22", &[Tcp], &["22"]);
        check("8000-8010", &[Tcp], &["8000-8010"]);
        check("8000:8010", &[Tcp], &["8000-8010"]);
        check("ssh", &[Tcp], &["22"]);
        check("www", &[Tcp], &["80"]);
        check("ssh", &[Tcp, Udp], &["22"]);
        check("split", &[Udp], &["2000"]);
        check("split", &[Tcp, Udp], &["1000", "2000"]);
        for all in ["all", "0:65535", "0-65535"] {
            assert_eq!(resolve(all, &[Tcp]), Ok(Ports::All));
        }
    }

    #[test]
    fn refuses_what_is_no_port() {
        let refusal = |word| resolve(word, &[Protocol::Udp]).unwrap_err();
        for word in ["0", "65536", "10-5", "0-5", "99999999999999999999"] {
            assert_eq!(refusal(word), PortError::Range, "{word}");
        }
        for word in ["", "-5", "5-", "1-2-3", "80 81", "80/tcp", "s\u{f8}"] {
            assert!(matches!(refusal(word), PortError::Form | PortError::UnknownName(_)), "{word}");
        }
        assert_eq!(refusal("gopher"), PortError::UnknownName("/etc/services".into()));
        assert!(matches!(refusal("ssh"), PortError::OtherProtocol { has: "tcp", .. }));
    }

    #[test]
    fn a_host_without_services_knows_the_best_known_names() {
        let services = Services::read(Path::new("/nonexistent/services")).unwrap();
        let ssh = services.resolve("ssh", &BTreeSet::from([Protocol::Tcp]));
        assert_eq!(ssh, Ok(Ports::These(BTreeSet::from([PortRange::new(22, 22).unwrap()]))));
    }

    proptest! {
        #[test]
        fn any_range_reads_as_it_is_shown(first in 1u16.., length in 0u16..1000) {
            let range = PortRange::new(first, first.saturating_add(length)).unwrap();
            prop_assert_eq!(
                resolve(&range.to_string(), &[Protocol::Tcp]),
                Ok(Ports::These(BTreeSet::from([range])))
            );
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}", services in ".{0,80}") {
            let _ = resolve(&text, &[Protocol::Tcp]);
            let _ = names(&services);
        }
    }
}
