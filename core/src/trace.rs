//! The names by which traces and their spans are found again.
//!
//! A ban has one trace, named when its first failure is counted, so that the log lines of all of them
//! bear its name. These are names only: what a trace holds is telemetry's business.
//!
//! Shapes as in W3C Trace Context, section 3.2.2: lower-case hexadecimal digits, never all zero.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A trace's name: 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

/// A span's name within its trace: 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

/// What is no trace's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 32 lower-case hexadecimal digits that are not all 0")]
pub struct NoTraceId;

impl TraceId {
    /// Names a trace by a random number; 0, which W3C forbids, is taken for 1.
    #[must_use]
    pub fn new(random: u128) -> Self {
        Self(NonZeroU128::new(random).unwrap_or(NonZeroU128::MIN))
    }

    /// As OTLP carries it, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }

    /// The name of the trace's root span. Log records, exemplars and links name it without having
    /// seen the trace, so it follows from the trace's own name.
    #[must_use]
    pub fn root(self) -> SpanId {
        self.span(0)
    }

    /// The name of the trace's span of that number; the root has number 0.
    #[must_use]
    pub fn span(self, number: u16) -> SpanId {
        let low = u64::try_from(self.0.get() & u128::from(u64::MAX)).unwrap_or_default();
        SpanId::new(low.wrapping_add(u64::from(number)))
    }
}

impl SpanId {
    /// Names a span by a random number; 0, which W3C forbids, is taken for 1.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self(NonZeroU64::new(random).unwrap_or(NonZeroU64::MIN))
    }

    /// As OTLP carries it, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for TraceId {
    type Err = NoTraceId;

    fn from_str(text: &str) -> Result<Self, NoTraceId> {
        let digits = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(digits) {
            return Err(NoTraceId);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| NoTraceId)?;
        NonZeroU128::new(number).map(Self).ok_or(NoTraceId)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let id = TraceId::new(0xab);
        assert_eq!(id.to_string(), "000000000000000000000000000000ab");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_bytes()[15], 0xab);
        assert_eq!(id.root().to_string(), "00000000000000ab");
    }

    #[test]
    fn what_w3c_forbids_is_no_name() {
        for text in ["", "ab", &"0".repeat(32), &"A".repeat(32), &"+".repeat(32), &"1".repeat(33)] {
            assert_eq!(text.parse::<TraceId>(), Err(NoTraceId), "{text}");
        }
    }

    #[test]
    fn no_span_is_named_zero_and_the_first_ones_differ() {
        let id = TraceId::new(u128::from(u64::MAX));
        let names: std::collections::BTreeSet<_> = (2..9).map(|number| id.span(number)).collect();
        assert_eq!(names.len(), 7);
        assert_ne!(id.span(1).to_bytes(), [0; 8]);
    }

    proptest! {
        #[test]
        fn a_name_is_read_back_and_nothing_else_is_one(number: u128, text in "[0-9a-fA-F]{0,34}|.{0,34}") {
            let id = TraceId::new(number);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            if let Ok(id) = text.parse::<TraceId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
