//! A filter whose regex backtracks, and an attacker who knows it: the line that uses up the regex's steps
//! is counted and told of, and gaoler goes on.

use anyhow::Result;

use crate::host::{Host, SEED, SOON};
use crate::observe::{await_ban, await_metric};

const LOG: &str = "/var/log/words.log";

/// Words, none of them before "nobody", and not "failed" at their end: to a line that ends so there are as
/// many ways as there are ways to cut its words.
const FILTER: &str = r"failregex: '^\s*(?:\w+(?! nobody)\s?)+(?<!failed) from <ADDR>$'
";

const JAIL: &str = "
  words:
    filter: words
    logpath: [/var/log/words.log]
    maxretry: 2
    findtime: 1h
    bantime: 1h
    port: [8025]
";

pub(crate) fn a_costly_line_is_told(host: &Host) -> Result<()> {
    const EXCEEDED: &str = "gaoler_filter_budget_exceeded_total";
    host.settle()?;
    host.feed("cat >/etc/gaoler/filters/words.yaml", FILTER.as_bytes())?;
    host.sh(&format!("install -m 0644 /dev/null {LOG}"))?;
    host.configure(&format!("{SEED}{JAIL}"))?;
    host.gaoler_ok(&["reload"])?;
    let failregex = [("jail", "words"), ("regex", "failregex")];
    await_metric(host, EXCEEDED, &failregex, |is| is.abs() < 0.1)?;
    let (_, cursor) = host.journal(None)?;

    let costly = "a".repeat(40);
    let line =
        |words: &str, address: &str| format!("date '+%FT%T%z {words} from {address}' >>{LOG}");
    host.sh(&line("all went wrong", "192.0.2.198"))?;
    for _ in 0..3 {
        host.sh(&line(&format!("{costly} failed"), "203.0.113.9"))?;
    }
    await_metric(host, EXCEEDED, &failregex, |is| (is - 3.0).abs() < 0.1)?;
    host.until("the lines are told of", SOON, || {
        let told = host.journal(Some(&cursor))?.0;
        let told = told.matches("[words] failregex 1 used up its steps").count();
        Ok((told == 3).then_some(()))
    })?;
    // It goes on where it was: the failure before counts with the one after.
    host.sh(&line("all went wrong", "192.0.2.198"))?;
    let status = await_ban(host, "words", "192.0.2.198", true)?;
    assert!(!status.bans("203.0.113.9"), "{}", status.text);
    assert!(
        host.gaoler_ok(&["check", "-v"])?
            .contains("words, failregex 1: backtracks, for look-around")
    );
    let tried = host.gaoler_ok(&["test", "--filter", "words", "--format", "json", LOG])?;
    assert_eq!(tried.matches(r#""outcome": "exceeded""#).count(), 3, "{tried}");

    host.configure(SEED)?;
    host.gaoler_ok(&["unban", "192.0.2.198"])?;
    host.gaoler_ok(&["reload"])?;
    host.sh(&format!("rm {LOG} /etc/gaoler/filters/words.yaml"))?;
    Ok(())
}
