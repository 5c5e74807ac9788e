//! Which requests are failures.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::logformat::{LogFormat, LogFormatError};
use super::{Request, combined, forwarded, json};
use crate::filter::any::Any;
use crate::filter::definition::{HttpdFormat, HttpdRule};
use crate::filter::engine::{Choice, Engine, Exceeded};
use crate::filter::error::{Place, Problem};
use crate::filter::literals::Literals;

/// An [`HttpdRule`] ready to judge. Every condition must hold; a list holds if one of it does.
#[derive(Clone, Debug)]
pub struct Rule {
    format: Format,
    proxies: Vec<IpNet>,
    method: Vec<Vec<u8>>,
    status: Vec<RangeInclusive<u16>>,
    path: Option<Any>,
    path_length: usize,
    user_agent: Option<Any>,
    referer: Option<Any>,
    user: Option<Any>,
    vhost: Vec<Vec<u8>>,
}

/// How lines are read.
#[derive(Clone, Debug)]
enum Format {
    Combined { vhost_first: bool },
    Json,
    LogFormat(LogFormat),
}

/// What a request is to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// No failure.
    Passes,
    /// A condition that backtracks has used up its budget, and all others hold.
    Exceeded,
    /// A failure, and it cannot be told whose: the client is no address (httpd's `HostnameLookups`
    /// is on), or a trusted proxy names none.
    Unattributed,
    /// This address's failure.
    Failure(IpAddr),
}

/// Which part of a rule was refused, and why.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which key.
    pub place: Place,
    /// Its value.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Rule {
    /// Checks and compiles a rule.
    ///
    /// # Errors
    ///
    /// Names the status or regex that is wrong. Tells in `choices` which engine each regex runs on.
    pub fn compile(rule: &HttpdRule, choices: &mut Vec<Choice>) -> Result<Self, Refusal> {
        let bytes = |texts: &[String]| texts.iter().map(|text| text.clone().into_bytes()).collect();
        let status = (1..).zip(&rule.status).map(|(number, text)| {
            status(text).ok_or_else(|| Refusal {
                place: Place::HttpdStatus(number),
                pattern: text.clone(),
                problem: Problem::Status,
            })
        });
        Ok(Self {
            format: format(rule)?,
            proxies: IpNet::aggregate(&rule.trusted_proxies),
            method: bytes(&rule.method),
            status: status.collect::<Result<_, _>>()?,
            path: regexes(&rule.path, Place::HttpdPath, choices)?,
            path_length: rule.path_length,
            user_agent: regexes(&rule.user_agent, Place::HttpdUserAgent, choices)?,
            referer: regexes(&rule.referer, Place::HttpdReferer, choices)?,
            user: regexes(&rule.user, Place::HttpdUser, choices)?,
            vhost: bytes(&rule.vhost),
        })
    }

    /// Reads a line of the rule's format.
    #[must_use]
    pub fn parse<'a>(&self, line: &'a [u8]) -> Option<Request<'a>> {
        match &self.format {
            Format::Combined { vhost_first } => combined::parse(line, *vhost_first),
            Format::Json => json::parse(line),
            Format::LogFormat(format) => format.read(line),
        }
    }

    /// Reads of a line what the rule judges by, at least. Referer and user agent stay empty where it judges by
    /// neither: most lines are long because of them.
    /// Reads it into `request`, which is empty, and says whether it is one.
    pub(in crate::filter) fn read<'a>(&self, line: &'a [u8], request: &mut Request<'a>) -> bool {
        match &self.format {
            Format::Combined { vhost_first }
                if self.referer.is_none() && self.user_agent.is_none() =>
            {
                combined::parse_request(line, *vhost_first, request).is_some()
            }
            _ => self.parse(line).map(|read| *request = read).is_some(),
        }
    }

    /// All fields of a line that was judged, or of the head of one.
    pub(in crate::filter) fn read_again<'a>(&self, line: &'a [u8]) -> Option<Request<'a>> {
        self.parse(line).or_else(|| self.parse_head(line))
    }

    /// What a line holds of which the rule makes something: the status that is wanted, or the method, as
    /// the format writes them around the quotes of the request.
    pub(in crate::filter) fn literals(&self) -> Literals {
        let Format::Combined { .. } = self.format else { return Literals::Unknown };
        let status = self.status.iter().map(|range| [b"\" ", common(range).as_bytes()].concat());
        let method = self.method.iter().map(|method| [b"\"", method.as_slice()].concat());
        let literals: Vec<Vec<u8>> =
            if self.status.is_empty() { method.collect() } else { status.collect() };
        if literals.is_empty() { Literals::Unknown } else { Literals::Any(literals) }
    }

    /// Reads the head of a line that is too long, if what it holds says who asked, whatever follows.
    /// Of an object any key may follow, one that gives it the lie as well.
    #[must_use]
    pub fn parse_head<'a>(&self, head: &'a [u8]) -> Option<Request<'a>> {
        match &self.format {
            Format::Combined { vhost_first } => combined::parse(head, *vhost_first),
            Format::Json => None,
            Format::LogFormat(format) => format.read_head(head),
        }
    }

    /// Whether a request is a failure, and whose.
    #[must_use]
    pub fn judge(&self, request: &Request<'_>) -> Judgement {
        if !self.judge_plainly(request) {
            return Judgement::Passes;
        }
        match self.judge_by_regexes(request) {
            Ok(false) => return Judgement::Passes,
            Err(Exceeded) => return Judgement::Exceeded,
            Ok(true) => {}
        }
        forwarded::offender(request, &self.proxies)
            .map_or(Judgement::Unattributed, Judgement::Failure)
    }

    /// Whether what needs no regex holds.
    fn judge_plainly(&self, request: &Request<'_>) -> bool {
        let one_of = |list: &[Vec<u8>], value: &[u8]| {
            list.is_empty() || list.iter().any(|wanted| wanted == value)
        };
        one_of(&self.method, request.method)
            && request.target.len() >= self.path_length
            && (self.user.is_none() || request.user.is_some())
            && (self.status.is_empty() || self.status.iter().any(|s| s.contains(&request.status)))
            && (self.vhost.is_empty() || self.vhost.iter().any(|host| is_host(host, request.vhost)))
    }

    /// Whether every regex holds. One that does not decides, though another used up its budget.
    fn judge_by_regexes(&self, request: &Request<'_>) -> Result<bool, Exceeded> {
        let conditions = [
            (&self.path, request.target),
            (&self.user_agent, request.agent),
            (&self.referer, request.referer),
            (&self.user, request.user.unwrap_or_default()),
        ];
        let mut exceeded = false;
        for (any, value) in conditions {
            match any.as_ref().map_or(Ok(true), |any| any.is_match(value)) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(Exceeded) => exceeded = true,
            }
        }
        if exceeded { Err(Exceeded) } else { Ok(true) }
    }

    /// Whether the log may tell of a client beside the peer.
    #[must_use]
    pub fn tells_of_clients(&self) -> bool {
        match &self.format {
            Format::Combined { .. } => false,
            Format::Json => true,
            Format::LogFormat(format) => format.tells_of_clients(),
        }
    }
}

/// The digits with which all statuses of a range begin.
fn common(range: &RangeInclusive<u16>) -> String {
    let (first, last) = (range.start().to_string(), range.end().to_string());
    first.chars().zip(last.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

/// Whether a log's virtual host is the one wanted; names have no case, and the log may add a port.
fn is_host(wanted: &[u8], logged: &[u8]) -> bool {
    let name = logged.split(|byte| *byte == b':').next().unwrap_or_default();
    wanted.eq_ignore_ascii_case(logged) || wanted.eq_ignore_ascii_case(name)
}

/// How lines are to be read; a format must have what the rule judges by.
fn format(rule: &HttpdRule) -> Result<Format, Refusal> {
    let words = match &rule.format {
        HttpdFormat::Combined => return Ok(Format::Combined { vhost_first: false }),
        HttpdFormat::VhostCombined => return Ok(Format::Combined { vhost_first: true }),
        HttpdFormat::Json => return Ok(Format::Json),
        HttpdFormat::LogFormat(words) => words,
    };
    LogFormat::parse(words)
        .and_then(|format| match lacking(rule, &format) {
            Some((key, field)) => Err(LogFormatError::Lacks(key, field)),
            None => Ok(Format::LogFormat(format)),
        })
        .map_err(|error| Refusal {
            place: Place::HttpdFormat,
            pattern: words.clone(),
            problem: Problem::LogFormat(Box::new(error)),
        })
}

/// By what a rule judges that lines of this format do not have.
fn lacking(rule: &HttpdRule, format: &LogFormat) -> Option<(&'static str, &'static str)> {
    let needs = [
        (rule.status.is_empty() || format.has_status(), ("status", "%>s")),
        (rule.method.is_empty() || format.has_method(), ("method", "%r")),
        (rule.path.is_empty() || format.has_target(), ("path", "%r")),
        (rule.path_length == 0 || format.has_target(), ("path_length", "%r")),
        (rule.referer.is_empty() || format.has_referer(), ("referer", "%{Referer}i")),
        (rule.user.is_empty() || format.has_user(), ("user", "%u")),
        (rule.user_agent.is_empty() || format.has_agent(), ("user agent", "%{User-Agent}i")),
        (rule.vhost.is_empty() || format.has_vhost(), ("virtual host", "%v")),
    ];
    needs.into_iter().find(|(given, _)| !given).map(|(_, lacks)| lacks)
}

/// `404`, `4xx`, `400-499`.
fn status(text: &str) -> Option<RangeInclusive<u16>> {
    let one = |text: &str| super::status(text.as_bytes()).filter(|status| *status >= 100);
    if let Some(class) = text.strip_suffix("xx") {
        let first = one(&format!("{class}00"))?;
        return Some(first..=first + 99);
    }
    match text.split_once('-') {
        Some((first, last)) => Some(one(first)?..=one(last)?).filter(|range| !range.is_empty()),
        None => one(text).map(|status| status..=status),
    }
}

/// All the regexes of one key; `None` if there are none.
fn regexes(
    texts: &[String],
    place: fn(usize) -> Place,
    choices: &mut Vec<Choice>,
) -> Result<Option<Any>, Refusal> {
    let mut regexes = Vec::with_capacity(texts.len());
    for (number, text) in (1..).zip(texts) {
        let refusal = |problem| Refusal { place: place(number), pattern: text.clone(), problem };
        let regex = Engine::compile(text).map_err(refusal)?;
        choices.push(regex.choice(place(number), text));
        regexes.push(regex);
    }
    if regexes.is_empty() {
        return Ok(None);
    }
    let pattern = "(all of them)".to_owned();
    Any::new(regexes).map(Some).map_err(|problem| Refusal { place: place(1), pattern, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"a.example:80 198.51.100.7 - bob [x] "GET /wp-login.php HTTP/1.1" 404 1 "http://r/" "curl/8""#;

    #[track_caller]
    fn check(rule: HttpdRule, failed: bool) {
        let rule = HttpdRule { format: HttpdFormat::VhostCombined, ..rule };
        let rule = Rule::compile(&rule, &mut Vec::new()).unwrap();
        let request = rule.parse(LINE.as_bytes()).unwrap();
        assert_eq!(rule.judge(&request) != Judgement::Passes, failed);
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn every_condition_must_hold() {
        let rule = HttpdRule::default;
        check(rule(), true);
        check(HttpdRule { method: texts(&["HEAD", "GET"]), ..rule() }, true);
        check(HttpdRule { method: texts(&["get"]), ..rule() }, false);
        check(HttpdRule { status: texts(&["200", "4xx"]), ..rule() }, true);
        check(HttpdRule { status: texts(&["400-403"]), ..rule() }, false);
        check(HttpdRule { path: texts(&[r"^/wp-"]), ..rule() }, true);
        check(HttpdRule { path: texts(&[r"^wp-"]), ..rule() }, false);
        check(HttpdRule { user_agent: texts(&["(?i)CURL"]), ..rule() }, true);
        check(HttpdRule { referer: texts(&["^http://r/$"]), ..rule() }, true);
        check(HttpdRule { referer: texts(&["curl"]), ..rule() }, false);
        check(HttpdRule { user: texts(&["^bob$"]), ..rule() }, true);
        check(HttpdRule { user: texts(&["^eve$", "^$"]), ..rule() }, false);
        check(HttpdRule { path_length: 13, ..rule() }, true);
        check(HttpdRule { path_length: 14, ..rule() }, false);
        check(HttpdRule { vhost: texts(&["A.example"]), ..rule() }, true);
        check(HttpdRule { vhost: texts(&["b.example"]), ..rule() }, false);
        check(HttpdRule { status: texts(&["404"]), method: texts(&["PUT"]), ..rule() }, false);
    }

    /// `-` is no user, and `.*` no way to mean it.
    #[test]
    fn who_names_no_user_matches_no_user() {
        let rule = HttpdRule { user: texts(&[".*"]), ..HttpdRule::default() };
        let rule = Rule::compile(&rule, &mut Vec::new()).unwrap();
        let judge = |user: &str| {
            let line = format!(r#"198.51.100.7 - {user} [x] "GET / HTTP/1.1" 401 1"#);
            rule.judge(&rule.parse(line.as_bytes()).unwrap()) != Judgement::Passes
        };
        assert_eq!([judge("-"), judge("bob"), judge("\"\""), judge("")], [false, true, true, true]);
    }

    #[test]
    fn a_client_that_is_a_name_is_nobody() {
        let rule = Rule::compile(&HttpdRule::default(), &mut Vec::new()).unwrap();
        let line = br#"203.0.113.9.example.org - - [x] "GET / HTTP/1.1" 200 1"#;
        assert_eq!(rule.judge(&rule.parse(line).unwrap()), Judgement::Unattributed);
    }

    #[test]
    fn a_format_has_what_the_rule_judges_by() {
        let refused = |rule: HttpdRule| {
            let format = HttpdFormat::LogFormat("%h %t %m".to_owned());
            let refusal = Rule::compile(&HttpdRule { format, ..rule }, &mut Vec::new()).err();
            refusal.map(|refusal| (refusal.place, refusal.problem.to_string()))
        };
        let told =
            |lacks: &str| Some((Place::HttpdFormat, format!("the filter judges by {lacks}")));
        assert_eq!(refused(HttpdRule { method: texts(&["GET"]), ..HttpdRule::default() }), None);
        let rule = HttpdRule { status: texts(&["404"]), ..HttpdRule::default() };
        assert_eq!(refused(rule), told("status, and the format has no %>s"));
        let rule = HttpdRule { path: texts(&["^/"]), ..HttpdRule::default() };
        assert_eq!(refused(rule), told("path, and the format has no %r"));
        let rule = HttpdRule { path_length: 9, ..HttpdRule::default() };
        assert_eq!(refused(rule), told("path_length, and the format has no %r"));
        let rule = HttpdRule { referer: texts(&["x"]), ..HttpdRule::default() };
        assert_eq!(refused(rule), told("referer, and the format has no %{Referer}i"));
        let rule = HttpdRule { user: texts(&["x"]), ..HttpdRule::default() };
        assert_eq!(refused(rule), told("user, and the format has no %u"));
    }

    #[test]
    fn statuses_are_spelt_in_three_ways() {
        assert_eq!(status("404"), Some(404..=404));
        assert_eq!(status("4xx"), Some(400..=499));
        assert_eq!(status("400-403"), Some(400..=403));
        for text in ["", "40", "4x", "xxx", "403-400", "400-", "4040", "099"] {
            assert_eq!(status(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rule = HttpdRule { path: texts(&["x", "("]), ..HttpdRule::default() };
        assert_eq!(Rule::compile(&rule, &mut Vec::new()).unwrap_err().place, Place::HttpdPath(2));
        let rule = HttpdRule { status: texts(&["OK"]), ..HttpdRule::default() };
        assert_eq!(Rule::compile(&rule, &mut Vec::new()).unwrap_err().problem, Problem::Status);
    }
}
