//! The filter compiler, and what it makes of lines: `p`, `f`, `i`, `d`, `h` and `a` lines are prefregex,
//! failregex, ignoreregex, datepattern, httpd path and user agent, `2` makes it a filter in fail2ban's
//! language that sees as many lines at once; after an empty line come records. What a record holds none of the
//! literals of, nothing is made of.

#![no_main]

use std::sync::Arc;

use gaoler::filter::definition::HttpdRule;
use gaoler::filter::probe::Probes;
use gaoler::filter::{Definition, Filter, Language, Matcher, NORMAL, Outcome};
use gaoler::record::Record;
use gaoler_fuzz::NOW;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (filter, records) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut definition = Definition { name: "fuzz".to_owned(), ..Definition::default() };
    for line in filter.lines() {
        let (key, value) = line.split_at_checked(1).unwrap_or_default();
        let value = value.to_owned();
        let httpd = definition.httpd.as_mut();
        match key {
            "p" => definition.prefregex = Some(value),
            "f" => definition.failregex.push(value),
            "i" => definition.ignoreregex.push(value),
            "d" => definition.datepattern = Some(value),
            "h" => httpd_rule(&mut definition).path.push(value),
            "a" => httpd_rule(&mut definition).user_agent.push(value),
            "s" if httpd.is_some() => httpd_rule(&mut definition).status.push(value),
            "2" => {
                definition.language = Language::Fail2ban;
                definition.maxlines = u16::try_from(value.len()).unwrap_or(u16::MAX);
            }
            _ => {}
        }
    }
    let filter = match Filter::compile(&definition, NORMAL) {
        Ok(filter) => Arc::new(filter),
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut matcher = Matcher::new(Arc::clone(&filter), TimeZone::UTC);
    let mut probes = Probes::new(&filter);
    let literals = filter.literals();
    for line in records.lines().take(8) {
        for time in [None, Some(NOW)] {
            let record = Record { time, text: line.as_bytes() };
            let may_match = literals.may_match(record.text);
            let told = match matcher.read(record, NOW) {
                Outcome::Missed => None,
                outcome if !may_match => panic!("{literals:?} {outcome:?}"),
                Outcome::Failure(found) | Outcome::NoFail(Some(found)) => {
                    assert!(found.pattern < filter.pattern_count());
                    found.groups().count();
                    None
                }
                Outcome::Exceeded(part) => Some(part),
                _ => None,
            };
            assert!(told.is_none() || told == matcher.exceeded());
            let seen = matcher.without_date(line.as_bytes());
            let miss = probes.nearest(&seen);
            assert!(miss.is_none_or(|miss| miss.at <= seen.len()));
        }
    }
});

fn httpd_rule(definition: &mut Definition) -> &mut HttpdRule {
    definition.httpd.get_or_insert_default()
}
