//! Lines on every filter that is shipped. Whoever they yield must stand in them.

#![no_main]

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use gaoler::config::{builtin, filter_file};
use gaoler::filter::{Filter, Matcher, Outcome};
use gaoler::record::Record;
use gaoler_fuzz::{NOW, assert_told};
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static MATCHERS: RefCell<Vec<Matcher>> = RefCell::new(matchers());
}

/// Every filter, in every mode that it has.
fn matchers() -> Vec<Matcher> {
    let mut matchers = Vec::new();
    for name in builtin::names() {
        let yaml = builtin::yaml(name).expect("it is listed");
        let definition = filter_file::parse(name, Path::new(name), yaml.as_bytes())
            .expect("what is shipped is right");
        for mode in definition.mode_names() {
            // `recidive` reads no records.
            let Ok(filter) = Filter::compile(&definition, mode) else { continue };
            matchers.push(Matcher::new(Arc::new(filter), TimeZone::UTC));
        }
    }
    matchers
}

fuzz_target!(|line: &[u8]| {
    MATCHERS.with_borrow_mut(|matchers| {
        for matcher in matchers {
            for time in [None, Some(NOW)] {
                matcher.forget();
                match matcher.read(Record { time, text: line }, NOW) {
                    Outcome::Failure(found) => assert_told(&found, line),
                    Outcome::NoFail(Some(found)) => assert_told(&found, line),
                    _ => {}
                }
                assert_eq!(matcher.exceeded(), None, "no filter that is shipped backtracks");
            }
        }
    });
});
