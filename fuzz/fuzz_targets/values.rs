//! Small languages of the configuration and of headers: the first line says which.

#![no_main]

use gaoler::config::{duration, ports};
use gaoler::filter::httpd::logformat::LogFormat;
use gaoler::filter::tags;
use gaoler::jail::bantime::formula::{Formula, Names};
use gaoler::record::journalmatch::JournalMatch;
use gaoler::telemetry::negotiation;
use gaoler_fuzz::head;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (kind, text) = head(data);
    let Ok(text) = std::str::from_utf8(text) else { return };
    match kind {
        b"formula" => formula(text),
        b"journalmatch" => {
            // Of none, every entry is wanted, and nothing is displayed.
            if let Ok(parsed) = JournalMatch::parse(text.lines())
                && !parsed.groups().is_empty()
            {
                let again = parsed.to_string();
                assert_eq!(JournalMatch::parse([again.as_str()]).as_ref(), Ok(&parsed), "{again}");
            }
        }
        b"duration" => {
            let _ = duration::parse(text);
        }
        b"ports" => {
            let _ = ports::check(text);
        }
        b"tags" => {
            let _ = tags::translate(text);
        }
        b"logformat" => {
            let _ = LogFormat::parse(text);
        }
        b"accept" => {
            let _ = (negotiation::format(text), negotiation::gzip(text));
        }
        _ => {}
    }
});

fn formula(text: &str) {
    let Ok(formula) = text.parse::<Formula>() else { return };
    for count in [0.0, 1.0, 20.0, 1e9] {
        for time in [0.0, 600.0, 1e12] {
            let names = Names { time, count, factor: 1.0 };
            let _ = formula.evaluate(names);
        }
    }
}
