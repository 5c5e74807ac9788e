//! What is found chunk by chunk, together, is what each finds by itself, line by line.

use std::path::Path;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::super::lines::{LIMIT, Line, Lines, Passed, Reader};
use super::*;
use crate::config::{builtin, filter_file};
use crate::filter::{Definition, Filter, Matcher, NORMAL};
use crate::moment::Boot;
use crate::record::exhibit::{MOST_TEXT, MOST_USER};

/// Filters that are tried together: shipped ones, and such as nothing is known of.
fn filters() -> Vec<Arc<Filter>> {
    let mut filters = Vec::new();
    for name in ["sshd", "pam", "postfix", "http-get-dos", "httpd-404", "mariadb"] {
        let yaml = builtin::yaml(name).unwrap();
        let definition = filter_file::parse(name, Path::new(name), yaml.as_bytes()).unwrap();
        filters.push(Filter::compile(&definition, NORMAL).unwrap());
    }
    let own = [
        (r#"^<HOST> -.*"(GET|HEAD).*"#, None, None),
        ("(?i)refused by <ADDR>", Some("refused by 192"), None),
        ("<ADDR>", None, Some("{NONE}")),
        ("^bad (?!luck).* <ADDR>$", None, None),
        ("^x (?:a+)+(?<!b)$|^from <ADDR>", Some("(?!x)^no"), None),
    ];
    for (failregex, ignoreregex, datepattern) in own {
        let definition = Definition {
            failregex: vec![failregex.to_owned()],
            ignoreregex: ignoreregex.map(str::to_owned).into_iter().collect(),
            datepattern: datepattern.map(str::to_owned),
            ..Definition::default()
        };
        filters.push(Filter::compile(&definition, NORMAL).unwrap());
    }
    filters.into_iter().map(Arc::new).collect()
}

fn listeners(filters: &[Arc<Filter>], chosen: &[usize]) -> Vec<Listener> {
    let listener = |(place, number): (usize, &usize)| Listener {
        jail: JailName::new(&format!("jail{place}")),
        filter: Arc::clone(&filters[number % filters.len()]),
        time_zone: TimeZone::UTC,
    };
    chosen.iter().enumerate().map(listener).collect()
}

const READ: Moment = Moment { wall: Timestamp::UNIX_EPOCH, boot: Boot(jiff::SignedDuration::ZERO) };

/// The shortest way from lines to findings: each matcher by itself sees each line.
struct Oracle {
    matchers: Vec<Matcher>,
    findings: Vec<String>,
    tally: Tally,
}

impl Oracle {
    fn line(&mut self, line: &Line<'_>) {
        let text = match line {
            Line::Text(text) | Line::Oversized(text) => *text,
        };
        match line {
            Line::Oversized(_) => self.tally.oversized += 1,
            Line::Text(_) => {
                self.tally.records += 1;
                self.tally.bytes += text.len() as u64;
            }
        }
        for (listener, matcher) in self.matchers.iter_mut().enumerate() {
            let outcome = match line {
                Line::Text(_) => matcher.read(Record { time: None, text }, READ.wall),
                Line::Oversized(_) => matcher.read_head(text, READ.wall),
            };
            match outcome {
                Outcome::Failure(found) => {
                    let at = found.time.unwrap_or(READ.wall);
                    let user = found.user.map(|user| user[..user.len().min(MOST_USER)].to_vec());
                    self.tally.last_record = self.tally.last_record.max(found.time);
                    self.tally.date_errors[listener] += u64::from(found.time.is_none());
                    let cut = &text[..text.len().min(MOST_TEXT)];
                    let found = (listener, found.pattern, found.address, at, cut, user);
                    self.findings.push(format!("{found:?}"));
                }
                Outcome::Ignored => self.tally.ignored[listener] += 1,
                Outcome::Unattributed(_) => self.tally.unattributed[listener] += 1,
                Outcome::Missed | Outcome::NoFail(_) | Outcome::Exceeded(_) => {}
            }
            if let Some(part) = matcher.exceeded() {
                let overruns = self.tally.overruns.get_or_insert_default();
                overruns.counts.resize(self.tally.ignored.len(), Default::default());
                overruns.counts[listener][part.index()] += 1;
            }
        }
    }
}

/// The way that a source takes.
struct Source(Matching);

impl Reader for Source {
    fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        self.0.next(chunk, from)
    }

    fn line(&mut self, line: Line<'_>) {
        match line {
            Line::Text(text) => self.0.read_next(text, READ),
            Line::Oversized(head) => {
                self.0.tally().oversized += 1;
                self.0.read_head(head, READ);
            }
        }
    }

    fn passed(&mut self, passed: Passed) {
        self.0.pass(passed.lines, passed.bytes);
    }
}

fn counts(tally: &Tally) -> String {
    let counts = tally.overruns.as_ref().map(|overruns| &overruns.counts);
    format!(
        "{} {} {:?} {:?} {:?} {} {:?} {counts:?}",
        tally.records,
        tally.bytes,
        tally.ignored,
        tally.unattributed,
        tally.date_errors,
        tally.oversized,
        tally.last_record
    )
}

/// Reads a log in chunks of `size`, both ways.
fn check(
    filters: &[Arc<Filter>],
    chosen: &[usize],
    log: &[u8],
    size: usize,
) -> Result<(), TestCaseError> {
    let listeners = listeners(filters, chosen);
    let new = |listener: &Listener| Matcher::new(Arc::clone(&listener.filter), TimeZone::UTC);
    let tally = empty_tally(listeners.len());
    let matchers = listeners.iter().map(new).collect();
    let mut oracle = Oracle { matchers, findings: Vec::new(), tally };
    let mut source = Source(Matching::new(listeners));
    let (mut cut, mut scanned) = (Lines::default(), Lines::default());
    let (mut offset, mut end) = (0, 0);
    while end < log.len() {
        end = log.len().min(end + size);
        let chunk = &log[offset..end];
        let by_line = cut.cut(chunk, |line| oracle.line(&line));
        prop_assert_eq!(scanned.scan(chunk, &mut source), by_line);
        source.0.looked_through();
        offset += by_line.consumed;
    }
    let (found, tally) = source.0.take(false);
    let findings: Vec<String> = found
        .failures
        .iter()
        .map(|finding| {
            let user = finding.user.map(|user| found.excerpts.get(user).to_vec());
            let Failure { address, time } = finding.failure;
            let text = found.excerpts.get(finding.text);
            format!(
                "{:?}",
                (usize::from(finding.listener), finding.pattern, address, time, text, user)
            )
        })
        .collect();
    prop_assert_eq!(findings, oracle.findings);
    prop_assert_eq!(counts(&tally), counts(&oracle.tally));
    Ok(())
}

/// Pieces of lines, as logs have them and as somebody might write them.
const PIECES: [&str; 32] = [
    "Nov 22 10:00:00 host sshd[812]: Failed password for root from 198.51.100.7 port 4242 ssh2",
    "Nov 22 10:00:01 host sshd[812]: Invalid user x from 198.51.100.8 port 4242",
    "Nov 22 10:00:01 host sshd[813]: Accepted password for x from 198.51.100.8 port 4242 ssh2",
    "host sshd[812]: Failed 2026-11-22 10:00:00password for root from 198.51.100.7 port 4242 ssh2",
    "Nov 22 10:00:02 host login[1]: pam_unix(login:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 ruser= rhost=198.51.100.9  user=root",
    "Nov 22 10:00:02 host sshd[1]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=198.51.100.9  user=root",
    "Nov 22 10:00:03 host postfix/smtpd[9]: warning: non-SMTP command from unknown[198.51.100.10]: GET / HTTP/1.1",
    "198.51.100.11 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 404 10 \"-\" \"-\"",
    "198.51.100.11 - - [22/Nov/2026:10:00:00 +0000] \"POST / HTTP/1.1\" 200 10 \"-\" \"-\"",
    "2001:db8::1 - x [22/Nov/2026:10:00:01 +0000] \"HEAD /404 HTTP/1.1\" 200 10",
    "host.example - - [22/Nov/2026:10:00:01 +0000] \"GET / HTTP/1.1\" 404 10",
    "2026-11-22 10:00:00 7 [Warning] Access denied for user 'root'@'198.51.100.12' (using password: YES)",
    "reFused by 192.0.2.1",
    "refused by 198.51.100.13",
    "refu2026-11-22 10:00:00sed by 198.51.100.13",
    "refused 22/Nov/2026:10:00:00by 198.51.100.13",
    "bad luck 192.0.2.1",
    "bad day 192.0.2.2",
    "from 192.0.2.3",
    "no from 192.0.2.4",
    "x aaaaaaaaaaaaaaaaaaaaaaaaab",
    "\u{0}",
    "\r",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\n",
    "\u{0}\u{0}\n",
    " ",
    "\u{ff}",
    "Nov 22 10:00:05 ",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_chunk_tells_what_its_lines_tell(
        chosen in prop::collection::vec(0..11usize, 1..6),
        pieces in prop::collection::vec((0..PIECES.len(), 1..4usize), 0..60),
        long in prop::option::of((0..60usize, LIMIT - 10..2 * LIMIT)),
        size in 1..4000usize,
    ) {
        thread_local!(static FILTERS: Vec<Arc<Filter>> = filters());
        let mut log = Vec::new();
        for (number, (piece, times)) in pieces.iter().enumerate() {
            log.extend(PIECES[*piece].repeat(*times).bytes());
            if PIECES[*piece].len() > 20 && piece % 5 != 0 {
                log.push(b'\n');
            }
            if let Some((_, length)) = long.filter(|(at, _)| *at == number) {
                log.extend(b"y".repeat(length));
            }
        }
        FILTERS.with(|filters| check(filters, &chosen, &log, size))?;
    }
}

#[test]
fn those_who_read_alike_are_told_alike() {
    let filters = filters();
    let log = [PIECES[0], PIECES[7], PIECES[1], ""].join("\n");
    check(&filters, &[0, 3, 0, 1, 0, 0], log.as_bytes(), 4096).unwrap();
    let mut matching = Matching::new(listeners(&filters, &[0, 3, 0]));
    matching.read(Record { time: None, text: PIECES[0].as_bytes() }, READ);
    let (found, _) = matching.take(false);
    let told: Vec<u16> = found.failures.iter().map(|finding| finding.listener).collect();
    assert_eq!(told, [0, 2]);
}

#[test]
fn room_comes_back_while_there_is_more_to_read_and_not_at_rest() {
    let mut matching = Matching::new(listeners(&filters(), &[0]));
    let record = Record { time: None, text: PIECES[0].as_bytes() };
    matching.read(record, READ);
    let (out, _) = matching.take(true);
    let place = out.failures.as_ptr();
    drop(out);
    // The batch in hand has room of its own; the next one gets what came back.
    matching.read(record, READ);
    drop(matching.take(true));
    matching.read(record, READ);
    let (out, _) = matching.take(true);
    assert_eq!(out.failures.as_ptr(), place);
    assert_eq!(out.failures.len(), 1);
    drop(out);
    drop(matching.take(false));
    assert_eq!(matching.found.findings.failures.capacity(), 0);
}
