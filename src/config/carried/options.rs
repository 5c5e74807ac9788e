//! How much is too much, and for how long.

use jiff::SignedDuration;

use super::{Draft, Note, place};
use crate::config::duration::{self, Length};
use crate::config::error::{ConfigError, Problem, shown};
use crate::config::tree::{Node, Value};
use crate::config::walk::nearest;
use crate::fail2ban::jail::is_on;
use crate::fail2ban::{self, Section, seconds};

/// The options that a misspelt one may have meant.
const KNOWN: [&str; 22] = [
    "enabled",
    "filter",
    "backend",
    "maxretry",
    "maxlines",
    "maxmatches",
    "findtime",
    "bantime",
    "bantime.increment",
    "bantime.factor",
    "bantime.formula",
    "bantime.multipliers",
    "bantime.maxtime",
    "bantime.rndtime",
    "bantime.overalljails",
    "ignoreip",
    "ignoreself",
    "logpath",
    "logtimezone",
    "journalmatch",
    "failregex",
    "action",
];

/// As server defaults have it where no file says anything.
const MAXRETRY: i128 = 3;

impl Draft<'_> {
    /// maxretry, findtime, bantime.
    pub(super) fn numbers(&mut self) {
        let written = self.jail.options.text("maxretry").map(str::trim);
        let maxretry = written.map_or(Ok(MAXRETRY), str::parse);
        let at = place(self.jail.place("maxretry"));
        match maxretry {
            // fail2ban bans at the first failure where it is 0 or less.
            Ok(maxretry) => self.fields.count("maxretry", maxretry.max(1), at),
            Err(_) => {
                let text = shown(written.unwrap_or_default());
                self.refuse("maxretry", format!("`{text}` is not a whole number"));
            }
        }
        self.time("findtime", false);
        self.time("bantime", true);
    }

    /// bantime.increment and its kin.
    pub(super) fn growth(&mut self) {
        for option in ["bantime.increment", "bantime.overalljails"] {
            if let Some(text) = self.option(option) {
                let flag = is_on(&text);
                self.fields.flag(option, flag, place(self.jail.place(option)));
            }
        }
        let increments = self.option("bantime.increment").is_some_and(|text| is_on(&text));
        if !increments {
            return;
        }
        self.time("bantime.maxtime", false);
        self.time("bantime.rndtime", false);
        if let Some(text) = self.option("bantime.factor") {
            match seconds::parse(&text) {
                Some(factor) => self.put_text("bantime.factor", number(factor)),
                None => {
                    self.refuse("bantime.factor", format!("`{}` is not a number", shown(&text)))
                }
            }
        }
        if let Some(text) = self.option("bantime.formula") {
            self.put_text("bantime.formula", text.replace('\n', " "));
        }
        if let Some(text) = self.option("bantime.multipliers") {
            let at = place(self.jail.place("bantime.multipliers"));
            self.fields.list("bantime.multipliers", text.split_whitespace(), &at);
        }
    }

    /// What else a jail may say.
    pub(super) fn rest(&mut self) {
        if let Some(text) = self.option("logtimezone") {
            self.put_text("logtimezone", text);
        }
        for (name, at) in &self.jail.unread {
            let near = nearest(name, KNOWN.into_iter()).filter(|_| !name.starts_with("action"));
            if let Some(near) = near {
                let text = format!("`{name}` is read by nothing; did you mean `{near}`?");
                self.notes.push(Note { place: place(at), text });
            }
        }
    }

    /// An option, where it is not blank.
    pub(super) fn option(&self, option: &str) -> Option<String> {
        super::given(&self.jail.options, option).map(str::to_owned)
    }

    fn put_text(&mut self, option: &str, text: impl Into<String>) {
        self.fields.text(option, text, place(self.jail.place(option)));
    }

    /// A duration; what is below 0 is for ever.
    fn time(&mut self, option: &str, may_be_permanent: bool) {
        let Some(text) = self.option(option) else { return };
        match time(&text) {
            Some(time) if may_be_permanent || time != PERMANENT => self.put_text(option, time),
            _ => self.refuse(
                option,
                format!(
                    "`{}` is not a duration; write for example `600`, `10m` or `1d12h`",
                    shown(&text)
                ),
            ),
        }
    }
}

/// fail2ban.conf's `dbpurgeage`, as `state.dbpurgeage`.
pub(super) fn dbpurgeage(server: &Section, errors: &mut Vec<ConfigError>) -> Option<Node> {
    let value: &fail2ban::Value = server.get("dbpurgeage")?;
    let place = place(&value.place);
    match time(&value.text).filter(|time| time != PERMANENT) {
        Some(time) => Some(Node { place, value: Value::Text(time) }),
        None => {
            let problem = Problem::Value(format!("`{}` is not a duration", shown(&value.text)));
            errors.push(ConfigError { place, key: "dbpurgeage".to_owned(), problem });
            None
        }
    }
}

/// For ever.
const PERMANENT: &str = "permanent";

/// A time of fail2ban's in our words: as written where that means the same, else its seconds.
fn time(text: &str) -> Option<String> {
    let seconds = seconds::parse(text)?;
    if seconds < 0.0 {
        return Some(PERMANENT.to_owned());
    }
    let length = SignedDuration::try_from_secs_f64(seconds.round().max(1.0)).ok()?;
    if duration::parse(text) == Ok(Length::Of(length)) {
        return Some(text.trim().to_owned());
    }
    Some(duration::show(length))
}

/// A number as it is written.
fn number(number: f64) -> String {
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_words_or_become_plain() {
        let check = |text, expected: Option<&str>| assert_eq!(time(text).as_deref(), expected);
        check("10m", Some("10m"));
        check(" 600 ", Some("600"));
        check("60*5", Some("5m"));
        check("1year-6mo", Some("182d15h"));
        check("-1", Some("permanent"));
        check("-1h", Some("permanent"));
        check("0", Some("1s"));
        check("soon", None);
    }
}
