//! fail2ban's words, and what each means to gaoler.

use ipnet::IpNet;

use super::unit::UnitVerb;
use super::{Refusal, looks};
use crate::cli::value;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Is the daemon there?
    Ping,
    /// Which version is it?
    Version,
    /// The jails; with each one's tree.
    Status { all: Option<Flavor> },
    /// One jail.
    StatusOf(String, Flavor),
    /// Every jail's numbers, in a table.
    Stats,
    /// Who is banned by which jail.
    Banned,
    /// Which jails ban each of these.
    BannedAnywhere(Vec<Token>),
    /// Release everybody.
    UnbanAll,
    /// Release these.
    Unban(Vec<IpNet>),
    /// Ban these.
    Ban(String, Vec<IpNet>),
    /// Release these; whether to complain of those who are not banned.
    UnbanBy(String, Vec<IpNet>, bool),
    /// Who is banned by a jail.
    BannedBy(String, Listing),
    /// Whether it bans each of these.
    IsBanned(String, Vec<Token>),
    /// A jail's setting.
    Get(String, Key),
    /// Read the configuration again.
    Reload { jail: Option<String>, unban: bool },
    /// It is gaoler.service's business.
    Unit(UnitVerb),
    /// This is all there is to say.
    Say(String),
}

/// How much of a jail's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavor {
    /// All.
    Basic,
    /// Without who is banned.
    Short,
}

/// How those who are banned are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// In one line, with this between them.
    Joined(String),
    /// A line each, with since when and until when.
    WithTime,
}

/// What may be an address; what is none is banned by nobody.
pub(super) type Token = Option<IpNet>;

/// A setting that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Logpath,
    Logencoding,
    Journalmatch,
    Ignoreself,
    Ignoreip,
    Ignorecommand,
    Failregex,
    Ignoreregex,
    Findtime,
    Bantime,
    Datepattern,
    Usedns,
    Maxretry,
    Maxlines,
    Actions,
}

/// What can be set at run time in fail2ban, and the key of gaoler.yaml that does it.
const SETTABLE: [(&str, &str); 18] = [
    ("addignoreip", "ignoreip"),
    ("delignoreip", "ignoreip"),
    ("ignoreself", "ignoreself"),
    ("addlogpath", "logpath"),
    ("dellogpath", "logpath"),
    ("addjournalmatch", "journalmatch"),
    ("deljournalmatch", "journalmatch"),
    ("addfailregex", "filter"),
    ("delfailregex", "filter"),
    ("addignoreregex", "filter"),
    ("delignoreregex", "filter"),
    ("datepattern", "datepattern"),
    ("findtime", "findtime"),
    ("bantime", "bantime"),
    ("maxretry", "maxretry"),
    ("idle", "enabled"),
    ("bantime.increment", "bantime_increment"),
    ("maxmatches", "max_evidence"),
];

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    ///
    /// Says what fail2ban says of words it does not know, or what to do instead.
    pub(super) fn parse(words: &[String]) -> Result<Self, Refusal> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(match &words[..] {
            ["ping", ..] => Self::Ping,
            ["version"] => Self::Version,
            ["echo", text @ ..] => Self::Say(text.join(" ")),
            ["flushlogs"] => Self::Say("logs: flushed".to_owned()),
            ["status"] => Self::Status { all: None },
            ["status", "--all", flavor @ ..] => Self::Status { all: Some(Flavor::of(flavor)) },
            ["status", jail, flavor @ ..] => Self::StatusOf((*jail).to_owned(), Flavor::of(flavor)),
            ["stats" | "statistic" | "statistics"] => Self::Stats,
            ["banned"] => Self::Banned,
            ["banned", whom @ ..] => Self::BannedAnywhere(tokens(whom)),
            ["unban", "--all"] => Self::UnbanAll,
            ["unban", whom @ ..] if !whom.is_empty() => Self::Unban(addresses(whom)?),
            ["start"] => Self::Unit(UnitVerb::Start),
            ["stop"] => Self::Unit(UnitVerb::Stop),
            ["restart"] => Self::Unit(UnitVerb::Restart),
            ["reload" | "restart", rest @ ..] => reload(rest),
            ["start" | "stop" | "add", jail, ..] => return Err(not_at_run_time(jail, "enabled")),
            ["set", what @ ..] => return set(what),
            ["get", what @ ..] => return get(what),
            _ => return Err(Refusal("Invalid command".to_owned())),
        })
    }
}

impl Flavor {
    fn of(words: &[&str]) -> Self {
        if words.first() == Some(&"short") { Self::Short } else { Self::Basic }
    }
}

fn reload(words: &[&str]) -> Command {
    let jail = words.iter().find(|word| !word.starts_with("--"));
    Command::Reload { jail: jail.map(|jail| (*jail).to_owned()), unban: words.contains(&"--unban") }
}

fn set(words: &[&str]) -> Result<Command, Refusal> {
    Ok(match words {
        [jail, "banip", whom @ ..] if !whom.is_empty() => {
            Command::Ban((*jail).to_owned(), addresses(whom)?)
        }
        [jail, "unbanip", "--report-absent", whom @ ..] if !whom.is_empty() => {
            Command::UnbanBy((*jail).to_owned(), addresses(whom)?, true)
        }
        [jail, "unbanip", whom @ ..] if !whom.is_empty() => {
            Command::UnbanBy((*jail).to_owned(), addresses(whom)?, false)
        }
        ["loglevel" | "logtarget" | "syslogsocket", ..] => return Err(Refusal(LOGS.to_owned())),
        ["dbfile" | "dbpurgeage" | "dbmaxmatches", ..] => {
            return Err(Refusal("gaoler.yaml has that, under `state`".to_owned()));
        }
        [jail, "attempt", ..] => {
            return Err(Refusal(format!(
                "gaoler counts what its sources say alone; to ban: fail2ban-client set {jail} banip <IP>"
            )));
        }
        [jail, word, ..] => match SETTABLE.iter().find(|(name, _)| name == word) {
            Some((_, key)) => return Err(not_at_run_time(jail, key)),
            None => return Err(no_such_setting(word)),
        },
        _ => return Err(Refusal("Sorry but the command is invalid".to_owned())),
    })
}

fn get(words: &[&str]) -> Result<Command, Refusal> {
    Ok(match words {
        ["logtarget"] => Command::Say("Current logging target is:\n`- SYSTEMD-JOURNAL".to_owned()),
        ["loglevel" | "syslogsocket"] => return Err(Refusal(LOGS.to_owned())),
        ["dbfile" | "dbpurgeage" | "dbmaxmatches"] => {
            return Err(Refusal("gaoler.yaml has that, under `state`".to_owned()));
        }
        [jail, "banip"] => Command::BannedBy((*jail).to_owned(), Listing::Joined(" ".to_owned())),
        [jail, "banip", "--with-time"] => Command::BannedBy((*jail).to_owned(), Listing::WithTime),
        [jail, "banip", separator, ..] => {
            Command::BannedBy((*jail).to_owned(), Listing::Joined((*separator).to_owned()))
        }
        [jail, "banned", whom @ ..] => Command::IsBanned((*jail).to_owned(), tokens(whom)),
        [jail, key, ..] => Command::Get((*jail).to_owned(), Key::named(key)?),
        _ => return Err(Refusal("Sorry but the command is invalid".to_owned())),
    })
}

impl Key {
    fn named(word: &str) -> Result<Self, Refusal> {
        Ok(match word {
            "logpath" => Self::Logpath,
            "logencoding" => Self::Logencoding,
            "journalmatch" => Self::Journalmatch,
            "ignoreself" => Self::Ignoreself,
            "ignoreip" => Self::Ignoreip,
            "ignorecommand" => Self::Ignorecommand,
            "failregex" => Self::Failregex,
            "ignoreregex" => Self::Ignoreregex,
            "findtime" => Self::Findtime,
            "bantime" => Self::Bantime,
            "datepattern" => Self::Datepattern,
            "usedns" => Self::Usedns,
            "maxretry" => Self::Maxretry,
            "maxlines" => Self::Maxlines,
            "actions" => Self::Actions,
            _ => {
                let why = "Invalid command (no get action or not yet implemented)";
                return Err(Refusal(why.to_owned()));
            }
        })
    }
}

const LOGS: &str = "gaoler logs to the journal; how much is --log-level of gaoler.service";

fn no_such_setting(word: &str) -> Refusal {
    let word = looks::python_string(word);
    Refusal(format!("Invalid command {word} (no set action or not yet implemented)"))
}

fn not_at_run_time(jail: &str, key: &str) -> Refusal {
    Refusal(format!(
        "gaoler has its settings in gaoler.yaml alone: change `jails.{jail}.{key}` there, then reload"
    ))
}

/// Addresses and networks, all of which must be such.
fn addresses(words: &[&str]) -> Result<Vec<IpNet>, Refusal> {
    let address =
        |word: &&str| value::network(word).map_err(|wrong| Refusal(format!("{word}: {wrong}")));
    words.iter().map(address).collect()
}

fn tokens(words: &[&str]) -> Vec<Token> {
    words.iter().map(|word| value::network(word).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Refusal> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[track_caller]
    fn check(line: &str, expected: &Command) {
        assert_eq!(&parse(line).unwrap(), expected, "{line}");
    }

    #[test]
    fn everyday_words_are_understood() {
        let sshd = || "sshd".to_owned();
        let one: Vec<IpNet> = vec!["192.0.2.7/32".parse().unwrap()];
        check("status", &Command::Status { all: None });
        check("status sshd", &Command::StatusOf(sshd(), Flavor::Basic));
        check("status sshd short", &Command::StatusOf(sshd(), Flavor::Short));
        check("status --all", &Command::Status { all: Some(Flavor::Basic) });
        check("set sshd banip 192.0.2.7", &Command::Ban(sshd(), one.clone()));
        check("set sshd unbanip 192.0.2.7", &Command::UnbanBy(sshd(), one.clone(), false));
        check(
            "set sshd unbanip --report-absent 192.0.2.7",
            &Command::UnbanBy(sshd(), one.clone(), true),
        );
        check("unban --all", &Command::UnbanAll);
        check("unban 192.0.2.7", &Command::Unban(one.clone()));
        check("get sshd banip", &Command::BannedBy(sshd(), Listing::Joined(" ".into())));
        check("get sshd banip --with-time", &Command::BannedBy(sshd(), Listing::WithTime));
        check("get sshd banned 192.0.2.7 x", &Command::IsBanned(sshd(), vec![Some(one[0]), None]));
        check("get sshd maxretry", &Command::Get(sshd(), Key::Maxretry));
        check("reload", &Command::Reload { jail: None, unban: false });
        check("reload --unban sshd", &Command::Reload { jail: Some(sshd()), unban: true });
        check("restart sshd", &Command::Reload { jail: Some(sshd()), unban: false });
        check("restart", &Command::Unit(UnitVerb::Restart));
        check("echo a b", &Command::Say("a b".into()));
    }

    #[test]
    fn what_is_refused_says_why() {
        for (line, expected) in [
            ("nonsense", "Invalid command"),
            ("unban", "Invalid command"),
            ("set sshd", "Sorry but the command is invalid"),
            ("get sshd", "Sorry but the command is invalid"),
            ("get sshd nosuch", "no get action"),
            ("set sshd nosuch 1", "no set action"),
            ("set sshd maxretry 3", "`jails.sshd.maxretry`"),
            ("set sshd addignoreip 192.0.2.7", "`jails.sshd.ignoreip`"),
            ("set sshd banip nobody", "nobody"),
            ("set loglevel DEBUG", "--log-level"),
            ("stop sshd", "`jails.sshd.enabled`"),
        ] {
            let Err(Refusal(why)) = parse(line) else { panic!("{line} is taken") };
            assert!(why.contains(expected), "{line}: {why}");
        }
    }
}
