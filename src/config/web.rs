//! The web configuration: who may read the pages, and over what.
//!
//! A file of its own in the form that Prometheus' exporters share, since it holds secrets' hashes, is
//! often shared by several exporters, and may change while gaoler runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, ConfigErrors, Place, Problem};
use super::keys::web::FILE;
use super::load::{read, unreadable};
use super::tree::{Node, Value};
use super::view::View;
use super::walk::walk;

/// The file as meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebFile {
    /// Users and their bcrypt hashes. None: whoever reaches the pages may read them.
    pub users: BTreeMap<String, String>,
    /// TLS; `None`: plain HTTP.
    pub tls: Option<Tls>,
    /// Headers of every answer, and their values: some of RFC 9110's form.
    pub headers: Vec<(String, String)>,
}

/// How TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// Who signs clients' certificates, and whether every client must have one; `None`: clients show
    /// none.
    pub clients: Option<(PathBuf, Required)>,
    /// Whether TLS 1.2 is too old.
    pub only_tls13: bool,
}

/// Whether every client must show a certificate.
pub type Required = bool;

/// Reads a web configuration.
///
/// # Errors
///
/// Everything that is wrong with the file. Whether the files that it names can be read shows when
/// they are.
pub fn load(path: &Path) -> Result<WebFile, ConfigErrors> {
    let bytes = read(path).map_err(|error| {
        let mut told = unreadable(path, &error);
        if told.problem == Problem::NoFile {
            let why = "there is no such file; write it as docs/status-page.md shows, or leave \
                       `telemetry.web.config_file` out";
            told.problem = Problem::Meaning(why.to_owned());
        }
        told
    })?;
    let tree = Node::parse(path, &bytes)?;
    let mut errors = walk(&tree, FILE);
    let file = View::new(vec![&tree], FILE);
    let users = users(&file);
    let tls = file.entry("tls_server_config").map(|entry| {
        let beside = path.parent().unwrap_or(Path::new(""));
        tls(&file.section("tls_server_config"), &entry.place, beside, &mut errors)
    });
    let headers = headers(&file.section("http_server_config").section("headers"));
    match ConfigErrors::new(errors) {
        Some(errors) => Err(errors),
        None => Ok(WebFile { users, tls, headers }),
    }
}

/// The headers that exporters let one set.
const HEADERS: [&str; 5] = [
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Content-Security-Policy",
];

fn headers(section: &View) -> Vec<(String, String)> {
    let given = |name: &str| Some((name.to_owned(), section.text(name)?.text));
    HEADERS.into_iter().filter_map(given).collect()
}

fn users(file: &View) -> BTreeMap<String, String> {
    let Some(entry) = file.entry("basic_auth_users") else { return BTreeMap::new() };
    let Value::Map(users) = &entry.node.value else { return BTreeMap::new() };
    let hash = |node: &Node| node.scalar();
    users.iter().filter_map(|user| Some((user.key.clone(), hash(&user.node)?))).collect()
}

fn tls(section: &View, place: &Place, beside: &Path, errors: &mut Vec<ConfigError>) -> Tls {
    let mut file = |key: &str, why: &str| {
        let given = section.text(key);
        if given.is_none() && section.entry(key).is_none() {
            errors.push(ConfigError {
                place: place.clone(),
                key: format!("tls_server_config.{key}"),
                problem: Problem::Meaning(why.to_owned()),
            });
        }
        beside.join(given.map(|item| item.text).unwrap_or_default())
    };
    let word = |key: &str| section.text(key).map(|item| item.text);
    let clients = match word("client_auth_type").as_deref() {
        Some("VerifyClientCertIfGiven") => Some(false),
        Some("RequireAndVerifyClientCert") => Some(true),
        _ => None,
    };
    Tls {
        cert_file: file("cert_file", "must be given: TLS needs a certificate"),
        key_file: file("key_file", "must be given: TLS needs the certificate's key"),
        clients: clients.map(|required| {
            let why = "must be given: it says who signs clients' certificates";
            (file("client_ca_file", why), required)
        }),
        only_tls13: word("min_version").as_deref() == Some("TLS13"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "$2b$04$EHIDNZEzPHjZjCDcGBYLTuXVwPHYVeGmSbGJFUbkPGaQWVkHoq6DW";

    fn loaded(yaml: &str) -> Result<WebFile, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web.yml");
        std::fs::write(&path, yaml).unwrap();
        let prefix = format!("{}/", directory.path().display());
        let strip = |text: String| text.replace(&prefix, "");
        let mut file = load(&path).map_err(|errors| strip(errors.to_string()))?;
        if let Some(tls) = &mut file.tls {
            let short = |path: &Path| PathBuf::from(strip(path.display().to_string()));
            tls.cert_file = short(&tls.cert_file);
            tls.key_file = short(&tls.key_file);
            tls.clients = tls.clients.take().map(|(path, required)| (short(&path), required));
        }
        Ok(file)
    }

    #[test]
    fn reads_what_exporters_share() {
        let yaml = format!(
            "tls_server_config:\n  cert_file: s.crt\n  key_file: /etc/s.key\n  \
             client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  \
             min_version: TLS13\nhttp_server_config: {{http2: false, headers: \
             {{X-Frame-Options: sameorigin, X-XSS-Protection: 0}}}}\n\
             basic_auth_users: {{prometheus: {HASH}, \"a b\": {HASH}}}\n"
        );
        let users = ["a b", "prometheus"].map(|user| (user.to_owned(), HASH.to_owned()));
        let tls = Tls {
            cert_file: "s.crt".into(),
            key_file: "/etc/s.key".into(),
            clients: Some(("ca.crt".into(), true)),
            only_tls13: true,
        };
        let headers = [("X-Frame-Options", "sameorigin"), ("X-XSS-Protection", "0")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(loaded(&yaml), Ok(WebFile { users: users.into(), tls: Some(tls), headers }));
        assert_eq!(loaded("{}"), Ok(WebFile::default()));
    }

    #[test]
    fn says_all_that_is_wrong() {
        let yaml = format!(
            "tls_server_config: {{client_auth_type: VerifyClientCertIfGiven, cipher_suites: x}}\n\
             basic_auth_users: {{bob: secret, \"a:b\": {HASH}, root: {}}}\nrate_limit: {{}}\nusers: {{}}\n\
             http_server_config: {{headers: {{Server: x, X-Frame-Options: all, \
             Content-Security-Policy: \"a\\r\\nSet-Cookie: b\"}}}}\n",
            HASH.replace("$04$", "$15$")
        );
        let errors = loaded(&yaml).unwrap_err();
        for expected in [
            "web.yml:1:64: key `tls_server_config.cipher_suites`: not supported by this version",
            "key `tls_server_config.cert_file`: must be given",
            "key `tls_server_config.key_file`: must be given",
            "key `tls_server_config.client_ca_file`: must be given",
            "key `basic_auth_users.bob`: the value is not a bcrypt hash; `htpasswd -nBC 10",
            "key `basic_auth_users.a:b`: the name has a `:`",
            "takes over a second to compare",
            "key `rate_limit`: not supported by this version",
            "key `users`: unknown key",
            "key `http_server_config.headers.Server`: unknown key",
            "key `http_server_config.headers.X-Frame-Options`: ",
            "key `http_server_config.headers.Content-Security-Policy`: `a\\r\\nSet-Cookie: b` has",
        ] {
            assert!(errors.contains(expected), "{expected} is not in:\n{errors}");
        }
        assert!(!errors.contains("secret"), "{errors}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Users come back as they are written; whatever else a file holds, no hash is told.
        #[test]
        fn users_come_back(names in prop::collection::btree_set("[^:\\p{C}]{1,12}", 0..4), any in "(?s).{0,80}") {
            let users: BTreeMap<String, String> =
                names.into_iter().map(|name| (name, HASH.to_owned())).collect();
            let yaml = serde_json::json!({ "basic_auth_users": users }).to_string();
            prop_assert_eq!(loaded(&yaml), Ok(WebFile { users, tls: None, headers: Vec::new() }));
            if let Err(told) = loaded(&format!("basic_auth_users: {{x: {HASH}}}\n{any}")) {
                prop_assert!(!told.contains(HASH), "{}", told);
            }
        }
    }
}
