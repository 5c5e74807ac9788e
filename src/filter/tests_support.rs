//! The shipped filters, for tests. To be dropped for `config::filter_file`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::Filter;
use super::definition::{Defaults, Definition, HttpdFormat, HttpdRule, Mode, Sample};

const SHIPPED: [(&str, &str); 4] = [
    ("sshd", include_str!("../../config/filters/sshd.yaml")),
    ("http-get-dos", include_str!("../../config/filters/http-get-dos.yaml")),
    ("httpd-404", include_str!("../../config/filters/httpd-404.yaml")),
    ("httpd-auth", include_str!("../../config/filters/httpd-auth.yaml")),
];

/// Every shipped filter's definition.
pub(super) fn shipped() -> Vec<Definition> {
    SHIPPED.iter().map(|(name, yaml)| read(name, yaml)).collect()
}

/// A shipped filter, compiled.
pub(super) fn filter(name: &str, mode: &str) -> Arc<Filter> {
    let definition = shipped().into_iter().find(|shipped| shipped.name == name).unwrap();
    Arc::new(Filter::compile(&definition, mode).unwrap())
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Texts {
    #[default]
    None,
    Number(u16),
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn list(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Number(number) => vec![number.to_string()],
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    prefregex: Option<String>,
    #[serde(default)]
    failregex: Texts,
    #[serde(default)]
    modes: BTreeMap<String, FileMode>,
    httpd: Option<FileHttpd>,
    #[serde(default)]
    journalmatch: Texts,
    logpath: Texts,
    port: Texts,
    samples: Vec<FileSample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMode {
    #[serde(default)]
    failregex: Texts,
    #[serde(default)]
    include: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileHttpd {
    #[serde(default)]
    method: Texts,
    #[serde(default)]
    status: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSample {
    line: String,
    #[serde(default)]
    mode: Texts,
    #[serde(default)]
    journal: bool,
    address: Option<IpAddr>,
    user: Option<String>,
    time: Option<String>,
    why: String,
}

fn read(name: &str, yaml: &str) -> Definition {
    let file: File = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{name}: {error}"));
    Definition {
        name: name.to_owned(),
        description: file.description,
        prefregex: file.prefregex,
        failregex: file.failregex.list(),
        modes: file.modes.into_iter().map(mode).collect(),
        httpd: file.httpd.map(|rule| HttpdRule {
            format: HttpdFormat::Combined,
            method: rule.method.list(),
            status: rule.status.list(),
            ..HttpdRule::default()
        }),
        defaults: Defaults {
            journalmatch: file.journalmatch.list(),
            logpath: file.logpath.list(),
            port: file.port.list(),
        },
        samples: file.samples.into_iter().map(sample).collect(),
        ..Definition::default()
    }
}

fn mode((name, mode): (String, FileMode)) -> Mode {
    Mode { name, failregex: mode.failregex.list(), include: mode.include.list() }
}

fn sample(sample: FileSample) -> Sample {
    Sample {
        line: sample.line,
        mode: sample.mode.list(),
        journal: sample.journal,
        address: sample.address,
        user: sample.user,
        time: sample.time,
        why: sample.why,
    }
}
