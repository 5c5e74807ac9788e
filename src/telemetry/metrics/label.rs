//! Families of series, their labels, and labels whose values are a few fixed words.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::registry::{Metric, Registry, Unit};

/// Label names and values of one series.
pub(super) type Labels<const N: usize> = [(&'static str, String); N];

/// What becomes of a word that is on no list: a label must not grow with what code invents.
pub(super) const OTHER: &str = "other";

/// One counter, or other metric, for each of a few words, found without hashing.
#[derive(Clone, Debug)]
pub(super) struct PerWord<M = Counter> {
    metrics: Vec<(&'static str, M)>,
}

impl<M> PerWord<M> {
    /// Makes the metric of every word, so that each begins at 0.
    pub(super) fn new(words: &[&'static str], mut metric: impl FnMut(&'static str) -> M) -> Self {
        Self { metrics: words.iter().map(|word| (*word, metric(word))).collect() }
    }

    /// The metric of `word`; of [`OTHER`] if the word is on no list; `None` if that is not either.
    pub(super) fn get(&self, word: &str) -> Option<&M> {
        let find = |word| self.metrics.iter().find(|(known, _)| *known == word);
        find(word).or_else(|| find(OTHER)).map(|(_, metric)| metric)
    }
}

impl PerWord {
    /// Counts `count` more of `word`.
    pub(super) fn add(&self, word: &str, count: u64) {
        if let Some(counter) = self.get(word) {
            counter.inc_by(count);
        }
    }
}

/// A family in the registry, empty yet.
pub(super) fn family<const N: usize, M>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> Family<Labels<N>, M>
where
    Family<Labels<N>, M>: Metric,
    M: Default,
{
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

/// The same; the unit is appended to the name.
pub(super) fn family_of<const N: usize, M>(
    registry: &mut Registry,
    name: &str,
    unit: Unit,
    help: &str,
    metric: fn() -> M,
) -> Family<Labels<N>, M>
where
    Family<Labels<N>, M>: Metric,
{
    let family = Family::new_with_constructor(metric);
    registry.register_with_unit(name, help, unit, family.clone());
    family
}

/// A label with a value, to put into [`Labels`].
pub(super) fn label(name: &'static str, value: &str) -> (&'static str, String) {
    (name, value.to_owned())
}

/// The series of `family` for each word of the label `name`, beside the one label `first`.
pub(super) fn per_word<M: Clone, C: MetricConstructor<M>>(
    family: &Family<Labels<2>, M, C>,
    first: (&'static str, &str),
    name: &'static str,
    words: &[&'static str],
) -> PerWord<M> {
    PerWord::new(words, |word| {
        family.get_or_create_owned(&[label(first.0, first.1), label(name, word)])
    })
}

/// Removes what [`per_word`] made.
pub(super) fn forget_words<M, C: MetricConstructor<M>>(
    family: &Family<Labels<2>, M, C>,
    first: (&'static str, &str),
    name: &'static str,
    words: &[&'static str],
) {
    for word in words {
        family.remove(&[label(first.0, first.1), label(name, word)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_counts_as_other_where_there_is_one() {
        let closed = PerWord::new(&["ok", "error"], |word| word);
        assert_eq!(closed.get("error"), Some(&"error"));
        assert_eq!(closed.get("surprise"), None);
        let open = PerWord::new(&["missing", OTHER], |word| word);
        assert_eq!(open.get("surprise"), Some(&OTHER));
    }
}
