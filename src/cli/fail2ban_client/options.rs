//! What stands before the command: fail2ban-client's options, most of which mean nothing here.

use std::path::{Path, PathBuf};

use super::Refusal;
use crate::cli::{SOCKET, VERSION};
use crate::config::duration::{self, Length};

/// What was asked, but for what gaoler itself decides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The daemon's socket.
    pub(super) socket: PathBuf,
}

/// What a command line comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invocation {
    /// These words are for the daemon.
    Ask(Options, Vec<String>),
    /// This is the answer.
    Say(String),
    /// Check the configuration.
    Check,
}

/// Options with a value that gaoler does not need: its configuration says where things are.
const VALUED: [&str; 10] = [
    "-c",
    "--conf",
    "-p",
    "--pidfile",
    "--pname",
    "--loglevel",
    "--logtarget",
    "--syslogsocket",
    "--timeout",
    "--",
];

const HELP: &str = "\
Usage: fail2ban-client [OPTIONS] <COMMAND>

This is gaoler, which answers in fail2ban's place. Its own words: `gaoler --help`.

Options:
    -s, --socket <FILE>     gaoler's socket, if it is not the usual one
    -t, --test              test gaoler's configuration
    --str2sec <STRING>      convert time abbreviation format to seconds
    -h, --help              display this help message
    -V, --version           print the version (-V returns machine-readable short format)
    -c, -p, -v, -q, -x, -b, -f and their like are taken, and change nothing

Command:
    start | stop | restart                   of gaoler.service
    reload [--unban] [<JAIL>|--all]          reads the configuration again
    ping | version | echo ...
    status [--all [FLAVOR]]                  the jails
    status <JAIL> [basic|short]              one jail's numbers, and who is banned
    stats                                    every jail's numbers in a table
    banned [<IP> ...]                        who is banned by which jail; which jails ban these
    unban --all | <IP> ...                   releases, in all jails
    set <JAIL> banip <IP> ...                bans
    set <JAIL> unbanip [--report-absent] <IP> ...
    get <JAIL> banip [<SEP>|--with-time]     who is banned, in the order in which bans end
    get <JAIL> banned [<IP> ...]
    get <JAIL> logpath|journalmatch|ignoreip|ignoreself|failregex|ignoreregex|
               findtime|bantime|maxretry|datepattern|usedns|actions
    flushlogs

What changes a setting is refused: gaoler.yaml has them, and `reload` reads it.";

/// Reads a command line, without the program's name.
pub(super) fn read(mut words: Vec<String>) -> Result<Invocation, Refusal> {
    let mut socket = std::env::var_os("GAOLER_SOCKET").map_or_else(|| SOCKET.into(), PathBuf::from);
    let mut at = 0;
    while let Some(option) = words.get(at).filter(|word| word.starts_with('-')) {
        let (option, given) = match option.split_once('=').filter(|_| option.starts_with("--")) {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (option.clone(), None),
        };
        let mut value = || {
            given.clone().map_or_else(
                || {
                    at += 1;
                    words.get(at).cloned().ok_or_else(|| usage(&option))
                },
                Ok,
            )
        };
        match option.as_str() {
            "-h" | "--help" => return Ok(Invocation::Say(HELP.to_owned())),
            "-V" => return Ok(Invocation::Say(env!("CARGO_PKG_VERSION").to_owned())),
            "--version" => return Ok(Invocation::Say(format!("gaoler {}", *VERSION))),
            "-t" | "--test" => return Ok(Invocation::Check),
            "--str2sec" => return value().and_then(|text| seconds(&text)).map(Invocation::Say),
            "-d" | "--dp" | "--dump-pretty" => return Err(Refusal(NO_DUMP.to_owned())),
            "-i" => return Err(Refusal(NOT_INTERACTIVE.to_owned())),
            "-s" | "--socket" => socket = meant(&value()?),
            valued if VALUED.contains(&valued) => drop(value()?),
            flags if changes_nothing(flags) => {}
            _ => return Err(usage(&option)),
        }
        at += 1;
    }
    if words.len() == at {
        return Err(Refusal(HELP.to_owned()));
    }
    Ok(Invocation::Ask(Options { socket }, words.split_off(at)))
}

const NO_DUMP: &str = "gaoler has no command stream to dump; `gaoler check -v` shows what it makes of \
its configuration";
const NOT_INTERACTIVE: &str = "gaoler has no interactive mode: give the command as arguments";

/// Whether it is a flag, or several in one word, that changes nothing here.
fn changes_nothing(flags: &str) -> bool {
    match flags.strip_prefix("--") {
        Some(flag) => flag == "async",
        None => flags.chars().skip(1).all(|flag| "vqxbf".contains(flag)),
    }
}

/// Where fail2ban's own socket would be is where scripts say to ask; gaoler is elsewhere.
fn meant(path: &str) -> PathBuf {
    let usual = ["/run/fail2ban/fail2ban.sock", "/var/run/fail2ban/fail2ban.sock"];
    if usual.contains(&path) { SOCKET.into() } else { Path::new(path).to_owned() }
}

fn seconds(text: &str) -> Result<String, Refusal> {
    match duration::parse(text).map_err(|wrong| Refusal(format!("{text}: {wrong}")))? {
        Length::Of(duration) => Ok(duration.as_secs().to_string()),
        Length::Permanent => Ok("-1".to_owned()),
    }
}

fn usage(option: &str) -> Refusal {
    Refusal(format!("fail2ban-client: option {option}: see fail2ban-client --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(line: &str) -> Result<Invocation, Refusal> {
        read(line.split_whitespace().map(str::to_owned).collect())
    }

    #[track_caller]
    fn asks(line: &str, socket: &str, command: &str) {
        match read_line(line) {
            Ok(Invocation::Ask(options, words)) => {
                assert_eq!(options.socket, Path::new(socket), "{line}");
                assert_eq!(words.join(" "), command, "{line}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_are_taken_and_the_rest_is_the_command() {
        asks("status", SOCKET, "status");
        asks("-v -q status sshd", SOCKET, "status sshd");
        asks("-vvx ping", SOCKET, "ping");
        asks("-c /etc/fail2ban --timeout 5 --async ping", SOCKET, "ping");
        asks("-s /tmp/other.sock ping", "/tmp/other.sock", "ping");
        asks("--socket=/tmp/other.sock ping", "/tmp/other.sock", "ping");
        asks("-s /var/run/fail2ban/fail2ban.sock ping", SOCKET, "ping");
        asks(
            "set sshd unbanip --report-absent 192.0.2.7",
            SOCKET,
            "set sshd unbanip --report-absent 192.0.2.7",
        );
    }

    #[test]
    fn what_it_answers_itself_needs_no_daemon() {
        assert_eq!(read_line("--str2sec 1d12h").unwrap(), Invocation::Say("129600".into()));
        assert_eq!(read_line("-V").unwrap(), Invocation::Say(env!("CARGO_PKG_VERSION").into()));
        assert_eq!(read_line("-t").unwrap(), Invocation::Check);
        for wrong in ["", "-d", "-i", "--nosuch ping", "-z", "-s", "--str2sec nonsense"] {
            assert!(read_line(wrong).is_err(), "{wrong}");
        }
    }
}
