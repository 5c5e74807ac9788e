//! The verb over small logs, as its users see it.

use std::io::Read;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: TestArgs,
}

fn args(words: &[&str]) -> TestArgs {
    Line::try_parse_from([&["test"], words].concat()).map(|line| line.args).unwrap()
}

const LOG: &str = "\
Nov 22 10:00:00 host sshd[812]: Failed password for root from 198.51.100.7 port 52502 ssh2
Nov 22 10:00:01 host sshd[813]: Invalid user \x1b\"x from 198.51.100.7 port 52503
Nov 22 10:00:02 host sshd[813]: Failed password for invalid user \x1b\"x from 198.51.100.7 port 52503 ssh2
Nov 22 10:00:03 host cron[1]: \x1b[2Jhello
";

/// What the verb prints of a log.
fn printed(words: &[&str], log: &str) -> String {
    let args = args(&[words, &["-"]].concat());
    let filter = filter(&args).unwrap();
    let zone = zone(args.timezone.as_deref()).unwrap();
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut matcher = Matcher::new(Arc::clone(&filter), zone.clone());
    let mut out = Vec::new();
    let input = input::Input::Text(Box::new(io::Cursor::new(log.to_owned())), args.logtype);
    match args.format {
        Format::Human => {
            let shown = Shown { print: args.print, colour: false };
            let report = Human::new(&mut out, &filter, shown);
            input.read(&mut matcher, now, report).unwrap();
        }
        Format::Json => {
            let report = Json::new(&mut out, zone, &filter, args.print);
            input.read(&mut matcher, now, report).unwrap();
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_report_for_people() {
    let report = printed(&["--filter", "sshd", "--timezone", "UTC", "--print-all-matched"], LOG);
    let (report, rest) = report.split_once("[processed in").unwrap();
    assert_eq!(
        report,
        r#"failure #5 198.51.100.7 user="root" Nov 22 10:00:00 host sshd[812]: Failed password for root from 198.51.100.7 port 52502 ssh2
failure #1 198.51.100.7 user="\u{1b}"x" Nov 22 10:00:01 host sshd[813]: Invalid user \u{1b}"x from 198.51.100.7 port 52503
nofail  #5 198.51.100.7 user="\u{1b}"x" Nov 22 10:00:02 host sshd[813]: Failed password for invalid user \u{1b}"x from 198.51.100.7 port 52503 ssh2

Failregex: 3 total
|-  #) [# of hits] regular expression
|   1) [1] ^Invalid user <F-USER>.*</F-USER> from <ADDR> port \d+(?: \[preauth\])?$
|   5) [2] ^Failed (?:password|keyboard-interactive(?:/[a-z]+)?) for (?:invalid user )?<F-USER>.*</F-USER> from <ADDR> port \d+ ssh2(?: \[preauth\])?$
`-

Ignoreregex: 0 total

Date template hits:
|- [# of hits] date format
|  [4] Month Day Hour:Minute:Second
`-

Failures: 2 by 1 address
|- [# of failures] address
|  [2] 198.51.100.7
`-

Lines: 4 lines, 0 ignored, 3 matched, 1 missed; 1 matched but not counted
"#
    );
    let missed = "\n\nMissed line(s):\n|  Nov 22 10:00:03 host cron[1]: \\u{1b}[2Jhello\n`-\n";
    assert!(rest.ends_with(missed), "{rest}");
}

#[test]
fn one_object_a_line() {
    let words = ["--filter", "sshd", "--timezone", "Europe/Zurich", "--format", "json"];
    assert_eq!(
        printed(&words, LOG),
        r#"{"line": 1, "outcome": "failure", "host": "198.51.100.7", "id": "198.51.100.7", "time": "2026-11-22T10:00:00", "pattern": 4, "groups": {"user": "root", "ip4": "198.51.100.7", "session": "812"}}
{"line": 2, "outcome": "failure", "host": "198.51.100.7", "id": "198.51.100.7", "time": "2026-11-22T10:00:01", "pattern": 0, "groups": {"user": "\u001b\"x", "ip4": "198.51.100.7", "session": "813"}}
{"line": 3, "outcome": "nofail", "host": "198.51.100.7", "id": "198.51.100.7", "time": "2026-11-22T10:00:02", "pattern": 4, "groups": {"user": "\u001b\"x", "ip4": "198.51.100.7", "session": "813"}}
{"line": 4, "outcome": "missed"}
"#
    );
}

#[test]
fn a_journals_lines_have_no_date() {
    let log = "host sshd[1]: Invalid user x from ::1 port 1\n";
    let words = ["--filter", "sshd", "--timezone", "UTC", "--format", "json"];
    let journal = printed(&[&words[..], &["--logtype", "journal"]].concat(), log);
    assert!(journal.contains(r#""time": "2026-11-22T12:00:00""#), "{journal}");
    assert!(!printed(&words, log).contains("time"));
}

#[test]
fn a_journals_export_has_its_own_times() {
    let log = "__REALTIME_TIMESTAMP=1795341600000000\n_UID=0\n_HOSTNAME=h\nSYSLOG_IDENTIFIER=sshd\n\
               _PID=7\nMESSAGE=Invalid user x from ::1 port 1\n\n_UID=0\nMESSAGE=y\n";
    let words =
        ["--filter", "sshd", "--timezone", "UTC", "--format", "json", "--logtype", "export"];
    let told = printed(&words, log);
    assert!(told.contains(r#""outcome": "failure", "host": "::1""#), "{told}");
    assert!(told.contains(r#""time": "2026-11-22T10:00:00""#), "{told}");
    assert!(told.ends_with("{\"line\": 2, \"outcome\": \"missed\"}\n"), "{told}");
}

#[test]
fn a_failregex_is_a_filter() {
    let report = printed(&["--filter", "^bad <ADDR>$", "--format", "json"], "bad ::1\nbad\n");
    assert_eq!(
        report,
        "{\"line\": 1, \"outcome\": \"failure\", \"host\": \"::1\", \"id\": \"::1\", \"pattern\": 0, \
         \"groups\": {\"ip6\": \"::1\"}}\n{\"line\": 2, \"outcome\": \"missed\"}\n"
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let refusal = |words: &[&str]| filter(&args(words)).unwrap_err().to_string();
    let none = refusal(&["--filter", "sshd", "--fail2ban-dir", "/nonexistent", "-"]);
    assert!(none.contains("/nonexistent"), "{none}");
    assert!(refusal(&["--filter", "shd", "-"]).contains("did you mean `sshd`?"));
    assert!(refusal(&["--filter", "from <DNS>", "-"]).contains("use `<ADDR>`"));
    assert!(zone(Some("Mars/Base")).unwrap_err().to_string().contains("--timezone Mars/Base"));
    assert!(input::open(Path::new("/nonexistent"), LogType::File, &[]).is_err());
}

#[test]
fn a_line_that_uses_up_a_regexs_steps_is_shown_as_such() {
    let costly = r"^(?:\w+(?! nobody)\s?)+(?<!failed) from <ADDR>$";
    let log = format!("{} failed from ::1\na from ::1\nb\n", "a".repeat(60));
    let json = printed(&["--filter", costly, "--format", "json"], &log);
    let mut lines = json.lines();
    let exceeded = r#"{"line": 1, "outcome": "exceeded", "regex": "failregex 1"}"#;
    assert_eq!(lines.next(), Some(exceeded));
    assert!(lines.next().unwrap().contains(r#""outcome": "failure""#));
    assert_eq!(lines.next(), Some(r#"{"line": 3, "outcome": "missed"}"#));
    let human = printed(&["--filter", costly], &log);
    assert!(human.starts_with("exceeded failregex 1 aaaaa"), "{human}");
    let counts = "Lines: 3 lines, 0 ignored, 1 matched, 1 missed; 1 used up a regex's steps: what they \
                  are nobody knows\n";
    assert!(human.contains(counts), "{human}");
}

#[test]
fn a_line_missed_shows_the_part_of_a_pattern_that_it_fails_at() {
    let log = "Failed password for root from 198.51.100.7 port none\n";
    let report = printed(&["--filter", "^Failed \\w+ for .* from <ADDR> port \\d+$"], log);
    let near = "\
Missed line(s):
|  Failed password for root from 198.51.100.7 port none
|    failregex 1 fits: ^Failed \\w+ for .* from <ADDR> port\u{20}
|      and then not: \\d+
|      where the line has: none
`-
";
    assert!(report.ends_with(near), "{report}");
    let none = printed(&["--filter", "^x <ADDR>$", "--print-no-missed"], log);
    assert!(!none.contains("Missed"), "{none}");
    let words = ["--filter", "^Failed \\w+ <ADDR>$", "--format", "json", "--near-misses"];
    let told: serde_json::Value = serde_json::from_str(&printed(&words, log)).unwrap();
    assert_eq!(told["near_miss"]["fails"], "<ADDR>");
    assert_eq!(told["near_miss"]["at"], 16);
}

#[test]
fn a_summary_counts_all() {
    let words =
        ["--filter", "sshd", "--timezone", "UTC", "--format", "json", "--summary", "--times"];
    let printed = printed(&words, LOG);
    let last = printed.lines().last().unwrap();
    let summary = &serde_json::from_str::<serde_json::Value>(last).unwrap()["summary"];
    assert_eq!(summary["lines"], 4);
    assert_eq!(summary["matched"], 3);
    assert_eq!(summary["nofail"], 1);
    assert_eq!(summary["failregex"][4]["hits"], 2);
    assert!(summary["failregex"][4]["nanoseconds"].is_u64());
    assert_eq!(summary["dates"][0]["hits"], 4);
    assert_eq!(summary["failures"]["198.51.100.7"], 2);
}

#[test]
fn a_line_may_be_given_as_such() {
    let line = Path::new("Nov 22 10:00:00 host sshd[1]: a line");
    let mut text = String::new();
    let opened = input::open(line, LogType::File, &[]).unwrap();
    let input::Input::Text(mut reader, ..) = opened else { panic!("a journal") };
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(Path::new(&text), line);
}
