//! Tables that attackers fill: how one forgets.

/// Chooses an eighth of `many` that are there, at least one: those of the lowest rank, in no order. It is
/// an eighth, so that the search is paid for by many that come. It takes memory for a quarter of them.
pub(super) fn least<R: Ord + Copy>(ranks: impl Iterator<Item = R>, many: usize) -> Vec<R> {
    let surplus = (many / 8).max(1);
    let mut least: Vec<R> = Vec::with_capacity(2 * surplus);
    let mut bound = None;
    for rank in ranks {
        if bound.is_some_and(|bound| bound <= rank) {
            continue;
        }
        least.push(rank);
        if least.len() == 2 * surplus {
            bound = Some(*least.select_nth_unstable(surplus - 1).1);
            least.truncate(surplus);
        }
    }
    if least.len() > surplus {
        least.select_nth_unstable(surplus - 1);
        least.truncate(surplus);
    }
    least
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        /// The oracle sorts all of them.
        #[test]
        fn an_eighth_of_the_lowest_rank(ranks in prop::collection::vec(0..50u32, 1..200)) {
            let mut least = super::least(ranks.iter().copied(), ranks.len());
            least.sort_unstable();
            let mut sorted = ranks.clone();
            sorted.sort_unstable();
            sorted.truncate((ranks.len() / 8).max(1));
            prop_assert_eq!(least, sorted);
        }
    }
}
