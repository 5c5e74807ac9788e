//! The trees that `gaoler status` prints, as `fail2ban-client status` does.
//!
//! Scripts parse these: the labels, the tabs and the order are fail2ban's. Ours are the two lines
//! on enforcement, which fail2ban does not know.

use std::fmt::Write;

use super::ask::local;
use crate::control::api::{BreakerStatus, JailStatus, OriginStatus, Status};

/// `gaoler status`: the jails.
#[must_use]
pub(super) fn overview(status: &Status) -> String {
    let names: Vec<&str> = status.jails.iter().map(|jail| jail.name.as_str()).collect();
    let coverage = status.enforcement.coverage.as_ref();
    let coverage = coverage.map(|coverage| format!("|- Enforcement:\t{}\n", coverage.summary));
    format!(
        "Status\n|- Number of jail:\t{}\n{}`- Jail list:\t{}\n",
        status.jails.len(),
        coverage.unwrap_or_default(),
        names.join(", ")
    )
}

/// `gaoler status JAIL`: one jail's numbers.
#[must_use]
pub(super) fn jail(jail: &JailStatus) -> String {
    let (filter, actions) = (&jail.filter, &jail.actions);
    let origin = match &filter.origin {
        OriginStatus::JournalMatches(matches) => format!("Journal matches:\t{matches}"),
        OriginStatus::FileList(files) => format!("File list:\t{}", files.join(" ")),
        OriginStatus::Bans(bans) => format!("Counts:\t{bans}"),
    };
    let mut tree = format!("Status for the jail: {}\n", jail.name);
    let mut lines = vec![
        "|- Filter".to_owned(),
        format!("|  |- Currently failed:\t{}", filter.currently_failed),
        format!("|  |- Total failed:\t{}", filter.total_failed),
        format!("|  `- {origin}"),
        "`- Actions".to_owned(),
        format!("   |- Currently banned:\t{}", actions.currently_banned),
        format!("   |- Total banned:\t{}", actions.total_banned),
        format!("   |- Enforced:\t{}", actions.enforced),
        format!("   |- Pending:\t{}", actions.pending),
        format!("   `- Banned IP list:\t{}", actions.banned.join(" ")),
    ];
    if jail.dry_run {
        let would = format!("   |- Would be banned:\t{}", actions.would_ban.join(" "));
        lines.insert(lines.len() - 1, would);
    }
    for line in lines {
        writeln!(tree, "{line}").expect("a String takes all");
    }
    tree
}

/// What is wrong, a line each: for standard error, beside the tree.
#[must_use]
pub(super) fn troubles(status: &Status) -> Vec<String> {
    let enforcement = &status.enforcement;
    let firewall = (!enforcement.up).then(|| {
        format!("bans are not enforced ({}): {}", enforcement.backend, enforcement.condition)
    });
    let sources = status.sources.iter().filter(|source| !source.up).map(|source| {
        let trouble = source.trouble.as_deref().unwrap_or("not yet opened");
        format!("{} is not read: {trouble}", source.name)
    });
    let watching = status.jails.iter().flat_map(watching);
    firewall.into_iter().chain(sources).chain(watching).collect()
}

/// Why a jail bans nobody new, and what to do about it.
fn watching(jail: &JailStatus) -> Vec<String> {
    let name = &jail.name;
    let breaker = jail.breaker.as_ref().map(|BreakerStatus { since, withheld }| {
        format!(
            "jail {name} only watches: its breaker is open since {}, and has held back {withheld} \
             bans; `gaoler resume {name}` has it ban again",
            local(*since)
        )
    });
    let dry = jail.dry_run.then(|| format!("jail {name} is a dry run: it bans nobody"));
    breaker.into_iter().chain(dry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::api::{ActionsStatus, EnforcementStatus, FilterStatus, SourceStatus};

    fn sshd() -> JailStatus {
        JailStatus {
            name: "sshd".into(),
            filter: FilterStatus {
                currently_failed: 2,
                total_failed: 5,
                origin: OriginStatus::JournalMatches(
                    "_SYSTEMD_UNIT=sshd.service + _COMM=sshd".into(),
                ),
            },
            actions: ActionsStatus {
                currently_banned: 2,
                total_banned: 3,
                enforced: 1,
                pending: 1,
                banned: vec!["192.0.2.7".into(), "2001:db8::7".into()],
                would_ban: Vec::new(),
            },
            dry_run: false,
            breaker: None,
        }
    }

    fn status() -> Status {
        let mut access = sshd();
        access.name = "http-get-dos".into();
        access.filter.origin = OriginStatus::FileList(vec!["/var/log/httpd/access_log".into()]);
        access.actions.banned.clear();
        Status {
            version: "0.1.0".into(),
            enforcement: EnforcementStatus {
                backend: "firewalld".into(),
                up: true,
                condition: "ready".into(),
                coverage: None,
            },
            sources: vec![SourceStatus {
                name: "/var/log/httpd/access_log".into(),
                up: true,
                caught_up: true,
                last_record: None,
                trouble: None,
            }],
            jails: vec![access, sshd()],
        }
    }

    #[test]
    fn the_jails_are_listed() {
        let expected = "Status\n|- Number of jail:\t2\n`- Jail list:\thttp-get-dos, sshd\n";
        assert_eq!(overview(&status()), expected);
    }

    #[test]
    fn a_jails_tree_is_fail2bans_and_says_what_is_enforced() {
        let expected = "\
Status for the jail: sshd
|- Filter
|  |- Currently failed:\t2
|  |- Total failed:\t5
|  `- Journal matches:\t_SYSTEMD_UNIT=sshd.service + _COMM=sshd
`- Actions
   |- Currently banned:\t2
   |- Total banned:\t3
   |- Enforced:\t1
   |- Pending:\t1
   `- Banned IP list:\t192.0.2.7 2001:db8::7
";
        assert_eq!(jail(&sshd()), expected);
    }

    #[test]
    fn a_log_files_jail_lists_its_files_and_nobody_banned() {
        let tree = jail(&status().jails[0]);
        assert!(tree.contains("\n|  `- File list:\t/var/log/httpd/access_log\n"), "{tree}");
        assert!(tree.ends_with("\n   `- Banned IP list:\t\n"), "{tree}");
    }

    #[test]
    fn a_dry_run_says_whom_it_would_ban() {
        let mut sshd = sshd();
        sshd.dry_run = true;
        sshd.actions.would_ban = std::mem::take(&mut sshd.actions.banned);
        let expected = "   |- Would be banned:\t192.0.2.7 2001:db8::7\n   `- Banned IP list:\t\n";
        assert!(jail(&sshd).ends_with(expected), "{}", jail(&sshd));
    }

    #[test]
    fn a_jail_that_only_watches_says_why_and_what_to_do() {
        let mut status = status();
        status.jails[0].dry_run = true;
        let since = jiff::Timestamp::UNIX_EPOCH;
        status.jails[1].breaker = Some(BreakerStatus { since, withheld: 3 });
        let said = troubles(&status);
        assert_eq!(said[0], "jail http-get-dos is a dry run: it bans nobody");
        assert!(said[1].starts_with("jail sshd only watches"), "{said:?}");
        assert!(said[1].contains("3 bans; `gaoler resume sshd`"), "{said:?}");
        assert_eq!(said.len(), 2);
    }

    #[test]
    fn trouble_is_said_in_words() {
        let mut status = status();
        assert_eq!(troubles(&status), [""; 0]);
        status.enforcement.up = false;
        status.enforcement.condition = "nobody owns its bus name".into();
        status.sources[0].up = false;
        status.sources[0].trouble = Some("permission denied".into());
        assert_eq!(
            troubles(&status),
            [
                "bans are not enforced (firewalld): nobody owns its bus name",
                "/var/log/httpd/access_log is not read: permission denied",
            ]
        );
    }
}
