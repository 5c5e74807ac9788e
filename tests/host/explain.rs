//! `gaoler explain`: why somebody is banned, or is not, by what the log really said of him.

use anyhow::{Context, Result};

use crate::client::{Client, Outcome, WRONG};
use crate::host::{Host, SOON};
use crate::hostile::AS_SSHD;
use crate::observe::await_ban;

const ADDRESS: &str = "192.0.2.134";

/// What an attacker would have an operator's terminal do.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}";

/// A user name full of escapes, by the real sshd and once more as journald can carry it raw: the
/// failures, the ban, its trace in the journal and its end are explained, and nothing raw is printed.
pub(crate) fn a_ban_and_its_end(host: &Host) -> Result<()> {
    host.settle()?;
    let unknown = explain(host)?;
    assert!(unknown.contains(&format!("{ADDRESS} is not banned, and no failure")), "{unknown}");

    let message = format!("Failed password for invalid user {ESCAPES} from {ADDRESS} port 4 ssh2");
    let mut entry = b"SYSLOG_IDENTIFIER=sshd\nPRIORITY=6\nMESSAGE\n".to_vec();
    entry.extend_from_slice(&(message.len() as u64).to_le_bytes());
    entry.extend_from_slice(message.as_bytes());
    entry.extend_from_slice(b"\n\n");
    host.feed(AS_SSHD, &entry)?;
    let counted = host.until("the first failure is explained", SOON, || {
        let told = explain(host)?;
        Ok(told.contains("is not banned by sshd yet").then_some(told))
    })?;
    assert!(counted.contains("1 failure within 30s, where 2 are too many"), "{counted}");
    assert!(counted.contains(r"\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}"), "{counted}");

    let settings = tempfile::NamedTempFile::new()?;
    // ssh(1) checks the names that are typed, and not those of its configuration.
    std::fs::write(settings.path(), format!("User \"x{ESCAPES}\"\n"))?;
    assert_ne!(Client::at(host, ADDRESS).ssh_by(settings.path(), WRONG)?, Outcome::Served);
    await_ban(host, "sshd", ADDRESS, true)?;
    host.await_rule(ADDRESS, 22, true)?;
    let banned = host.until("the ban is said to be enforced", SOON, || {
        let told = explain(host)?;
        Ok(told.contains("firewall  has the ban: it is enforced").then_some(told))
    })?;
    for says in [
        &format!("{ADDRESS} is banned by sshd, until "),
        "2 failures within 30s",
        "filter    sshd: ",
        "<F-USER>",
        "journal:_SYSTEMD_UNIT=sshd.service",
        "Failed password for invalid user",
        "banned (detected), 2 of 2 failures",
    ] {
        assert!(banned.contains(says), "{says} in:\n{banned}");
    }
    let trace = trace_is_in_the_journal(host)?;
    assert!(banned.contains(&trace), "{trace} in:\n{banned}");

    for (user, code) in [("watcher", 0), ("mallory", 1)] {
        let ran = host.gaoler_as(user, &["explain", ADDRESS])?;
        assert_eq!(ran.code, code, "{user}: {}{}", ran.stdout, ran.stderr);
    }
    host.gaoler_ok(&["unban", ADDRESS])?;
    let past = host.until("the ban is remembered", SOON, || {
        let told = explain(host)?;
        Ok(told.contains("Earlier bans").then_some(told))
    })?;
    for says in ["ended: manual", &trace, "What the last of them rested on:", "owned"] {
        assert!(past.contains(says), "{says} in:\n{past}");
    }
    Ok(())
}

/// The page for people, of which nothing may move a terminal's cursor.
fn explain(host: &Host) -> Result<String> {
    let told = host.gaoler_ok(&["explain", ADDRESS])?;
    let raw = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!told.contains(raw), "{told:?}");
    Ok(told)
}

/// The trace of the ban, by which the journal has what was said of its failures and of itself.
fn trace_is_in_the_journal(host: &Host) -> Result<String> {
    let json = host.gaoler_ok(&["explain", ADDRESS, "--format", "json"])?;
    assert!(!json.trim_end().contains(char::is_control), "{json:?}");
    let json: serde_json::Value = serde_json::from_str(&json)?;
    let sshd =
        json["jails"].as_array().context("jails")?.iter().find(|jail| jail["jail"] == "sshd");
    let ban = &sshd.context("sshd")?["bans"][0];
    assert_eq!(ban["records"][0]["user"], ESCAPES, "the JSON has it as it was: {ban}");
    let trace = ban["trace_id"].as_str().context("a trace")?.to_owned();
    let by_trace = format!("journalctl --sync; journalctl -q -o cat GAOLER_TRACE_ID={trace}");
    let logged = host.sh(&by_trace)?;
    let found = format!("[sshd] Found {ADDRESS} - ");
    // An unknown user may draw one message more.
    assert!(logged.lines().filter(|line| line.starts_with(&found)).count() >= 2, "{logged}");
    assert!(logged.lines().any(|line| line == format!("[sshd] Ban {ADDRESS}")), "{logged}");
    Ok(trace)
}

/// A drop-in, as docs/explain.md has it.
const AS_FAIL2BAN: &str = "\
[Service]
Environment=GAOLER_LOG_FORMAT=fail2ban
StandardOutput=append:/var/log/gaoler.log
";

/// The unit told to write a log as fail2ban's does so; without the drop-in the journal has its fields again.
pub(crate) fn a_log_in_fail2bans_layout(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.135";
    host.settle()?;
    let drop_in = "/etc/systemd/system/gaoler.service.d/99-log.conf";
    host.feed(&format!("mkdir -p $(dirname {drop_in}); cat >{drop_in}"), AS_FAIL2BAN.as_bytes())?;
    host.sh("systemctl daemon-reload; systemctl restart gaoler")?;
    let client = Client::at(host, ADDRESS);
    for _ in 0..2 {
        assert_eq!(client.ssh("root", WRONG)?, Outcome::Denied);
    }
    await_ban(host, "sshd", ADDRESS, true)?;
    let line = |logger: &str, level: &str, message: &str| {
        let stamp = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}";
        format!(
            r"^{stamp},[0-9]{{3}} fail2ban\.{logger:<15}\[[0-9]+\]: {level:<7} \[sshd\] {message}"
        )
    };
    let ban = line("actions", "NOTICE", &format!("Ban {ADDRESS}$"));
    let found = line("filter", "INFO", &format!("Found {ADDRESS} - "));
    for (pattern, times) in [(ban, "1\n"), (found, "2\n")] {
        let counted = host.sh(&format!("grep -cE '{pattern}' /var/log/gaoler.log"))?;
        assert_eq!(counted, times, "{pattern} in\n{}", host.sh("cat /var/log/gaoler.log")?);
    }
    host.sh(&format!("rm {drop_in}; systemctl daemon-reload; systemctl restart gaoler"))?;
    host.gaoler_ok(&["unban", ADDRESS])?;
    Ok(())
}
