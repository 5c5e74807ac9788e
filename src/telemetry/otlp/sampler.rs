//! Which bans get a trace.
//!
//! A ban's trace has no parent: whatever is `parentbased` goes by its root. A ratio is taken of the
//! trace's id, as the specification has it, so that all who share the id decide alike.
//!
//! Source: the OpenTelemetry specification, `TraceIdRatioBased` and `OTEL_TRACES_SAMPLER`.

use super::variables::Variables;

/// Which bans get a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sampler {
    /// All.
    #[default]
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// This part of them: 0 to 1.
    Ratio(f64),
}

impl Sampler {
    /// `OTEL_TRACES_SAMPLER` and its argument; all, if they say nothing that can be read.
    pub(super) fn from_environment(variables: &mut Variables<'_>) -> Self {
        let name = "OTEL_TRACES_SAMPLER";
        let Some(text) = variables.text(name) else { return Self::default() };
        match text.strip_prefix("parentbased_").unwrap_or(&text) {
            "always_on" => Self::AlwaysOn,
            "always_off" => Self::AlwaysOff,
            "traceidratio" => Self::Ratio(ratio(variables)),
            _ => {
                variables.warn(
                    name,
                    &text,
                    "gaoler has always_on, always_off, traceidratio and their parentbased_ forms",
                );
                Self::default()
            }
        }
    }

    /// Whether the trace with this id is taken.
    #[must_use]
    pub fn takes(self, trace_id: [u8; 16]) -> bool {
        match self {
            Self::AlwaysOn => true,
            Self::AlwaysOff => false,
            Self::Ratio(ratio) => {
                let low = u128::from_be_bytes(trace_id) & u128::from(u64::MAX);
                // 63 bits: as the SDKs of other languages take them.
                let id = u64::try_from(low).unwrap_or(u64::MAX) >> 1;
                #[expect(clippy::cast_precision_loss, reason = "a share of all ids")]
                let place = id as f64 / (1_u64 << 63) as f64;
                place < ratio
            }
        }
    }
}

fn ratio(variables: &mut Variables<'_>) -> f64 {
    let name = "OTEL_TRACES_SAMPLER_ARG";
    let Some(text) = variables.text(name) else { return 1.0 };
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.unwrap_or_else(|| {
        variables.warn(name, &text, "it takes a number from 0 to 1");
        1.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(tail: u64) -> [u8; 16] {
        u128::from(tail).to_be_bytes()
    }

    #[test]
    fn a_ratio_takes_its_share() {
        for (ratio, expected) in [(0.0, 0), (0.25, 250), (1.0, 1000)] {
            let step = u64::MAX / 1000;
            let taken = (0..1000).filter(|n| Sampler::Ratio(ratio).takes(id(n * step))).count();
            assert!(taken.abs_diff(expected) <= 1, "{ratio}: {taken}");
        }
    }

    #[test]
    fn words_of_the_environment() {
        let check = |sampler: &str, argument: &str, expected| {
            let lookup = |name: &str| match name {
                "OTEL_TRACES_SAMPLER" => Some(sampler.to_owned()),
                "OTEL_TRACES_SAMPLER_ARG" => Some(argument.to_owned()),
                _ => None,
            };
            let mut variables = Variables::new(&lookup);
            assert_eq!(Sampler::from_environment(&mut variables), expected, "{sampler} {argument}");
            variables.warnings.len()
        };
        assert_eq!(check("parentbased_always_off", "", Sampler::AlwaysOff), 0);
        assert_eq!(check("traceidratio", "0.5", Sampler::Ratio(0.5)), 0);
        assert_eq!(check("parentbased_traceidratio", "1.5", Sampler::Ratio(1.0)), 1);
        assert_eq!(check("jaeger_remote", "", Sampler::AlwaysOn), 1);
    }
}
