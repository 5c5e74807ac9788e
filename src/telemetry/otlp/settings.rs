//! Where telemetry goes, and how: the file's `telemetry.otlp`, with `OTEL_*` variables over it.

use std::path::PathBuf;
use std::time::Duration;

use super::sampler::Sampler;
use super::variables::{Lookup, Variables};
use crate::config::checked::{Headers, Otlp, OtlpProtocol as Protocol};

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// One trace a ban.
    Traces,
    /// One event a failure, a ban, an unban.
    Logs,
    /// The registry.
    Metrics,
}

/// Everything that exporting needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where traces go; `None`: nowhere.
    pub traces: Option<Target>,
    /// Where events go.
    pub logs: Option<Target>,
    /// Where metrics go.
    pub metrics: Option<Target>,
    /// How often metrics are pushed.
    pub interval: Duration,
    /// Which bans get a trace.
    pub sampler: Sampler,
    /// What all telemetry says of who sends it, beside what is found out at the start.
    pub resource: Vec<(String, String)>,
    /// How many spans, and how many events, wait at most to be sent. What comes then is dropped.
    pub queue: usize,
    /// How many are sent in one request.
    pub batch: usize,
    /// How long a batch that is not full waits for more.
    pub delay: Duration,
}

/// One receiver of one signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How.
    pub protocol: Protocol,
    /// Where: scheme, host and port; for HTTP the whole path too.
    pub url: String,
    /// What is sent along with each request, such as a token.
    pub headers: Headers,
    /// How long a request may take.
    pub timeout: Duration,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// The receiver's authority, in PEM; `None`: the system's.
    pub certificate: Option<PathBuf>,
    /// Our own certificate and its key, in PEM, for a receiver that asks for one.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// As it stands in names of variables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Logs => "LOGS",
            Self::Metrics => "METRICS",
        }
    }

    /// As it stands in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// Its path under an OTLP/HTTP endpoint.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Logs => "v1/logs",
            Self::Metrics => "v1/metrics",
        }
    }
}

impl Settings {
    /// Works out what is meant; `None` if nothing is to be exported. Also gives what in the
    /// environment was passed over.
    #[must_use]
    pub fn resolve(file: Option<&Otlp>, environment: Lookup<'_>) -> (Option<Self>, Vec<String>) {
        let mut variables = Variables::new(environment);
        if variables.flag("OTEL_SDK_DISABLED") {
            return (None, Vec::new());
        }
        let [traces, logs, metrics] =
            Signal::ALL.map(|signal| target(signal, file, &mut variables));
        let any = traces.is_some() || logs.is_some() || metrics.is_some();
        let settings = any.then(|| Self {
            traces,
            logs,
            metrics,
            interval: interval(file, &mut variables),
            sampler: Sampler::from_environment(&mut variables),
            resource: resource(&mut variables),
            queue: variables.count("OTEL_BSP_MAX_QUEUE_SIZE").unwrap_or(2048),
            batch: variables.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").unwrap_or(512),
            delay: delay(&mut variables),
        });
        (settings, variables.warnings)
    }
}

impl Settings {
    /// The receivers, with what each receives.
    pub fn targets(&self) -> impl Iterator<Item = (Signal, &Target)> {
        let targets = [&self.traces, &self.logs, &self.metrics];
        let targets = Signal::ALL.into_iter().zip(targets);
        targets.filter_map(|(signal, target)| Some((signal, target.as_ref()?)))
    }
}

fn target(signal: Signal, file: Option<&Otlp>, variables: &mut Variables<'_>) -> Option<Target> {
    let asked_for = file.is_some_and(|file| match signal {
        Signal::Traces => file.traces,
        Signal::Logs => file.logs,
        Signal::Metrics => file.metrics,
    });
    // Without a file, an endpoint in the environment asks for traces and logs: what a file has by default, too.
    let by_default = file.is_none() && signal != Signal::Metrics;
    if !variables.exporter(signal).unwrap_or(asked_for || by_default) {
        return None;
    }
    let protocol = variables.protocol(signal);
    let endpoint_is_ours = file.is_some_and(|file| file.endpoint.is_some());
    let usual = if endpoint_is_ours { Protocol::Grpc } else { Protocol::Http };
    let protocol = protocol.or(file.and_then(|file| file.protocol)).unwrap_or(usual);
    let url = url(signal, protocol, file, variables)?;
    let timeout = variables.of_signal(signal, "TIMEOUT");
    let timeout = variables.millis("OTEL_EXPORTER_OTLP_TIMEOUT", timeout);
    let configured = |key: fn(&Otlp) -> Option<&PathBuf>| file.and_then(key).cloned();
    let path = |variables: &Variables<'_>, key| variables.of_signal(signal, key).map(PathBuf::from);
    let certificate = path(variables, "CLIENT_CERTIFICATE");
    let certificate = certificate.or_else(|| configured(|file| file.cert_file.as_ref()));
    let key = path(variables, "CLIENT_KEY");
    let key = key.or_else(|| configured(|file| file.key_file.as_ref()));
    Some(Target {
        protocol,
        url,
        headers: headers(signal, file, variables),
        timeout: timeout.or(file.map(|file| file.timeout)).unwrap_or(Duration::from_secs(10)),
        gzip: variables.gzip(signal).unwrap_or_else(|| file.is_some_and(|file| file.gzip)),
        certificate: path(variables, "CERTIFICATE")
            .or_else(|| configured(|file| file.ca_file.as_ref())),
        client: certificate.zip(key),
    })
}

/// The endpoint; a signal's own variable is taken as it is, the others get the signal's path.
fn url(
    signal: Signal,
    protocol: Protocol,
    file: Option<&Otlp>,
    variables: &Variables<'_>,
) -> Option<String> {
    let own = variables.own(signal, "ENDPOINT");
    let is_own = own.is_some();
    let shared = || variables.text("OTEL_EXPORTER_OTLP_ENDPOINT");
    let endpoint = own.or_else(shared).or_else(|| file.and_then(|file| file.endpoint.clone()))?;
    let insecure = variables.of_signal(signal, "INSECURE");
    let plain = insecure.is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let scheme = if plain { "http" } else { "https" };
    let endpoint =
        if endpoint.contains("://") { endpoint } else { format!("{scheme}://{endpoint}") };
    Some(match protocol {
        Protocol::Http if !is_own => {
            format!("{}/{}", endpoint.trim_end_matches('/'), signal.path())
        }
        _ => endpoint,
    })
}

/// The file's headers, and those of the environment, which win.
fn headers(signal: Signal, file: Option<&Otlp>, variables: &mut Variables<'_>) -> Headers {
    let mut headers = file.map(|file| file.headers.0.clone()).unwrap_or_default();
    if let Some(text) = variables.of_signal(signal, "HEADERS") {
        for (name, value) in variables.pairs("OTEL_EXPORTER_OTLP_HEADERS", &text) {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            headers.push((name, value));
        }
    }
    Headers(headers)
}

fn resource(variables: &mut Variables<'_>) -> Vec<(String, String)> {
    let text = variables.text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let mut resource = variables.pairs("OTEL_RESOURCE_ATTRIBUTES", &text);
    if let Some(name) = variables.text("OTEL_SERVICE_NAME") {
        resource.retain(|(key, _)| key != "service.name");
        resource.push(("service.name".to_owned(), name));
    }
    resource
}

fn interval(file: Option<&Otlp>, variables: &mut Variables<'_>) -> Duration {
    let name = "OTEL_METRIC_EXPORT_INTERVAL";
    let text = variables.text(name);
    let set = variables.millis(name, text).filter(|interval| !interval.is_zero());
    set.or(file.map(|file| file.interval)).unwrap_or(Duration::from_mins(1))
}

fn delay(variables: &mut Variables<'_>) -> Duration {
    let name = "OTEL_BSP_SCHEDULE_DELAY";
    let text = variables.text(name);
    variables.millis(name, text).unwrap_or(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn file() -> Otlp {
        Otlp {
            endpoint: Some("http://127.0.0.1:4317".into()),
            protocol: None,
            headers: Headers(vec![("x-token".into(), "a".into())]),
            timeout: Duration::from_secs(5),
            gzip: false,
            ca_file: None,
            cert_file: None,
            key_file: None,
            traces: true,
            logs: true,
            metrics: false,
            interval: Duration::from_secs(30),
        }
    }

    fn resolve(
        file: Option<&Otlp>,
        environment: &[(&str, &str)],
    ) -> (Option<Settings>, Vec<String>) {
        let lookup = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::resolve(file, &lookup)
    }

    #[test]
    fn nothing_is_exported_unless_asked_for() {
        assert_eq!(resolve(None, &[]), (None, vec![]));
        assert_eq!(resolve(None, &[("OTEL_SERVICE_NAME", "x")]), (None, vec![]));
        assert_eq!(resolve(Some(&file()), &[("OTEL_SDK_DISABLED", "TRUE")]), (None, vec![]));
        let none = [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")];
        assert_eq!(resolve(Some(&file()), &none), (None, vec![]));
    }

    #[test]
    fn the_file_alone() {
        let settings = resolve(Some(&file()), &[]).0.unwrap();
        let traces = settings.traces.unwrap();
        assert_eq!(traces.url, "http://127.0.0.1:4317");
        assert_eq!(traces.protocol, Protocol::Grpc);
        assert_eq!(traces.timeout, Duration::from_secs(5));
        assert_eq!(settings.logs.as_ref(), Some(&traces));
        assert_eq!(settings.metrics, None);
        assert_eq!(settings.sampler, Sampler::AlwaysOn);
    }

    #[test]
    fn the_environment_wins() {
        let (settings, warnings) = resolve(
            Some(&file()),
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318/"),
                ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs/otlp"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "X-Token=b%20c, y = 2"),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
                ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/me.pem"),
                ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/me.key"),
                ("OTEL_METRICS_EXPORTER", "otlp"),
                ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
                ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment=test"),
                ("OTEL_SERVICE_NAME", "guard"),
                ("OTEL_TRACES_SAMPLER", "always_off"),
            ],
        );
        assert_eq!(warnings, [""; 0]);
        let settings = settings.unwrap();
        let traces = settings.traces.unwrap();
        assert_eq!(traces.url, "https://collector:4318/v1/traces");
        assert_eq!(settings.logs.unwrap().url, "http://logs/otlp");
        assert_eq!(settings.metrics.unwrap().url, "https://collector:4318/v1/metrics");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(traces.headers.0, [pair("X-Token", "b c"), pair("y", "2")]);
        assert!(!format!("{traces:?}").contains("b c"), "{traces:?}");
        assert!(traces.gzip);
        assert_eq!(traces.timeout, Duration::from_millis(250));
        assert_eq!(traces.certificate, Some("/ca.pem".into()));
        assert_eq!(traces.client, Some(("/me.pem".into(), "/me.key".into())));
        assert_eq!(settings.interval, Duration::from_secs(1));
        let resource = [pair("deployment.environment", "test"), pair("service.name", "guard")];
        assert_eq!(settings.resource, resource);
        assert_eq!(settings.sampler, Sampler::AlwaysOff);
    }

    #[test]
    fn an_endpoint_in_the_environment_is_enough() {
        let of = |environment| resolve(None, environment).0.unwrap().traces.unwrap().url;
        assert_eq!(of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1")]), "https://c:1/v1/traces");
        let plain =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")];
        assert_eq!(of(&plain), "http://c:1/v1/traces");
    }

    #[test]
    fn what_cannot_be_read_is_passed_over_and_said() {
        let (settings, warnings) = resolve(
            Some(&file()),
            &[
                ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
                ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
                ("OTEL_TRACES_SAMPLER", "xray"),
                ("OTEL_LOGS_EXPORTER", "console"),
            ],
        );
        assert_eq!(settings, resolve(Some(&file()), &[]).0);
        assert!(warnings.len() >= 5, "{warnings:#?}");
        assert!(!warnings.iter().any(|warning| warning.contains("secret")), "{warnings:#?}");
    }

    proptest! {
        /// Headers and attributes come back as they were meant, whatever they hold.
        #[test]
        fn pairs_come_back(pairs in prop::collection::btree_map("[a-z]{1,8}", ".{0,20}", 0..5)) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let written: Vec<String> =
                pairs.iter().map(|(key, value)| format!(" {key} = {}", encode(value))).collect();
            let variables = [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1".to_owned()),
                ("OTEL_EXPORTER_OTLP_HEADERS", written.join(",")),
            ];
            let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
            let (settings, warnings) = resolve(None, &variables);
            prop_assert_eq!(warnings, [""; 0]);
            let headers = settings.unwrap().traces.unwrap().headers.0;
            prop_assert_eq!(headers, pairs.into_iter().collect::<Vec<_>>());
        }

        /// Nothing in the environment panics or is a secret told.
        #[test]
        fn any_environment_is_read_without_harm(
            values in prop::collection::vec(".{0,30}|[0-9]{0,30}|[a-z=,%:/.]{0,30}", 14),
        ) {
            let names = [
                "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS",
                "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TIMEOUT",
                "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME",
                "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_BSP_MAX_QUEUE_SIZE",
                "OTEL_BSP_SCHEDULE_DELAY", "OTEL_METRICS_EXPORTER",
            ];
            let environment: Vec<(&str, &str)> =
                names.into_iter().zip(values.iter().map(String::as_str)).collect();
            let (_, warnings) = resolve(Some(&file()), &environment);
            for warning in warnings {
                prop_assert!(!warning.chars().any(crate::printable::is_unseen), "{:?}", warning);
            }
        }
    }
}
