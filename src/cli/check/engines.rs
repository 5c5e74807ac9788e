//! Which engine each regex runs on: in linear time, or by backtracking within a budget, and why.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::config::checked::JailSettings;
use crate::filter::engine::{Choice, STEPS};
use crate::printable::Printable;

/// A line a regex, below its jail.
pub(super) fn report(jails: &[JailSettings]) -> String {
    let mut report = String::new();
    for jail in jails {
        let filter = &jail.filter;
        for choice in filter.engines() {
            let (place, engine) = (&choice.place, engine(choice));
            let source = Printable(choice.source.as_bytes());
            let name = &jail.name;
            writeln!(report, "regex of {name}, {place}: {engine}: {source}")
                .expect("a String takes all");
        }
    }
    report
}

/// The same for programs.
pub(super) fn json(jails: &[JailSettings]) -> Value {
    let of = |jail: &JailSettings| {
        let name = jail.name.to_string();
        let regex = |choice: &Choice| {
            json!({
                "jail": name, "place": choice.place.to_string(), "regex": choice.source,
                "engine": if choice.backtracks.is_some() { "backtracking" } else { "linear" },
                "why": choice.backtracks, "prefiltered": choice.prefiltered,
            })
        };
        jail.filter.engines().iter().map(regex).collect::<Vec<_>>()
    };
    jails.iter().flat_map(of).collect()
}

fn engine(choice: &Choice) -> String {
    let Some(why) = choice.backtracks else { return "linear".to_owned() };
    let first = if choice.prefiltered {
        "on lines that match without"
    } else {
        "on every line, since nothing linear can be put before it"
    };
    format!("backtracks, for {why}, at most {STEPS} steps a line, {first}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Definition, Filter, NORMAL};

    #[track_caller]
    fn check(regex: &str, expected: &str) {
        let failregex = vec![regex.to_owned()];
        let definition = Definition { name: "x".into(), failregex, ..Definition::default() };
        let filter = Filter::compile(&definition, NORMAL).unwrap();
        assert_eq!(filter.engines().iter().map(engine).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn each_says_which_engine_and_why() {
        check("^a <ADDR>$", "linear");
        let expected = "backtracks, for look-around, at most 65536 steps a line, on lines that match \
                        without";
        check("^(?!b)c <ADDR>$", expected);
    }
}
