//! Where telemetry is pushed to.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Meaning;
use crate::config::checked::{Headers, Otlp, OtlpProtocol};
use crate::config::view::View;

impl Meaning<'_> {
    /// `telemetry.otlp`; `None` if the file says nothing of it.
    pub(super) fn otlp(&mut self, section: &View) -> Option<Otlp> {
        if section.is_empty() {
            return None;
        }
        let text = |key| section.text(key).map(|item| item.text);
        let path = |key| text(key).map(PathBuf::from);
        let duration = |key| section.duration(key).and_then(|time| Duration::try_from(time).ok());
        let otlp = Otlp {
            endpoint: text("endpoint"),
            protocol: text("protocol").map(|word| match word.as_str() {
                "http/protobuf" => OtlpProtocol::Http,
                _ => OtlpProtocol::Grpc,
            }),
            headers: headers(section),
            timeout: duration("timeout").unwrap_or(Duration::from_secs(10)),
            gzip: text("compression").is_some_and(|word| word == "gzip"),
            ca_file: path("ca_file"),
            cert_file: path("cert_file"),
            key_file: path("key_file"),
            traces: section.flag_or("traces", true),
            logs: section.flag_or("logs", true),
            metrics: section.flag_or("metrics", false),
            interval: duration("interval").unwrap_or(Duration::from_mins(1)),
        };
        for (key, other) in [("cert_file", "key_file"), ("key_file", "cert_file")] {
            if let (Some(item), None) = (section.text(key), section.text(other)) {
                let why = format!("`{other}` is missing: a certificate and its key go together");
                self.error(&item.place, &format!("telemetry.otlp.{key}"), why);
            }
        }
        self.advise_of_otlp(&otlp);
        Some(otlp)
    }

    fn advise_of_otlp(&mut self, otlp: &Otlp) {
        let Some(endpoint) = &otlp.endpoint else { return };
        if endpoint.starts_with("https://") {
            return;
        }
        if !is_near(endpoint) {
            self.warnings.push(format!(
                "telemetry.otlp.endpoint: `{endpoint}` is not TLS: addresses, user names and headers \
                 cross the network in the clear"
            ));
        }
        if otlp.ca_file.is_some() || otlp.cert_file.is_some() {
            self.warnings.push(
                "telemetry.otlp: certificates are of no use with an endpoint that is not https"
                    .to_owned(),
            );
        }
    }
}

fn headers(section: &View) -> Headers {
    let items = section.texts("headers");
    Headers(items.iter().filter_map(|item| header(&item.text)).collect())
}

/// `name=value`.
fn header(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// Whether the endpoint is on this host.
fn is_near(endpoint: &str) -> bool {
    let uri: Option<hyper::Uri> = endpoint.parse().ok();
    let host = uri.as_ref().and_then(hyper::Uri::host).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
