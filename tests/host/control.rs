//! The control socket: who may what, and what the commands print.

use anyhow::Result;

use crate::host::Host;
use crate::observe::Status;

/// Others nothing, group gaoler may read, gaoler-admin may change; every change is logged.
pub(crate) fn who_may_what(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.130";
    host.settle()?;
    let (_, cursor) = host.journal(None)?;
    let ban: &[&str] = &["ban", "sshd", ADDRESS];

    for (user, args, code) in [
        ("mallory", &["status"][..], 1),
        ("mallory", ban, 1),
        ("watcher", &["status"], 0),
        ("watcher", &["banned"], 0),
        ("watcher", ban, 1),
        ("watcher", &["unban", "--all"], 1),
        ("watcher", &["reload"], 1),
    ] {
        let ran = host.gaoler_as(user, args)?;
        assert_eq!(ran.code, code, "{user} {args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(code == 0 || !ran.stderr.is_empty(), "{user} {args:?} is told nothing");
    }
    assert!(!Status::of(host, "sshd")?.bans(ADDRESS));
    assert!(!host.refuses(ADDRESS, 22)?);

    let ran = host.gaoler_as("warden", ban)?;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "1\n"), "{}", ran.stderr);
    assert!(host.refuses(ADDRESS, 22)?);
    assert_eq!(host.gaoler_as("warden", &["unban", ADDRESS])?.stdout, "1\n");

    let uid = host.sh("id -u warden")?;
    let (messages, _) = host.journal(Some(&cursor))?;
    let logged = messages.lines().filter(|line| line.contains(uid.trim())).count();
    assert!(logged >= 2, "the caller's uid {} with each change in:\n{messages}", uid.trim());
    Ok(())
}

/// `--format json` of every reading verb is JSON that has what the human form has.
pub(crate) fn json_parses(host: &Host) -> Result<()> {
    const ADDRESS: &str = "192.0.2.131";
    host.settle()?;
    host.gaoler_ok(&["ban", "sshd", ADDRESS])?;
    for (args, has) in [
        (&["status"][..], "http-get-dos"),
        (&["status", "sshd"], ADDRESS),
        (&["banned"], ADDRESS),
        (&["banned", "sshd"], ADDRESS),
    ] {
        let text = host.gaoler_ok(&[args, &["--format", "json"]].concat())?;
        let json: serde_json::Value = serde_json::from_str(&text)?;
        assert!(json.to_string().contains(has), "{has} in gaoler {args:?}: {text}");
    }
    host.gaoler_ok(&["unban", ADDRESS])?;
    Ok(())
}

/// Exit codes and errors: 1 refused, 2 usage, and what was wrong by name.
pub(crate) fn errors_say_what_to_do(host: &Host) -> Result<()> {
    host.settle()?;
    for (args, code, says) in [
        (&["status", "nosuch"][..], 1, "nosuch"),
        (&["ban", "nosuch", "192.0.2.132"], 1, "nosuch"),
        (&["ban", "sshd", "not-an-address"], 2, "not-an-address"),
        (&["ban", "sshd", "127.0.0.1"], 1, "127.0.0.1"),
        (&["ban", "sshd", "192.0.2.199"], 1, "192.0.2.199"),
        (&["check", "--config", "/nonexistent.yaml"], 1, "/nonexistent.yaml"),
        (&["frobnicate"], 2, "frobnicate"),
    ] {
        let ran = host.gaoler(args)?;
        assert_eq!(ran.code, code, "gaoler {args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(says), "`{says}` in what gaoler {args:?} says: {}", ran.stderr);
    }
    assert_eq!(host.gaoler(&["check"])?.code, 0);
    host.sh("systemctl stop gaoler")?;
    let ran = host.gaoler(&["status"])?;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("/run/gaoler/gaoler.sock"), "{}", ran.stderr);
    host.settle()
}
