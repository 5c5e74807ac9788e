//! A filter's file, as a [`Definition`].

use std::path::Path;

use ipnet::IpNet;

use super::error::ConfigErrors;
use super::keys::filter::FILE;
use super::tree::Node;
use super::values;
use super::view::{Item, View};
use super::walk::walk;
use crate::filter::definition::{
    Defaults, Definition, HttpdFormat, HttpdRule, Language, Mode, Sample,
};

/// Reads a filter. `name` is the file's, without `.yaml`; `file` is for messages.
///
/// # Errors
///
/// Everything that is wrong with the file.
pub fn parse(name: &str, file: &Path, yaml: &[u8]) -> Result<Definition, ConfigErrors> {
    let tree = Node::parse(file, yaml)?;
    if let Some(errors) = ConfigErrors::new(walk(&tree, FILE)) {
        return Err(errors);
    }
    Ok(definition(name, &View::new(vec![&tree], FILE)))
}

fn definition(name: &str, file: &View) -> Definition {
    Definition {
        name: name.to_owned(),
        description: text(file, "description").unwrap_or_default(),
        language: match text(file, "language").as_deref() {
            Some("fail2ban") => Language::Fail2ban,
            _ => Language::Gaoler,
        },
        maxlines: u16::try_from(file.count("maxlines")).unwrap_or_default(),
        prefregex: text(file, "prefregex"),
        failregex: texts(file, "failregex"),
        ignoreregex: texts(file, "ignoreregex"),
        modes: file.sections("modes").iter().map(|(name, mode)| self::mode(name, mode)).collect(),
        httpd: file.entry("httpd").map(|_| httpd(&file.section("httpd"))),
        datepattern: text(file, "datepattern"),
        defaults: Defaults {
            journalmatch: texts(file, "journalmatch"),
            logpath: texts(file, "logpath"),
            port: texts(file, "port"),
            protocol: texts(file, "protocol"),
            maxretry: Some(file.count("maxretry")).filter(|count| *count > 0),
            findtime: file.duration("findtime"),
        },
        samples: file.sections("samples").iter().map(|(_, sample)| self::sample(sample)).collect(),
        ..Definition::default()
    }
}

fn mode(name: &str, mode: &View) -> Mode {
    Mode {
        name: name.to_owned(),
        failregex: texts(mode, "failregex"),
        include: texts(mode, "include"),
    }
}

fn httpd(rule: &View) -> HttpdRule {
    HttpdRule {
        format: text(rule, "format").as_deref().map(HttpdFormat::named).unwrap_or_default(),
        trusted_proxies: Vec::new(),
        method: texts(rule, "method"),
        status: texts(rule, "status"),
        path: texts(rule, "path"),
        user_agent: texts(rule, "user_agent"),
        referer: texts(rule, "referer"),
        user: texts(rule, "user"),
        path_length: rule.count("path_length"),
        vhost: texts(rule, "vhost"),
    }
}

fn sample(sample: &View) -> Sample {
    Sample {
        line: text(sample, "line").unwrap_or_default(),
        mode: texts(sample, "mode"),
        journal: sample.flag("journal"),
        logformat: text(sample, "logformat").as_deref().map(HttpdFormat::named),
        trusted_proxies: networks(sample, "trusted_proxies"),
        address: text(sample, "address").and_then(|address| address.parse().ok()),
        user: text(sample, "user"),
        time: text(sample, "time"),
        why: text(sample, "why").unwrap_or_default(),
    }
}

fn text(view: &View, key: &str) -> Option<String> {
    view.text(key).map(|item| item.text)
}

fn texts(view: &View, key: &str) -> Vec<String> {
    view.texts(key).into_iter().map(|Item { text, .. }| text).collect()
}

fn networks(view: &View, key: &str) -> Vec<IpNet> {
    texts(view, key).iter().filter_map(|text| values::network(text).ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::builtin;

    fn parse(yaml: &str) -> Result<Definition, String> {
        super::parse("x", Path::new("x.yaml"), yaml.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_every_key() {
        let yaml = r#"
description: All of it
language: fail2ban
maxlines: 2
prefregex: ^p <F-CONTENT>.*</F-CONTENT>$
failregex: [^a <HOST>, ^b <HOST>]
ignoreregex: ^c
modes: {ddos: {failregex: ^d <HOST>}, all: {include: [ddos]}}
httpd: {format: json, method: GET, status: [404, 5xx], path: ^/x, user_agent: [bot], referer: r, user: ., path_length: 9, vhost: [h]}
datepattern: "%Y"
journalmatch: _UID=0
logpath: [/var/log/x, /var/log/y]
port: [22, http]
protocol: udp
maxretry: 9
findtime: 1h
samples:
  - {line: x, mode: ddos, journal: true, logformat: "%h", trusted_proxies: 192.0.2.0/24, address: 192.0.2.1, user: root, time: "2026-01-02T03:04:05Z", why: w}
  - {line: ""}
"#;
        let strings = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = Definition {
            name: "x".into(),
            description: "All of it".into(),
            language: Language::Fail2ban,
            maxlines: 2,
            prefregex: Some("^p <F-CONTENT>.*</F-CONTENT>$".into()),
            failregex: strings(&["^a <HOST>", "^b <HOST>"]),
            ignoreregex: strings(&["^c"]),
            modes: vec![
                Mode { name: "ddos".into(), failregex: strings(&["^d <HOST>"]), include: vec![] },
                Mode { name: "all".into(), failregex: vec![], include: strings(&["ddos"]) },
            ],
            httpd: Some(HttpdRule {
                format: HttpdFormat::Json,
                trusted_proxies: vec![],
                method: strings(&["GET"]),
                status: strings(&["404", "5xx"]),
                path: strings(&["^/x"]),
                user_agent: strings(&["bot"]),
                referer: strings(&["r"]),
                user: strings(&["."]),
                path_length: 9,
                vhost: strings(&["h"]),
            }),
            datepattern: Some("%Y".into()),
            defaults: Defaults {
                journalmatch: strings(&["_UID=0"]),
                logpath: strings(&["/var/log/x", "/var/log/y"]),
                port: strings(&["22", "http"]),
                protocol: strings(&["udp"]),
                maxretry: Some(9),
                findtime: Some(jiff::SignedDuration::from_hours(1)),
            },
            samples: vec![
                Sample {
                    line: "x".into(),
                    mode: strings(&["ddos"]),
                    journal: true,
                    logformat: Some(HttpdFormat::LogFormat("%h".into())),
                    trusted_proxies: vec!["192.0.2.0/24".parse().unwrap()],
                    address: Some([192, 0, 2, 1].into()),
                    user: Some("root".into()),
                    time: Some("2026-01-02T03:04:05Z".into()),
                    why: "w".into(),
                },
                Sample::default(),
            ],
            ..Definition::default()
        };
        assert_eq!(parse(yaml), Ok(expected));
    }

    #[test]
    fn what_is_not_written_is_not_there() {
        let expected =
            Definition { name: "x".into(), failregex: vec!["^a".into()], ..Definition::default() };
        assert_eq!(parse("failregex: ^a"), Ok(expected));
    }

    #[test]
    fn reports_every_error() {
        let errors = parse("failregx: ^a\nsamples: [{lin: x}, {address: host}]").unwrap_err();
        assert_eq!(
            errors,
            "x.yaml:1:1: key `failregx`: unknown key; did you mean `failregex`?\n\
             x.yaml:2:12: key `samples[0].lin`: unknown key; did you mean `line`?\n\
             x.yaml:2:31: key `samples[1].address`: `host` is not an address\n3 errors"
        );
    }

    #[test]
    fn the_filters_we_ship_are_read() {
        for name in builtin::names() {
            let yaml = builtin::yaml(name).unwrap();
            assert!(super::parse(name, Path::new(name), yaml.as_bytes()).is_ok(), "{name}");
        }
    }

    proptest! {
        /// Texts come back as they are written, and nothing panics.
        #[test]
        fn texts_come_back(failregex in prop::collection::vec("\\^\\PC{0,29}", 1..4), any in "(?s).{0,80}") {
            let yaml = serde_json::json!({ "failregex": failregex }).to_string();
            prop_assert_eq!(parse(&yaml).map(|definition| definition.failregex), Ok(failregex));
            let _ = parse(&any);
        }
    }
}
