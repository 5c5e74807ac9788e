//! Several regexes of which one is to match: ignoreregex, or a condition on a request.

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::engine::{Engine, Exceeded, Over};
use super::error::Problem;

/// Regexes that are asked at once whether any of them matches. Those that backtrack are asked last.
#[derive(Clone, Debug)]
pub(super) struct Any {
    linear: RegexSet,
    backtracking: Vec<Engine>,
}

impl Any {
    /// Puts regexes together.
    pub(super) fn new(regexes: Vec<Engine>) -> Result<Self, Problem> {
        let (linear, backtracking): (Vec<_>, Vec<_>) =
            regexes.into_iter().partition(|regex| regex.why().is_none());
        let linear = set(linear.iter().filter_map(Engine::shadow), Over::Bytes)?;
        Ok(Self { linear, backtracking })
    }

    /// Of each a linear regex that matches wherever it does; `None`: of one there is none.
    pub(super) fn shadows(&self) -> Option<Vec<&str>> {
        let linear = self.linear.patterns().iter().map(|regex| Some(regex.as_str()));
        linear.chain(self.backtracking.iter().map(Engine::shadow)).collect()
    }

    /// Whether any matches.
    pub(super) fn is_match(&self, text: &[u8]) -> Result<bool, Exceeded> {
        if self.linear.is_match(text) {
            return Ok(true);
        }
        let mut told = Ok(false);
        for regex in &self.backtracking {
            match regex.is_match(text) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(exceeded) => told = Err(exceeded),
            }
        }
        told
    }
}

/// Linear regexes, to be asked at once.
pub(super) fn set<'r>(
    regexes: impl Iterator<Item = &'r str>,
    over: Over,
) -> Result<RegexSet, Problem> {
    RegexSetBuilder::new(regexes)
        .unicode(over == Over::Text)
        .dot_matches_new_line(over == Over::Bytes)
        .size_limit(64 << 20)
        .dfa_size_limit(16 << 20)
        .build()
        .map_err(|_| Problem::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(regexes: &[&str], text: &str, expected: Result<bool, Exceeded>) {
        let regexes = regexes.iter().map(|regex| Engine::compile(regex).unwrap()).collect();
        assert_eq!(Any::new(regexes).unwrap().is_match(text.as_bytes()), expected);
    }

    #[test]
    fn one_that_matches_is_enough() {
        check(&[], "a", Ok(false));
        check(&["a", "b"], "b", Ok(true));
        check(&["a", "b"], "c", Ok(false));
        check(&["a", "(?!x)b"], "b", Ok(true));
        check(&["a", "(?!x)b", "c(?=d)"], "cd", Ok(true));
        check(&["a", "(?!x)b"], "x", Ok(false));
    }

    #[test]
    fn a_budget_used_up_is_told_unless_another_matches() {
        const COSTLY: &str = r"^(?:\w+(?! nobody)\s?)+(?<!failed)$";
        let hostile = format!("{} failed", "a".repeat(60));
        check(&[COSTLY, "b"], &hostile, Err(Exceeded));
        check(&[COSTLY, "fail(?=ed)"], &hostile, Ok(true));
        check(&[COSTLY, "ailed"], &hostile, Ok(true));
    }
}
