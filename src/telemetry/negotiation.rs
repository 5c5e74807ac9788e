//! Which form of an answer a client asked for.
//!
//! Source: RFC 9110 §12.4.2, §12.5.1, §12.5.3; Prometheus' content negotiation.

use super::exposition::{Format, OpenMetricsVersion};

/// The format that the `Accept` header prefers among those we have. Who asks for nothing we have
/// gets text 0.0.4: a scrape that fails over a header helps nobody.
#[must_use]
pub fn format(accept: &str) -> Format {
    let offers = elements(accept).filter_map(|element| Some((offered(&element)?, element.weight)));
    // Of equals the first wins, so `max_by` (the last) will not do.
    let best = offers.fold(None, |best: Option<(Format, u16)>, (format, weight)| match best {
        Some((_, least)) if weight <= least => best,
        _ if weight == 0 => best,
        _ => Some((format, weight)),
    });
    best.map_or(Format::Text004, |(format, _)| format)
}

/// Whether the `Accept-Encoding` header allows gzip.
#[must_use]
pub fn gzip(accept_encoding: &str) -> bool {
    let weight = |name: &str| {
        let mut found = elements(accept_encoding).filter(|e| e.name.eq_ignore_ascii_case(name));
        found.next().map(|element| element.weight)
    };
    weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).unwrap_or(0) != 0
}

/// One element of a list header: `name;parameter=value;q=0.5`.
struct Element<'a> {
    name: &'a str,
    /// What is behind the name, `q` too.
    parameters: &'a str,
    /// In thousandths, as RFC 9110 has it.
    weight: u16,
}

impl<'a> Element<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        parameter(self.parameters, name)
    }
}

fn elements(header: &str) -> impl Iterator<Item = Element<'_>> {
    header.split(',').map(|element| {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        let weight = parameter(parameters, "q").map_or(1000, thousandths);
        Element { name: name.trim(), parameters, weight }
    })
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim().trim_matches('"'))
    })
}

/// A weight from 0 to 1; one that is neither counts as 0, so nonsense wins nothing.
fn thousandths(weight: &str) -> u16 {
    let Ok(weight) = weight.parse::<f32>() else { return 0 };
    if !(0.0..=1.0).contains(&weight) {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    let thousandths = (weight * 1000.0).round() as u16;
    thousandths
}

/// The format an element asks for, if we have it.
fn offered(element: &Element) -> Option<Format> {
    match (element.name.to_ascii_lowercase().as_str(), element.parameter("version")) {
        ("application/vnd.google.protobuf", None) => {
            let is = |name, value| element.parameter(name) == Some(value);
            let ours = is("proto", "io.prometheus.client.MetricFamily");
            (ours && is("encoding", "delimited")).then_some(Format::Protobuf)
        }
        ("application/openmetrics-text", Some("1.0.0")) => {
            Some(Format::OpenMetrics(OpenMetricsVersion::V100))
        }
        ("application/openmetrics-text", Some("0.0.1") | None) => {
            Some(Format::OpenMetrics(OpenMetricsVersion::V001))
        }
        ("text/plain", Some("0.0.4") | None) | ("text/*" | "*/*", None) => Some(Format::Text004),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V100: Format = Format::OpenMetrics(OpenMetricsVersion::V100);
    const V001: Format = Format::OpenMetrics(OpenMetricsVersion::V001);

    #[track_caller]
    fn check(accept: &str, expected: Format) {
        assert_eq!(format(accept), expected, "{accept}");
    }

    /// As Prometheus 2.42 asks when it wants native histograms, and 3 when it does not.
    #[test]
    fn what_prometheus_sends_gets_the_best_it_reads() {
        check(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
             encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,\
             application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,\
             */*;q=0.1",
            Format::Protobuf,
        );
        check(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2",
            V100,
        );
    }

    #[test]
    fn no_other_protobuf_is_taken_for_ours() {
        for parameters in [
            "",
            ";proto=io.prometheus.client.MetricFamily",
            ";encoding=delimited",
            ";proto=io.prometheus.client.MetricFamily;encoding=text",
            ";proto=x;encoding=delimited",
        ] {
            check(&format!("application/vnd.google.protobuf{parameters}"), Format::Text004);
        }
    }

    #[test]
    fn who_wants_nothing_special_gets_text() {
        check("", Format::Text004);
        check("*/*", Format::Text004);
        check("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text004);
        check("application/json", Format::Text004);
        check("application/openmetrics-text; version=2.0.0", Format::Text004);
    }

    #[test]
    fn the_highest_weight_wins_and_the_first_of_equals() {
        let open = "application/openmetrics-text; version=1.0.0";
        check(&format!("{open};q=0.4, text/plain;version=0.0.4;q=0.5"), Format::Text004);
        check(&format!("text/plain;q=0.4, {open} ; Q=0.5"), V100);
        check(&format!("text/plain, {open}"), Format::Text004);
        check(&format!("{open}, text/plain"), V100);
        check(&format!("{open};q=0, */*;q=0.1"), Format::Text004);
        check(&format!("{open};q=0"), Format::Text004);
        check("application/openmetrics-text; version=\"0.0.1\"", V001);
        check("Application/OpenMetrics-Text", V001);
    }

    #[test]
    fn nonsense_weights_win_nothing() {
        for weight in ["NaN", "inf", "-1", "2", "", "0.0004"] {
            check(
                &format!("application/openmetrics-text;version=1.0.0;q={weight}"),
                Format::Text004,
            );
        }
    }

    #[test]
    fn gzip_only_for_who_takes_it() {
        for yes in ["gzip", "deflate, GZIP;q=0.5", "*", "br;q=1.0, *;q=0.1", "x-gzip"] {
            assert!(gzip(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip;q=0, *", "br", "*;q=0"] {
            assert!(!gzip(no), "{no}");
        }
    }

    proptest! {
        /// Of formats and weights the first of the heaviest wins; of anything else, text.
        #[test]
        fn the_first_of_the_heaviest_wins(weights in prop::collection::vec((0..3_usize, 0..=1000_u16), 0..6)) {
            let formats = [
                ("text/plain;version=0.0.4", Format::Text004),
                ("application/openmetrics-text;version=1.0.0", V100),
                ("application/openmetrics-text;version=0.0.1", V001),
            ];
            let elements: Vec<String> = weights
                .iter()
                .map(|(which, weight)| format!("{};q={:.3}", formats[*which].0, f32::from(*weight) / 1000.0))
                .collect();
            let heaviest = weights.iter().map(|(_, weight)| *weight).max().filter(|weight| *weight > 0);
            let expected = weights.iter().find(|(_, weight)| Some(*weight) == heaviest);
            let expected = expected.map_or(Format::Text004, |(which, _)| formats[*which].1);
            prop_assert_eq!(format(&elements.join(",")), expected);
        }

        #[test]
        fn any_header_is_read_without_harm(header in ".{0,80}", signs in "[a-z/*;=,q0-9. \"]{0,60}") {
            for header in [header, signs] {
                let _ = (format(&header), gzip(&header));
            }
        }
    }
}
