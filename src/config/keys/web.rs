//! The keys of the web configuration, as Prometheus' exporters share them.
//!
//! Source: exporter-toolkit, docs/web-configuration.md. What it has and we have not is known, and
//! refused with that reason.

use hyper::header::HeaderValue;

use super::{Key, Keys, Kind, Text};
use crate::config::values;

/// The whole file.
pub(in crate::config) const FILE: Keys = &[&[
    Key::new("tls_server_config", Kind::Section(TLS), "TLS. Not given: plain HTTP."),
    Key::new(
        "basic_auth_users",
        Kind::Pairs(&USER, &HASH),
        "Who may read, and the bcrypt hash of each one's password, as `htpasswd -nBC 10 \"\"` makes it. Not \
         given: whoever reaches it.",
    ),
    Key::new("http_server_config", Kind::Section(HTTP), "How HTTP is spoken."),
    Key::new("rate_limit", Kind::Section(&[]), "How many requests are answered.").later(),
]];

const TLS: Keys = &[&[
    Key::new("cert_file", Kind::Text(&FILE_NAME), "The certificate chain, in PEM."),
    Key::new("key_file", Kind::Text(&FILE_NAME), "Its private key, in PEM."),
    Key::new(
        "client_auth_type",
        Kind::Choice(&["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]),
        "Whether clients show a certificate, which one of `client_ca_file` must have signed.",
    )
    .or("NoClientCert"),
    Key::new("client_ca_file", Kind::Text(&FILE_NAME), "Who signs clients' certificates, in PEM."),
    Key::new("min_version", Kind::Choice(&["TLS12", "TLS13"]), "The oldest TLS that is spoken.")
        .or("TLS12"),
    Key::new("max_version", Kind::Choice(&["TLS13"]), "The newest TLS that is spoken.").or("TLS13"),
    later("cert"),
    later("key"),
    later("client_ca"),
    later("client_allowed_sans"),
    later("cipher_suites"),
    later("prefer_server_cipher_suites"),
    later("curve_preferences"),
]];

const HTTP: Keys = &[&[
    Key::new("http2", Kind::Flag, "Accepted and without effect: HTTP/1.1 is spoken.").or("true"),
    Key::new(
        "headers",
        Kind::Section(HEADERS),
        "Headers of every answer. One that gaoler sends by itself is replaced.",
    ),
]];

/// Those that the toolkit lets one set.
const HEADERS: Keys = &[&[
    Key::new(
        "Strict-Transport-Security",
        Kind::Text(&HEADER),
        "For how long browsers come in TLS alone, such as `max-age=31536000`.",
    ),
    Key::new(
        "X-Content-Type-Options",
        Kind::Choice(&["nosniff"]),
        "`nosniff` is sent in any case.",
    ),
    Key::new(
        "X-Frame-Options",
        Kind::Choice(&["deny", "sameorigin"]),
        "Who may frame the page; nobody, by the policy that gaoler sends.",
    ),
    Key::new("X-XSS-Protection", Kind::Text(&HEADER), "For browsers of long ago."),
    Key::new(
        "Content-Security-Policy",
        Kind::Text(&HEADER),
        "What browsers may load and run; gaoler's own lets them load its style alone.",
    ),
]];

/// A key of the toolkit's that we do not have.
const fn later(name: &'static str) -> Key {
    Key::new(name, Kind::Text(&ANY), "").later()
}

static ANY: Text = Text::new("a text", "…", values::any);
static FILE_NAME: Text = Text::new("the path of a file", "server.crt", values::some);
static USER: Text = Text::new("a user", "prometheus", user);
static HASH: Text = Text::new(
    "a bcrypt hash",
    "$2y$10$Vq3hK0cYzRr7nQ2oYh6e5uRkD9VJfK1n9oQ0oW9nX1oE3sHq9m7Ge",
    hash,
);

static HEADER: Text =
    Text { numbers: true, ..Text::new("a header's value", "max-age=31536000", header) };

/// RFC 9110, section 5.5, without the bytes that are no ASCII.
fn header(text: &str) -> Result<(), String> {
    let fits = HeaderValue::from_str(text).is_ok_and(|value| value.to_str().is_ok());
    if fits { Ok(()) } else { Err("has what no header may hold".to_owned()) }
}

/// In `user:password` the first colon ends the name.
fn user(text: &str) -> Result<(), String> {
    match text {
        "" => Err("is empty".to_owned()),
        _ if text.contains(':') => Err("has a `:`, which no name can have here".to_owned()),
        _ => Ok(()),
    }
}

/// The dearest hash that is worked out for whoever asks: each step doubles the work, and 14 is a
/// second.
const COSTLIEST: u32 = 14;

fn hash(text: &str) -> Result<(), String> {
    let form = "is not a bcrypt hash; `htpasswd -nBC 10 \"\"` makes one";
    let parts: bcrypt::HashParts = text.parse().map_err(|_| form.to_owned())?;
    if parts.get_cost() > COSTLIEST {
        return Err(format!(
            "takes over a second to compare; make one of cost {COSTLIEST} or less (10 is usual)"
        ));
    }
    Ok(())
}
