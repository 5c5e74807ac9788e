//! The injection corpus (`hostile/corpus.tsv`): what attackers write into logs, and whose failure it
//! must be, over every filter that is built in.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use gaoler::config::builtin;
use gaoler::config::filters::Filters;
use gaoler::filter::definition::HttpdFormat;
use gaoler::filter::{Filter, Matcher, Outcome};
use gaoler::record::Record;
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;

const CORPUS: &str = include_str!("hostile/corpus.tsv");

/// The least that was promised.
const LINES: usize = 200;

/// How a line's filter is set up: an `@` line of the corpus.
struct Setting<'c> {
    words: &'c str,
    filter: Arc<Filter>,
    journal: bool,
    /// Whether it reads as the filter does that is built in.
    as_shipped: bool,
}

/// One line, and what it must come to.
struct Attempt {
    number: usize,
    fails: bool,
    peer: Option<IpAddr>,
    what: String,
    line: Vec<u8>,
}

fn now() -> Timestamp {
    "2026-11-22T14:00:00Z".parse().unwrap()
}

fn filters() -> Filters {
    Filters::new("/nonexistent".into())
}

/// Every filter that is built in, in every mode.
fn shipped() -> Vec<Arc<Filter>> {
    let mut all = Vec::new();
    for name in builtin::names() {
        let normal = filters().named(name).unwrap().1;
        for mode in normal.definition.mode_names() {
            all.push(filters().named(&format!("{name}[mode={mode}]")).unwrap().1);
        }
        all.push(normal);
    }
    all
}

impl<'c> Setting<'c> {
    fn parse(words: &'c str) -> Self {
        let (words, format) =
            words.split_once(" format=").map_or((words, None), |(words, text)| (words, Some(text)));
        let value = |key: &str| {
            let mut pairs = words.split(' ').filter_map(|word| word.split_once('='));
            pairs.find_map(|(name, value)| (name == key).then_some(value))
        };
        let filter = filters().named(value("filter").expect("a filter")).unwrap().1;
        let mut definition = filter.definition.clone();
        if let Some(rule) = &mut definition.httpd {
            if let Some(format) = format {
                rule.format = HttpdFormat::named(format);
            }
            let networks = |text: &str| vec![text.parse().unwrap_or_else(|_| host(text))];
            rule.trusted_proxies = value("proxies").map(networks).unwrap_or_default();
        }
        Self {
            words,
            filter: Arc::new(Filter::compile(&definition, &filter.mode).unwrap()),
            journal: value("source") == Some("journal"),
            as_shipped: format.is_none() && value("proxies").is_none(),
        }
    }
}

fn host(text: &str) -> IpNet {
    text.parse::<IpAddr>().unwrap().into()
}

impl Attempt {
    fn parse(number: usize, line: &str) -> Self {
        let fields: Vec<&str> = line.split('\t').collect();
        let [verdict, peer, what, line] = fields[..] else { panic!("line {number}: {line}") };
        assert!(["fails", "passes"].contains(&verdict), "line {number}: {verdict}");
        Self {
            number,
            fails: verdict == "fails",
            peer: (peer != "-").then(|| peer.parse().unwrap()),
            what: what.to_owned(),
            line: bytes(line),
        }
    }

    /// The line in which it is, for whoever reads that it went wrong.
    fn shown(&self) -> String {
        format!("corpus.tsv:{}: {}: {}", self.number, self.what, self.line.escape_ascii())
    }
}

/// `{ff}` is a byte, `{a*9}` nine letters.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let inner = rest[at + 1..].split_once('}').map(|(inner, _)| inner).unwrap_or_default();
        if let Some((letter, times)) = inner.split_once('*').filter(|(letter, _)| letter.len() == 1)
        {
            bytes.extend(letter.repeat(times.parse().unwrap()).into_bytes());
        } else if let (2, Ok(byte)) = (inner.len(), u8::from_str_radix(inner, 16)) {
            bytes.push(byte);
        } else {
            bytes.push(b'{');
            rest = &rest[at + 1..];
            continue;
        }
        rest = &rest[at + inner.len() + 2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// Every setting with its attempts.
fn corpus() -> Vec<(Setting<'static>, Vec<Attempt>)> {
    let mut settings: Vec<(Setting, Vec<Attempt>)> = Vec::new();
    for (number, line) in (1..).zip(CORPUS.lines()) {
        match line.strip_prefix("@ ") {
            _ if line.is_empty() || line.starts_with('#') => {}
            Some(words) => settings.push((Setting::parse(words), Vec::new())),
            None => settings.last_mut().unwrap().1.push(Attempt::parse(number, line)),
        }
    }
    settings
}

/// Whose failure a line is.
fn failed(matcher: &mut Matcher, line: &[u8], journal: bool) -> Option<IpAddr> {
    matcher.forget();
    match matcher.read(Record { time: journal.then(now), text: line }, now()) {
        Outcome::Failure(found) | Outcome::NoFail(Some(found)) => Some(found.address),
        Outcome::NoFail(None) | Outcome::Missed | Outcome::Ignored | Outcome::Unattributed(_) => {
            None
        }
        Outcome::Exceeded(part) => panic!("{part:?} of a shipped filter uses up its budget"),
    }
}

#[test]
fn each_line_comes_to_what_it_says() {
    let mut wrong = Vec::new();
    for (setting, attempts) in corpus() {
        let mut matcher = Matcher::new(Arc::clone(&setting.filter), TimeZone::UTC);
        for attempt in attempts {
            let expected = attempt.peer.filter(|_| attempt.fails);
            let found = failed(&mut matcher, &attempt.line, setting.journal);
            if found != expected {
                wrong.push(format!("{}\n  yields {found:?}, not {expected:?}", attempt.shown()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whichever jails read it: no line is a failure of another than its peer.
#[test]
fn no_filter_takes_a_line_for_anothers() {
    let mut matchers: Vec<Matcher> =
        shipped().into_iter().map(|filter| Matcher::new(filter, TimeZone::UTC)).collect();
    for (setting, attempts) in corpus() {
        for attempt in attempts.iter().filter(|_| setting.as_shipped) {
            for matcher in &mut matchers {
                alone(matcher, attempt);
            }
        }
    }
}

#[track_caller]
fn alone(matcher: &mut Matcher, attempt: &Attempt) {
    for journal in [true, false] {
        let found = failed(matcher, &attempt.line, journal);
        let own = found.is_none() || found == attempt.peer;
        assert!(own, "{}: {found:?}: {}", matcher.filter().name(), attempt.shown());
    }
}

#[test]
fn the_corpus_is_large_and_has_every_filter() {
    let corpus = corpus();
    let lines: BTreeSet<&[u8]> =
        corpus.iter().flat_map(|(_, attempts)| attempts.iter().map(|a| &a.line[..])).collect();
    assert!(lines.len() >= LINES, "{}", lines.len());
    let tried: BTreeSet<&str> = corpus.iter().map(|(setting, _)| setting.filter.name()).collect();
    let shipped: BTreeSet<&str> = builtin::names().collect();
    assert_eq!(tried, shipped);
    for (setting, attempts) in &corpus {
        assert!(!attempts.is_empty(), "{}", setting.words);
    }
}

/// Whose failure the head of a line is that was too long.
fn failed_by_head(spec: &str, head: &str) -> Option<IpAddr> {
    let mut matcher = Matcher::new(filters().named(spec).unwrap().1, TimeZone::UTC);
    head_of(&mut matcher, head.as_bytes())
}

fn head_of(matcher: &mut Matcher, head: &[u8]) -> Option<IpAddr> {
    match matcher.read_head(head, now()) {
        Outcome::Failure(found) => Some(found.address),
        _ => None,
    }
}

/// Wherever a line of the corpus is cut, what is left names nobody else.
#[test]
fn no_cut_of_any_line_chooses_another() {
    let mut told = 0;
    for (setting, attempts) in corpus() {
        let mut matcher = Matcher::new(Arc::clone(&setting.filter), TimeZone::UTC);
        for attempt in attempts {
            for end in 0..attempt.line.len() {
                let found = head_of(&mut matcher, &attempt.line[..end]);
                let own = found.is_none() || found == attempt.peer;
                assert!(own, "cut at {end}: {found:?}: {}", attempt.shown());
                told += usize::from(found.is_some());
            }
        }
    }
    assert!(told > 0, "heads tell nothing at all");
}

/// httpd takes headers of 8 KiB, as many of one name as it is sent, and writes four bytes for one
/// that it escapes: else whoever sends enough of them would never be seen.
#[test]
fn nobody_hides_behind_headers_that_are_too_long() {
    let head = r#"198.51.100.7 - - [22/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" 404 5 ""#;
    let line = head.to_owned() + &r"\xff".repeat(16_000);
    for filter in ["http-get-dos", "httpd-404"] {
        assert_eq!(failed_by_head(filter, &line), "198.51.100.7".parse().ok(), "{filter}");
    }
    assert_eq!(failed_by_head("httpd-404", &head.replace("404 5", "4")), None, "no status");
}

/// Who may choose where a line is cut may choose what stands at its end.
#[test]
fn a_cut_chooses_nobody() {
    let forged = "Failed password for invalid user x from 203.0.113.9 port 22 ssh2";
    let line = format!("Nov 22 10:00:00 host sshd[812]: {forged}");
    assert!(
        failed(
            &mut Matcher::new(filters().named("sshd").unwrap().1, TimeZone::UTC),
            line.as_bytes(),
            false
        )
        .is_some()
    );
    assert_eq!(failed_by_head("sshd[mode=aggressive]", &line), None);
}
