//! A filter as its file says it, checked for form but not yet compiled.
//!
//! `config` reads these from YAML; [`compile`](super::Filter) makes them work.

use std::fmt;

use ipnet::IpNet;
use jiff::SignedDuration;

/// A filter, as its file says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// Its name: the file's, without `.yaml`.
    pub name: String,
    /// What it recognises, in a sentence.
    pub description: String,
    /// In whose words its patterns are.
    pub language: Language,
    /// What every line must look like first; `<F-CONTENT>` in it is what the rest sees.
    pub prefregex: Option<String>,
    /// Patterns of failures, tried in order; the first that matches wins.
    pub failregex: Vec<String>,
    /// Patterns of lines that are none after all.
    pub ignoreregex: Vec<String>,
    /// Further patterns by mode (`mode: ddos`), in the file's order.
    pub modes: Vec<Mode>,
    /// Instead of patterns: a matcher over the parsed fields of an access log.
    pub httpd: Option<HttpdRule>,
    /// How the date is written, in fail2ban's words, a form a line; `None` tries the usual forms.
    pub datepattern: Option<String>,
    /// How many lines the patterns see at once, the latest last. 0 as 1; more only in fail2ban's
    /// language.
    pub maxlines: u16,
    /// Whether `<HOST>` matches names, too, in fail2ban's language.
    pub usedns: UseDns,
    /// What a jail gets that does not say otherwise.
    pub defaults: Defaults,
    /// Real lines, and what each must yield.
    pub samples: Vec<Sample>,
}

/// In whose words a filter's patterns are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Ours: one line, linear where it can be, addresses only.
    #[default]
    Gaoler,
    /// fail2ban's, `filter.d/*.conf` with its layers read, `%(…)s` and `<tags>` of its own put in: Python's
    /// `re`, all that jail.conf(5) says in "FILTER FILES". It has no modes, httpd rule or samples.
    Fail2ban,
}

/// fail2ban's `usedns`, as far as it changes what a pattern matches: no name is ever looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UseDns {
    /// `yes`, `warn`, `raw`: `<HOST>` also matches a name, and such a failure is nobody's.
    #[default]
    Names,
    /// `no`: `<HOST>` matches addresses only.
    No,
}

impl Definition {
    /// The modes there are: `normal`, and those the file adds.
    pub fn mode_names(&self) -> impl Iterator<Item = &str> {
        let added = self.modes.iter().map(|mode| mode.name.as_str());
        std::iter::once(super::NORMAL).chain(added.filter(|name| *name != super::NORMAL))
    }
}

/// What one mode adds to the filter's own patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// `normal`, `ddos`, `extra`, `aggressive`, or the file's own word.
    pub name: String,
    /// Patterns added after the filter's own.
    pub failregex: Vec<String>,
    /// Modes whose patterns this one has too.
    pub include: Vec<String>,
}

/// Which requests of an access log are failures. Every condition given must hold; a list holds if
/// one of it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpdRule {
    /// How the log is written.
    pub format: HttpdFormat,
    /// The proxies whose word on who their client is counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Methods, such as `GET`; exact, as RFC 9110 has it.
    pub method: Vec<String>,
    /// Status codes: `404`, `4xx`, `400-499`.
    pub status: Vec<String>,
    /// Regexes over the request target.
    pub path: Vec<String>,
    /// Regexes over the user agent.
    pub user_agent: Vec<String>,
    /// Regexes over the `Referer`.
    pub referer: Vec<String>,
    /// Regexes over the user that the request names; a request without one matches none.
    pub user: Vec<String>,
    /// How long the request target is at the least, in bytes of the log; 0: any.
    pub path_length: usize,
    /// Virtual hosts, exact; for logs that begin with one (`%v`).
    pub vhost: Vec<String>,
}

impl fmt::Display for HttpdRule {
    /// Its conditions, as the file has them: `httpd: {method: [GET], status: [404]}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let conditions = [
            ("method", &self.method),
            ("status", &self.status),
            ("path", &self.path),
            ("user_agent", &self.user_agent),
            ("referer", &self.referer),
            ("user", &self.user),
            ("vhost", &self.vhost),
        ];
        let given = conditions.iter().filter(|(_, values)| !values.is_empty());
        let given = given.map(|(key, values)| format!("{key}: [{}]", values.join(", ")));
        let length = (self.path_length > 0).then(|| format!("path_length: {}", self.path_length));
        write!(f, "httpd: {{{}}}", given.chain(length).collect::<Vec<_>>().join(", "))
    }
}

/// How the access log is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HttpdFormat {
    /// `%h %l %u %t "%r" %>s %b`, with or without `"%{Referer}i" "%{User-Agent}i"` after it.
    #[default]
    Combined,
    /// The same after a `%v` or `%v:%p`.
    VhostCombined,
    /// One JSON object a line.
    Json,
    /// As these words of httpd's `LogFormat` say.
    LogFormat(String),
}

impl HttpdFormat {
    /// A format by its name (`common`, `combined`, `vhost_combined`, `json`), or else in httpd's own
    /// words, which are checked when the filter is compiled.
    #[must_use]
    pub fn named(text: &str) -> Self {
        match text {
            "common" | "combined" => Self::Combined,
            "vhost_combined" => Self::VhostCombined,
            "json" => Self::Json,
            words => Self::LogFormat(words.to_owned()),
        }
    }
}

/// What a jail that names the filter gets unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// As the jail's key of that name.
    pub journalmatch: Vec<String>,
    /// As the jail's key of that name.
    pub logpath: Vec<String>,
    /// As the jail's key of that name.
    pub port: Vec<String>,
    /// As the jail's key of that name, as are those below.
    pub protocol: Vec<String>,
    /// How many failures; `None`: as for any jail.
    pub maxretry: Option<usize>,
    /// Within what time.
    pub findtime: Option<SignedDuration>,
}

/// One line, and what the filter must make of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The line, as the log has it.
    pub line: String,
    /// The modes it holds in; empty: every mode.
    pub mode: Vec<String>,
    /// Whether it is a journal's line (no date to find).
    pub journal: bool,
    /// For a filter of access logs: how the line is written, if not as the filter says.
    pub logformat: Option<HttpdFormat>,
    /// For a filter of access logs: the proxies trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The address it must yield; `None`: it must yield no failure.
    pub address: Option<std::net::IpAddr>,
    /// The user it must yield.
    pub user: Option<String>,
    /// The time it must yield, RFC 3339.
    pub time: Option<String>,
    /// Why the sample is there.
    pub why: String,
}
