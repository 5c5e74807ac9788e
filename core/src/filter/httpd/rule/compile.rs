//! What a filter says of requests, checked and made a [`Rule`].

use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::{Field, Format, Rule};
use crate::filter::any::Any;
use crate::filter::definition::{HttpdFormat, HttpdRule};
use crate::filter::engine::{Choice, Engine};
use crate::filter::error::{Place, Problem};
use crate::filter::httpd::logformat::{LogFormat, LogFormatError};

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
            path_length: rule.path_length,
            vhost: bytes(&rule.vhost),
            regexes: all_regexes(rule, choices)?,
        })
    }
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
pub(super) fn status(text: &str) -> Option<RangeInclusive<u16>> {
    let one =
        |text: &str| crate::filter::httpd::status(text.as_bytes()).filter(|status| *status >= 100);
    if let Some(class) = text.strip_suffix("xx") {
        let first = one(&format!("{class}00"))?;
        return Some(first..=first + 99);
    }
    match text.split_once('-') {
        Some((first, last)) => Some(one(first)?..=one(last)?).filter(|range| !range.is_empty()),
        None => one(text).map(|status| status..=status),
    }
}

/// The regexes of all keys that have some.
fn all_regexes(rule: &HttpdRule, choices: &mut Vec<Choice>) -> Result<Vec<(Field, Any)>, Refusal> {
    let mut all = Vec::new();
    for (field, texts, place) in [
        (Field::Path, &rule.path, Place::HttpdPath as fn(usize) -> Place),
        (Field::UserAgent, &rule.user_agent, Place::HttpdUserAgent),
        (Field::Referer, &rule.referer, Place::HttpdReferer),
        (Field::User, &rule.user, Place::HttpdUser),
    ] {
        all.extend(regexes(texts, place, choices)?.map(|any| (field, any)));
    }
    Ok(all)
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
