//! Where telemetry would be pushed to, and whether that can be tried: certificates are read, nothing
//! is sent.

use crate::config::checked::{Config, OtlpProtocol};
use crate::telemetry::otlp::settings::{Settings, Target};
use crate::telemetry::otlp::{self, TargetError};

/// What is to be said of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pushing {
    /// Each signal and its receiver.
    pub(super) targets: Vec<String>,
    /// What of the environment is passed over.
    pub(super) notes: Vec<String>,
    /// Why a receiver cannot even be tried.
    pub(super) wrong: Vec<String>,
}

/// Looks at the configuration and at these variables.
pub(super) fn pushing(
    config: &Config,
    environment: &dyn Fn(&str) -> Option<String>,
) -> std::io::Result<Pushing> {
    let (settings, mut notes) = Settings::resolve(config.otlp.as_ref(), environment);
    let Some(settings) = settings else {
        notes.extend(config.otlp.is_some().then(|| {
            "telemetry.otlp: nothing is pushed: there is no endpoint, or every signal is off"
                .to_owned()
        }));
        return Ok(Pushing { notes, ..Pushing::default() });
    };
    let targets =
        settings.targets().map(|(signal, target)| format!("{} {}", signal.label(), shown(target)));
    let targets = targets.collect();
    // A channel is made within a runtime, though nothing runs on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _within = runtime.enter();
    let mut wrong: Vec<String> =
        otlp::try_out(&settings).iter().map(TargetError::to_string).collect();
    wrong.dedup();
    Ok(Pushing { targets, notes, wrong })
}

fn shown(target: &Target) -> String {
    let protocol = match target.protocol {
        OtlpProtocol::Grpc => "grpc",
        OtlpProtocol::Http => "http/protobuf",
    };
    let headers: Vec<&str> = target.headers.0.iter().map(|(name, _)| name.as_str()).collect();
    let headers = if headers.is_empty() {
        String::new()
    } else {
        format!(", headers {}", headers.join(", "))
    };
    format!("to {} by {protocol}{headers}", target.url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, environment: &[(&str, &str)]) -> Pushing {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gaoler.yaml");
        std::fs::write(&path, yaml).unwrap();
        let config = crate::config::load(&path).unwrap();
        let lookup = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        pushing(&config, &lookup).unwrap()
    }

    #[test]
    fn says_where_to_and_shows_no_secret() {
        let yaml =
            "telemetry: {otlp: {endpoint: 'http://127.0.0.1:4317', headers: [x-token=hunter2]}}";
        let said =
            check(yaml, &[("OTEL_LOGS_EXPORTER", "none"), ("OTEL_BSP_SCHEDULE_DELAY", "soon")]);
        assert_eq!(said.targets, ["traces to http://127.0.0.1:4317 by grpc, headers x-token"]);
        assert_eq!(said.notes.len(), 1, "{said:?}");
        assert_eq!(said.wrong, [""; 0]);
        assert!(!format!("{said:?}").contains("hunter2"));
        assert_eq!(check("jails: {}", &[]), Pushing::default());
    }

    #[test]
    fn what_a_start_would_stumble_over_is_wrong_once() {
        let yaml =
            "telemetry: {otlp: {endpoint: 'https://localhost:1', ca_file: /nonexistent/ca.pem}}";
        let said = check(yaml, &[]);
        assert_eq!(said.wrong.len(), 1, "{said:?}");
        assert!(said.wrong[0].contains("/nonexistent/ca.pem"));
        let said = check("jails: {}", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://")]);
        assert!(said.wrong[0].contains("http://"), "{said:?}");
    }

    #[test]
    fn settings_that_push_nothing_are_noted() {
        let said = check("telemetry: {otlp: {metrics: true}}", &[]);
        assert!(said.notes[0].contains("no endpoint"), "{said:?}");
    }
}
